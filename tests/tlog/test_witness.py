from __future__ import annotations

from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.errors import Malformed
from node.tlog.checkpoint import read_checkpoint
from node.tlog.note import parse_signature_lines
from node.tlog.witness import (
    MAX_REQUEST_BYTES,
    SIZE_CONTENT_TYPE,
    AddCheckpointRequest,
    encode_size,
    parse_size,
)

# The examples of c2sp.org/tlog-witness.
NOTE = (
    "example.com/behind-the-sofa\n"
    "20852163\n"
    "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    "\n"
    "— example.com/behind-the-sofa "
    "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    "— example.com/behind-the-sofa "
    "opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=\n"
)
HASHES = (
    "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=",
    "jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=",
    "5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=",
    "/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=",
)
REQUEST = "\n".join(("old 20852014", *HASHES, "", NOTE))
ANSWER = (
    "— witness.example/w1 CMp+6LWBU0anHGH5aNDTJkH/gj79sG+T6+iP2ThYN5krrDJbR1HDnucjL39QsZTSvVjyQLrdk3DXDqI5G2HgLatVs0p"
    "Wh6Up69HVOw==\n"
    "— witness.example/w1 I7rEps0pvK2UqkS2gSpVUDhrhVtQV9lgF6pRrWAvjJHjyWpW7VcE3SiOlVlbQNt64vWhO+DlkL0+UfzuOBMh9ChdMkP"
    "1vi/lCAsmlw==\n"
    "— witness.example/w2 AWui8Sk55XjYLOijihBjhqEH6nS1ndDymE0a+6idX7pLcnoB+dhnz0854aLZgrrKbYKA7nC3HNJhm/kWl7oJlqU3rXX"
    "vpysAdyP3wQ==\n"
)


def test_golden_request():
    request = AddCheckpointRequest.parse(REQUEST.encode())
    assert request == AddCheckpointRequest(20852014, tuple(map(b64decode, HASHES)), NOTE.encode())
    assert request.encode() == REQUEST.encode()
    head, note = read_checkpoint(request.note)
    assert (head.size, len(note.signatures)) == (20852163, 2)


def test_golden_answer():
    assert [each.name[-2:] for each in parse_signature_lines(ANSWER.encode())] == ["w1", "w1", "w2"]


@given(
    st.integers(0, 2**63 - 1),
    st.lists(st.binary(min_size=32, max_size=32), max_size=63).map(tuple),
    st.binary(max_size=100),
)
def test_requests_round_trip(old_size, proof, note):
    request = AddCheckpointRequest(old_size, proof, note)
    assert AddCheckpointRequest.parse(request.encode()) == request


@pytest.mark.parametrize(
    "body",
    [
        "",
        "\n",
        "\n\n",
        NOTE,
        "old 0\n" + NOTE,
        "old 0",
        "old 0\n",
        "\nold 0\n\n" + NOTE,
        "old\n\n" + NOTE,
        "old \n\n" + NOTE,
        "old  0\n\n" + NOTE,
        "old 00\n\n" + NOTE,
        "old -1\n\n" + NOTE,
        "old 01\n\n" + NOTE,
        "old 1 \n\n" + NOTE,
        "old 1\r\n\r\n" + NOTE,
        "old ١\n\n" + NOTE,
        f"old {2**63}\n\n" + NOTE,
        "Old 1\n\n" + NOTE,
        "size 1\n\n" + NOTE,
        "old 1\n" + HASHES[0] + " \n\n" + NOTE,
        "old 1\n" + HASHES[0][:-1] + "\n\n" + NOTE,
        "old 1\n" + "AAAA\n\n" + NOTE,
        "old 1\n" + (HASHES[0] + "\n") * 64 + "\n" + NOTE,
        "old 0\n\n" + "x" * MAX_REQUEST_BYTES,
    ],
    ids=lambda body: repr(body[:30]),
)
def test_other_requests_are_malformed(body):
    with pytest.raises(Malformed):
        AddCheckpointRequest.parse(body.encode())


def test_requests_that_cannot_be_sent():
    value = b"h" * 32
    for old_size, proof in ((-1, ()), (2**63, ()), (1, (value,) * 64), (1, (value[1:],))):
        with pytest.raises(Malformed):
            AddCheckpointRequest(old_size, proof, b"").encode()
    AddCheckpointRequest(1, (value,) * 63, b"").encode()


@given(st.binary(max_size=100))
def test_any_bytes_are_a_request_or_malformed(data):
    for body in (data, b"old 1\n" + data, b"old 1\n\n" + data):
        try:
            request = AddCheckpointRequest.parse(body)
        except Malformed:
            continue
        assert request.encode() == body


@given(st.integers(0, 2**63 - 1))
def test_sizes_round_trip(size):
    assert parse_size(encode_size(size)) == size


def test_golden_size():
    assert SIZE_CONTENT_TYPE == "text/x.tlog.size"
    assert encode_size(20852163) == b"20852163\n"
    bad = (
        b"",
        b"\n",
        b"1",
        b"1\n\n",
        b" 1\n",
        b"1\r\n",
        b"01\n",
        b"-1\n",
        b"\xff\n",
        b"%d\n" % 2**63,
        b"1" * 10**6 + b"\n",
    )
    for body in bad:
        with pytest.raises(Malformed):
            parse_size(body)
    for size in (-1, 2**63):
        with pytest.raises(Malformed):
            encode_size(size)
