"""Proofs that others made, valid and damaged: all of transparency-dev/merkle's test data."""

from __future__ import annotations

import json
import os
from base64 import b64decode
from pathlib import Path

import pytest

from node.errors import BadProof
from node.tlog.merkle import (
    verify_consistency,
    verify_inclusion,
    verify_subtree_consistency,
    verify_subtree_inclusion,
)

VECTORS = Path(__file__).resolve().parents[3] / "shared" / "vectors"


def cases(name: str, part: str) -> list:
    path = VECTORS / name
    if not path.exists():
        # One case that says why; the test fails instead of being skipped where all vectors must be there.
        return [pytest.param(None, id=f"{name}-absent")]
    return [pytest.param(case, id=case["name"]) for case in json.loads(path.read_text())[part]]


def check(case, verify, *arguments) -> None:
    if case["wantErr"]:
        with pytest.raises(BadProof):
            verify(*arguments)
    else:
        verify(*arguments)


@pytest.fixture
def case(request):
    if request.param is None:
        reason = f"{VECTORS} is not there: the proofs made by others were not run"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return request.param


def decoded(case, field: str):
    value = case[field]
    if field == "proof":
        return [b64decode(each) for each in value or ()]
    return b64decode(value)


@pytest.mark.parametrize("case", cases("rfc6962-proofs.json", "inclusion"), indirect=True)
def test_inclusion(case):
    leaf, proof, root = (decoded(case, field) for field in ("leafHash", "proof", "root"))
    check(case, verify_inclusion, case["leafIdx"], case["treeSize"], leaf, proof, root)


@pytest.mark.parametrize("case", cases("rfc6962-proofs.json", "consistency"), indirect=True)
def test_consistency(case):
    old, new, proof = (decoded(case, field) for field in ("root1", "root2", "proof"))
    check(case, verify_consistency, case["size1"], case["size2"], old, new, proof)


@pytest.mark.parametrize("case", cases("subtree-proofs.json", "subtreeinclusion"), indirect=True)
def test_subtree_inclusion(case):
    leaf, proof, root = (decoded(case, field) for field in ("leafHash", "proof", "root"))
    check(case, verify_subtree_inclusion, case["leafIdx"], case["start"], case["end"], leaf, proof, root)


@pytest.mark.parametrize("case", cases("subtree-proofs.json", "subtreeconsistency"), indirect=True)
def test_subtree_consistency(case):
    subtree, root, proof = (decoded(case, field) for field in ("root1", "root2", "proof"))
    check(case, verify_subtree_consistency, case["start"], case["end"], case["size"], subtree, proof, root)
