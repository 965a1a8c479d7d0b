from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.errors import BadSignature, Malformed
from node.wire import custody
from node.wire.custody import Custody, open_custody
from tests.wire.test_golden import CUSTODIAN, CUSTODY, key, signed


@st.composite
def made(draw: st.DrawFn) -> Custody:
    start, end, size = sorted(draw(st.tuples(*[st.integers(0, 2**62)] * 3)))
    names = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=10)
    return Custody(
        draw(names),
        size,
        draw(st.binary(min_size=32, max_size=32)),
        draw(st.integers(0, 2**40)),
        start,
        end,
        tuple(draw(st.lists(st.tuples(st.integers(0, 2**62), names), max_size=5))),
    )


@given(made())
def test_what_is_written_is_read(note: Custody) -> None:
    assert custody.parse(note.text()) == note


@given(st.integers(0, len(CUSTODY.text()) - 1), st.characters(exclude_categories=["Cs"]))
def test_a_changed_character_is_another_note_or_none(at: int, char: str) -> None:
    text = CUSTODY.text()
    changed = text[:at] + char + text[at + 1 :]
    try:
        found = custody.parse(changed)
    except Malformed:
        return
    assert found.text() == changed
    assert (found == CUSTODY) == (changed == text)


LINES = CUSTODY.text().split("\n")


def without(place: int) -> str:
    return "\n".join(LINES[:place] + LINES[place + 1 :])


HOSTILE = {
    "nothing": "",
    "only its first line": "ggzy-node/custody/v1\n",
    "another version": CUSTODY.text().replace("/v1", "/v2"),
    "no final newline": CUSTODY.text()[:-1],
    "an empty line more": CUSTODY.text() + "\n",
    **{f"without line {place}": without(place) for place in range(6)},
    "a size with a zero in front": CUSTODY.text().replace("1024", "01024"),
    "a size with a sign": CUSTODY.text().replace("1024", "+1024"),
    "a size with a line between digits": CUSTODY.text().replace("1024", "1_024"),
    "a size in other digits": CUSTODY.text().replace("1024", "１024"),
    "a size of five thousand digits": CUSTODY.text().replace("1024", "1" * 5000),
    "a range beyond the size": CUSTODY.text().replace("range 0 1000", "range 0 1025"),
    "a range backwards": CUSTODY.text().replace("range 0 1000", "range 5 4"),
    "a negative range": CUSTODY.text().replace("range 0 1000", "range -1 4"),
    "a root of 31 bytes": replace(CUSTODY, root=bytes(31)).text(),
    "a root of other letters": CUSTODY.text().replace("AAEC", "A-EC"),
    "another word": CUSTODY.text().replace("missing 999", "present 999"),
    "no section": CUSTODY.text().replace("missing 999 main", "missing 999"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_another_form_is_refused(what: str) -> None:
    assert HOSTILE[what] != CUSTODY.text()
    with pytest.raises(Malformed):
        custody.parse(HOSTILE[what])


def test_only_a_custody_key_speaks() -> None:
    data = signed(CUSTODY.text(), CUSTODIAN)
    found, note, signer = open_custody(data, [key("other.example/custody", 9).verifier, CUSTODIAN.verifier])
    assert (found, signer) == (CUSTODY, CUSTODIAN.verifier)
    assert note.encode() == data
    for keys in ([], [key("other.example/custody", 9).verifier]):
        with pytest.raises(BadSignature):
            open_custody(data, keys)
    with pytest.raises(BadSignature):
        open_custody(data.replace(b"range 0 1000", b"range 0 1001"), [CUSTODIAN.verifier])


def test_it_says_what_it_holds() -> None:
    assert CUSTODY.holds(17, "other")
    assert CUSTODY.holds(0, "main")
    for index, section in ((17, "main"), (999, "main"), (1000, "main"), (-1, "main")):
        assert not CUSTODY.holds(index, section)
