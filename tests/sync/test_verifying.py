"""A process aside answers as we would, and its loss costs nothing but time."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from node.sync import verifying
from node.sync.verifying import Verifier, worth_it
from node.tlog.tiles import encode_bundle
from node.wire import brought, pack
from node.wire.brought import Brought, Entries
from node.wire.pack import Pack
from tests.wire.test_brought import MINE, ORIGIN, TWO, entry, rows


def question(strange: bool = False) -> Brought:
    data = pack.encode(Pack(ORIGIN, 0, 256, "public", rows(0, 256, "strange" if strange else "main")))
    full = encode_bundle([entry(index, TWO) for index in range(256)])
    return Brought(ORIGIN, 0, 256, MINE, [Entries(0, full)], [data])


@pytest.fixture
def aside(monkeypatch: pytest.MonkeyPatch) -> Iterator[Verifier]:
    monkeypatch.setattr(verifying, "LEAST_BYTES", 0)
    made = Verifier(aside=True)
    yield made
    made.close()


def child_of(verifier: Verifier) -> int:
    assert verifier._child is not None
    return verifier._child.pid


def test_the_answer_is_the_same(aside: Verifier) -> None:
    for strange in (False, True, False):
        assert aside.check(question(strange)) == brought.check(question(strange))
    assert child_of(aside) != os.getpid()


def test_a_child_that_is_gone_is_done_without_and_made_anew(
    aside: Verifier, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    aside.check(question())
    first = child_of(aside)
    os.kill(first, signal.SIGKILL)
    assert aside.check(question(strange=True)) == brought.check(question(strange=True))
    assert aside.check(question()) == brought.check(question())
    assert child_of(aside) != first


def test_a_child_ends_with_its_parents_pipe(aside: Verifier) -> None:
    aside.check(question())
    child = aside._child
    assert child is not None and child.stdin is not None
    child.stdin.close()
    assert child.wait(timeout=30) == 0


def test_a_child_that_is_busy_is_not_waited_for(aside: Verifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "TURN_S", 0.0)
    with aside._busy:
        assert aside.check(question()) == brought.check(question())
    assert aside._child is None


def test_small_questions_are_answered_at_once() -> None:
    verifier = Verifier(aside=True)
    assert verifier.check(question()) == brought.check(question())
    assert verifier._child is None
    verifier.close()


@pytest.mark.parametrize(
    ("role", "workers", "cores", "worth"),
    [
        ("hub", 1, 2, True),
        ("national", 1, 8, True),
        ("hub", 1, 1, False),
        ("hub", 2, 8, False),
        ("district", 1, 8, False),
    ],
)
def test_who_gains_by_it(role: str, workers: int, cores: int, worth: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    assert worth_it(role, workers) is worth
