"""Dated Ed25519 cosignatures on checkpoints (c2sp.org/tlog-cosignature): the signed message and its encoding.

cosignature/v1
time 1679315147
example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
"""

from __future__ import annotations

from node.errors import Malformed
from node.tlog._text import MAX_NUMBER, check_number
from node.tlog.signature import Signature

TIME_BYTES = 8
_SIGNATURE_BYTES = 64


def cosignature_message(text: str, timestamp_s: int) -> bytes:
    """What a cosigner signs: header and time before the whole text of the checkpoint, its final newline included.

    `timestamp_s` is POSIX time in seconds; raises Malformed unless it is from 0 to 2^63 - 1.
    """
    check_number(timestamp_s, "the time of a cosignature")
    return f"cosignature/v1\ntime {timestamp_s}\n{text}".encode()


def encode_timestamped(timestamp_s: int, signature: bytes) -> bytes:
    """`timestamped_signature`: POSIX seconds as big-endian uint64, then the 64 bytes of the Ed25519 signature."""
    check_number(timestamp_s, "the time of a cosignature")
    if len(signature) != _SIGNATURE_BYTES:
        raise Malformed(f"an Ed25519 signature has {_SIGNATURE_BYTES} bytes")
    return timestamp_s.to_bytes(TIME_BYTES, "big") + signature


def decode_timestamped(data: bytes) -> tuple[int, bytes]:
    """(POSIX seconds, Ed25519 signature) of a `timestamped_signature`. Raises Malformed on another length or time."""
    if len(data) != TIME_BYTES + _SIGNATURE_BYTES:
        raise Malformed(f"a cosignature has {TIME_BYTES + _SIGNATURE_BYTES} bytes")
    return decode_time(data), data[TIME_BYTES:]


def decode_time(data: bytes) -> int:
    """POSIX seconds of a `timestamped_signature` of any algorithm. Raises Malformed on another time or none."""
    if len(data) < TIME_BYTES:
        raise Malformed("a cosignature begins with its time")
    timestamp_s = int.from_bytes(data[:TIME_BYTES], "big")
    if timestamp_s > MAX_NUMBER:
        raise Malformed("the time of a cosignature is beyond 2^63 - 1")
    return timestamp_s


def cosignature_time(signature: Signature) -> int:
    """POSIX seconds at which a cosignature line says it was made; true only once the line is verified."""
    return decode_time(signature.signature)
