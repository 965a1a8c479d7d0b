"""What all workloads share: the form of a stage, and the records that it publishes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from node.domain.codes import Division
from node.domain.record import Document, Draft
from tests.crash.judge import Verdict
from tests.crash.places import Place
from tests.scenarios.net import division, expert, result

HUB_HOLDS = frozenset({"public", "shared", "restricted"})
ALL = HUB_HOLDS | {"local"}
Told = list[list[Any]]


class Stage(Protocol):
    """`role` is its node's. `build` fills the node before anything fails, `work` is the workload; `restarted` judges
    right after the restart, `finished` once the workload was run to its end."""

    name: str
    role: str

    def prepare(self, place: Place) -> None: ...

    async def build(self, place: Place) -> None: ...

    async def work(self, place: Place) -> None: ...

    async def restarted(self, place: Place, told: Told, verdict: Verdict) -> None: ...

    async def finished(self, place: Place, told: Told, verdict: Verdict, expected: int) -> int: ...


def drafts(mark: str, count: int) -> list[Draft]:
    """Records of three kinds; an expert has two sections for two audiences."""
    makers: Sequence[Callable[[str], Draft]] = (division, result, expert)
    return [makers[number % 3](f"{mark}{number:04d}") for number in range(count)]


def renamed(document: Document[Any] | None) -> Document[Any]:
    assert document is not None
    return replace_body(document, Division(code=document.body.code, name="改名区"))


def replace_body(document: Document[Any], body: Any) -> Document[Any]:
    return Document(document.key, body, document.source)


def replace_said(draft: Draft, word: str) -> Draft:
    """The same record, of which the source says something new."""
    return replace(draft, said={**draft.said, "word": word})


async def stream(body: bytes) -> AsyncIterator[bytes]:
    yield body
