from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.errors import Malformed
from node.tlog.cosignature import cosignature_message, cosignature_time, decode_timestamped, encode_timestamped
from node.tlog.note import Ed25519Signer, Note, parse_signature_lines, verify_note

# Text, message and line of the example of c2sp.org/tlog-cosignature.
TEXT = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
LINE = (
    "— witness.example.com/w1 "
    "jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
)


def test_golden_message():
    assert cosignature_message(TEXT, 1679315147) == (
        b"cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\n"
        b"CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    )


def test_golden_line():
    (line,) = parse_signature_lines(LINE.encode())
    assert line.key_id.hex() == "8d66cf3f"
    assert cosignature_time(line) == 1679315147
    assert line.line() == LINE


@given(st.integers(0, 2**63 - 1), st.binary(min_size=64, max_size=64))
def test_round_trip(timestamp_s, signature):
    data = encode_timestamped(timestamp_s, signature)
    assert len(data) == 72
    assert decode_timestamped(data) == (timestamp_s, signature)


@given(st.integers(0, 2**63 - 1), st.binary(min_size=32, max_size=32))
def test_a_cosignature_says_when_it_was_made(timestamp_s, seed):
    witness = Ed25519Signer("w.example", 4, seed)
    signature = witness.cosign(TEXT, timestamp_s)
    assert verify_note(Note(TEXT, (signature,)), [witness.verifier]) == [(witness.verifier, signature)]
    assert cosignature_time(signature) == timestamp_s


def test_limits():
    for timestamp_s in (-1, 2**63):
        with pytest.raises(Malformed):
            encode_timestamped(timestamp_s, b"s" * 64)
        with pytest.raises(Malformed):
            cosignature_message(TEXT, timestamp_s)
    with pytest.raises(Malformed):
        encode_timestamped(1, b"s" * 63)
    for data in (b"", b"\0" * 71, b"\0" * 73, b"\x80" + b"\0" * 71):
        with pytest.raises(Malformed):
            decode_timestamped(data)
