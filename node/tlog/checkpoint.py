"""Checkpoints (c2sp.org/tlog-checkpoint): the head of a log as the text of a note.

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from node.errors import BadProof, BadSignature, Malformed
from node.tlog._text import check_number, decode_base64, decode_decimal, encode_base64
from node.tlog.keys import VerifierKey, check_text
from node.tlog.merkle import EMPTY_ROOT, HASH_SIZE
from node.tlog.note import Note, parse_note, verify_note
from node.tlog.signature import KeyType, Signature


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Origin (name of the log), size (entries, below 2^63), root (32 bytes) and opaque extension lines.

    Raises Malformed on values that no checkpoint can have.
    """

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_number(self.size, "the size of a tree")
        if len(self.root) != HASH_SIZE:
            raise Malformed(f"a root has {HASH_SIZE} bytes")
        for line in (self.origin, *self.extensions):
            if not line or "\n" in line:
                raise Malformed("the lines of a checkpoint must not be empty")
            check_text(line + "\n")

    def text(self) -> str:
        """The note text, its final newline included."""
        lines = (self.origin, str(self.size), encode_base64(self.root), *self.extensions)
        return "\n".join(lines) + "\n"

    def check_empty_root(self) -> None:
        """Raises BadProof when the tree is empty and its root is not the hash of nothing (c2sp.org/tlog-witness)."""
        if self.size == 0 and self.root != EMPTY_ROOT:
            raise BadProof("a checkpoint of size 0 has another root than the empty tree")


def parse_checkpoint_text(text: str) -> Checkpoint:
    """Reads the text of a note as a checkpoint. Raises Malformed."""
    lines = text.split("\n")
    if len(lines) < 4 or lines.pop() != "":
        raise Malformed("a checkpoint has at least three lines, each ended by a newline")
    origin, size, root, *extensions = lines
    return Checkpoint(
        origin,
        decode_decimal(size, "the size of a checkpoint"),
        decode_base64(root, "the root of a checkpoint", HASH_SIZE),
        tuple(extensions),
    )


def read_checkpoint(data: bytes) -> tuple[Checkpoint, Note]:
    """Parses a signed checkpoint without verifying it: to look up the keys of the origin that it claims.

    Raises Malformed.
    """
    note = parse_note(data)
    return parse_checkpoint_text(note.text), note


def open_checkpoint(
    data: bytes, keys: Iterable[VerifierKey]
) -> tuple[Checkpoint, Note, list[tuple[VerifierKey, Signature]]]:
    """Parses and verifies a signed checkpoint.

    `keys` holds the log's key and, where cosignatures matter, the cosigners'. Returns the head, the note as it came
    (other signatures included) and the verified signatures with their keys.

    Raises:
        Malformed: no note, or no checkpoint in it.
        BadSignature: see `verify_note`; or no log key (type 0x01) whose name is the origin is among the signers. A
            key that is trusted for one log must not speak for another.
    """
    checkpoint, note = read_checkpoint(data)
    verified = verify_note(note, keys)
    if not any(key.type == KeyType.ED25519 and key.name == checkpoint.origin for key, _ in verified):
        raise BadSignature("the checkpoint is not signed by the log that it names")
    return checkpoint, note, verified
