from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from node.attachments.carry import Pace
from node.attachments.listing import HOLDERS, MOST, listed_in, narrower
from node.domain.acts import Act, Attached
from node.domain.audience import AUDIENCES
from node.domain.record import Document, Source
from node.wire import payload

GOOD = Attached("图纸.pdf", "ab" * 32, 7, "application/pdf", "shared")


def test_kinds_that_can_list_files_are_known_by_their_shapes() -> None:
    assert HOLDERS["trade.act"] == ("main",) and HOLDERS["trade.step"] == ("main",)
    assert "trade.result" not in HOLDERS and "rule.package" not in HOLDERS


def test_the_files_of_an_act_are_found() -> None:
    act = Act(trade="t", seq=1, category="c", act="a", rules="r", at=1, title="x", attachments=[GOOD])
    assert listed_in(payload.encode(Document("t/1", act, Source("s")))) == [GOOD]


@settings(max_examples=30)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=5) | st.binary(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["attachments", "x"]), inner),
        max_leaves=20,
    )
)
def test_whatever_a_payload_holds_nothing_is_raised(value: object) -> None:
    listed_in(msgspec.msgpack.encode(value))


def test_a_list_that_is_no_list_of_files_counts_for_nothing() -> None:
    plain = msgspec.to_builtins(GOOD)
    wrong = [plain | {"sha256": "AB" * 32}, plain | {"size": 0}, plain | {"size": "7"}, plain | {"name": "x" * 500}, 5]
    assert listed_in(payload.encode({"attachments": [*wrong, plain]})) == [GOOD]
    assert len(listed_in(payload.encode({"attachments": [plain] * (MOST + 50)}))) == MOST
    assert listed_in(b"\xc1") == []


@given(st.sampled_from([*AUDIENCES, "new"]), st.sampled_from([*AUDIENCES, "new"]))
def test_the_narrower_audience_is_in_both(one: str, other: str) -> None:
    got = narrower(one, other)
    assert got == narrower(other, one) and got in AUDIENCES
    for each in (one, other):
        assert AUDIENCES.index(got) >= (AUDIENCES.index(each) if each in AUDIENCES else 3)


async def test_the_pace_lets_so_many_bytes_through_in_a_second() -> None:
    now, slept = [0.0], []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    pace = Pace(1000, now=lambda: now[0], sleep=sleep)
    for _ in range(5):
        await pace.let(500)
    assert sum(slept) == 2.0
    now[0] += 100
    await pace.let(500)
    assert sum(slept) == 2.0, "what was not used in time is not made up for, and nobody waits for it"
    await Pace(0, now=lambda: now[0], sleep=sleep).let(10**12)
    assert sum(slept) == 2.0
