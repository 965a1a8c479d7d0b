"""Loaded by schemathesis through SCHEMATHESIS_HOOKS: what it cannot find in the description of the interface.

Bodies of which some are right and some nearly right, addresses whose slashes stay as they are, a member's signature,
and a count of what came back. `fuzz_run` lays all of it down in the folder that GGZY_FUZZ names:

    bodies/<operationId>/<n>   right bodies
    signer.json                whose request key signs, for which node, at which second; not there in an unsigned run
    answers.json               written at the end: operationId -> status -> how often
"""

from __future__ import annotations

import atexit
import itertools
import json
import os
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from requests import PreparedRequest
from requests.auth import AuthBase
from schemathesis import Case, HookContext, Response

from node import keyring
from node.wire import auth

FOLDER = Path(os.environ["GGZY_FUZZ"])
BODIES = {
    folder.name: [file.read_bytes() for file in sorted(folder.iterdir())] for folder in (FOLDER / "bodies").iterdir()
}
ANSWERS: defaultdict[str, Counter[int]] = defaultdict(Counter)


def _name(case: Case) -> str:
    return str(case.operation.definition.raw["operationId"])


# --- bodies ---------------------------------------------------------------------------------------------------------


@schemathesis.hook
def before_generate_case(context: HookContext, strategy: SearchStrategy[Case]) -> SearchStrategy[Case]:
    operation = context.operation
    good = BODIES.get(operation.definition.raw["operationId"]) if operation else None
    if not good:
        return strategy
    right = st.sampled_from(good)
    damaged = st.builds(_damage, right, st.floats(0, 1), st.binary(max_size=40), st.integers(0, 40))
    return st.builds(_fill, strategy, st.none() | right | damaged)


def _damage(data: bytes, where: float, put: bytes, taken: int) -> bytes:
    at = int(where * len(data))
    return data[:at] + put + data[at + taken :]


def _fill(case: Case, body: bytes | None) -> Case:
    if body is None:
        return case
    if case.media_type == "application/json":
        try:
            case.body = json.loads(body)
        except ValueError:
            return case
    else:
        case.body = body
    return case


# --- addresses and signatures ---------------------------------------------------------------------------------------


def _keep_slashes(url: str) -> str:
    """OpenAPI 3.1 cannot say that a parameter's slashes stay as they are, as in `{tile}` and `{cosigner}`."""
    address, mark, query = url.partition("?")
    if "/tlog/" in address or "/cosigned/" in address:
        address = address.replace("%2F", "/")
    return address + mark + query


class Member(AuthBase):
    """Signs what goes out (RFC 9421), when there is somebody to sign as."""

    def __init__(self, folder: Path) -> None:
        file = folder / "signer.json"
        self._as: dict[str, Any] | None = json.loads(file.read_text()) if file.exists() else None
        if self._as is not None:
            self._key = keyring.load(Path(self._as["keys"]), self._as["node"], 1).request
        self._nonces = itertools.count(time.time_ns())

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.url = _keep_slashes(str(request.url))
        if self._as is not None:
            body = request.body or b""
            request.headers.update(
                auth.sign(
                    self._key,
                    str(request.method),
                    request.path_url,
                    body.encode() if isinstance(body, str) else bytes(body),
                    to=self._as["to"],
                    created_s=self._as["created_s"] or int(time.time()),
                    nonce=f"fuzz-{next(self._nonces):020d}",
                )
            )
        return request


schemathesis.auth.set_from_requests(Member(FOLDER))


# --- what came back -------------------------------------------------------------------------------------------------


@schemathesis.hook
def after_call(context: HookContext, case: Case, response: Response) -> None:
    if case.method.lower() == case.operation.method.lower():
        ANSWERS[_name(case)][response.status_code] += 1


@atexit.register
def _tell() -> None:
    (FOLDER / "answers.json").write_text(json.dumps(ANSWERS))
