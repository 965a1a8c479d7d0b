"""A signed call that was sent twice by the connection below it is signed anew; any other refusal stays one."""

from __future__ import annotations

import json

import pytest

from node.errors import Unauthenticated
from node.sync.peer import Peer, Reply, Request
from node.tlog.keys import KeyType
from node.tlog.note import Ed25519Signer


class Line:
    """Answers each request with the next of the given answers, and keeps what was asked."""

    def __init__(self, *answers: Reply) -> None:
        self._answers = list(answers)
        self.asked: list[Request] = []

    async def send(self, request: Request) -> Reply:
        self.asked.append(request)
        return self._answers.pop(0)


def refusal(field: str) -> Reply:
    body = {"status": 401, "code": Unauthenticated.code, "detail": "this request was seen before", "field": field}
    return Reply(401, {"Content-Type": "application/problem+json"}, json.dumps(body).encode())


GOOD = Reply(200, {"Content-Type": "application/json"}, b"{}")


def peer(line: Line) -> Peer:
    signer = Ed25519Signer("ggzy.example/t/d1", KeyType.ED25519, bytes(32))
    return Peer("ggzy.example/t", line, signer, lambda: 1_700_000_000_000)


async def test_a_call_that_counts_as_seen_is_signed_anew() -> None:
    line = Line(refusal("nonce"), GOOD)
    await peer(line).hello()
    first, second = (request.headers["Signature-Input"] for request in line.asked)
    assert first != second


@pytest.mark.parametrize("answers", [[refusal("nonce"), refusal("nonce")], [refusal("keyid")]])
async def test_it_is_tried_once_more_and_for_that_alone(answers: list[Reply]) -> None:
    line = Line(*answers)
    with pytest.raises(Unauthenticated):
        await peer(line).hello()
    assert len(line.asked) == len(answers)
