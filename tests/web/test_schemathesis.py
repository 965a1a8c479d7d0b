"""Schemathesis over all operations of a real node: no 5xx, and no answer that the description does not name.

The short form of `scripts/fuzz-api`. Operations come from `/openapi.json`, so a new one is under it from its first day.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from node.web import openapi, ops
from tests.web.api_node import NOW_MS
from tests.web.fuzz_run import fuzz

SEED = 20261123
EXAMPLES = 3


def _operations() -> set[str]:
    items = openapi.document("")["paths"].values()
    # Schemathesis leaves out the address from which it has read the description.
    return {operation["operationId"] for item in items for operation in item.values()} - {"openapi"}


# What wants a person's session, or something that this node does not hold: tests/web/test_files_api.py,
# tests/web/disclosures, tests/web/test_rules_pages.py and tests/opendata look at their answers.
ELSEWHERE = frozenset(
    "beginUpload goOnUploading giveUpUpload getFile openDataFile".split()
    + "getTrade tradePage projectPage rulePage rulesDiff".split()
)


@pytest.mark.parametrize(("signed", "phases"), [(False, "examples,fuzzing,stateful"), (True, "coverage,fuzzing")])
async def test_every_answer_is_described(tmp_path: Path, signed: bool, phases: str) -> None:
    told = await fuzz(tmp_path, signed=signed, seed=SEED, examples=EXAMPLES, clock=lambda: NOW_MS, phases=phases)
    assert told.status == 0, told.output
    assert set(told.answers) == _operations()
    if signed:
        # A fuzz that is always turned away at the door tests nothing. When this fails for a new operation, let
        # `fuzz_run` know the values of its parameters and a body.
        shut = {name: statuses for name, statuses in told.answers.items() if not set(statuses) - {401, 404}}
        assert set(shut) - ELSEWHERE == set(), sorted(shut)


async def test_a_false_description_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = openapi.document("")
    paths = {
        **made["paths"],
        "/healthz": {"get": {"operationId": "healthz", "responses": {"418": {"description": ""}}}},
    }
    monkeypatch.setattr(ops, "document", lambda url: {**made, "servers": [{"url": url}], "paths": paths})
    told = await fuzz(tmp_path, signed=False, seed=SEED, examples=1, clock=lambda: NOW_MS, only="healthz")
    assert told.status == 1, told.output
    assert "ST103 Undocumented status code: 1" in told.output, told.output
