"""Signed notes (c2sp.org/signed-note): a text, a blank line, signature lines.

    This is an example message.

    — example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=

Nothing of a text may be used before `verify_note` has returned.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from node.errors import BadSignature, Malformed
from node.tlog._text import decode_utf8
from node.tlog.keys import Ed25519Signer, VerifierKey, check_text
from node.tlog.signature import (
    MAX_SIGNATURES,
    KeyType,
    Signature,
    key_id,
    parse_signature_lines,
    validate_key_name,
)

__all__ = [
    "MAX_NOTE_BYTES",
    "MAX_SIGNATURES",
    "Ed25519Signer",
    "KeyType",
    "Note",
    "Signature",
    "VerifierKey",
    "key_id",
    "parse_note",
    "parse_signature_lines",
    "validate_key_name",
    "verify_note",
]

MAX_NOTE_BYTES = 1_000_000
"""Longest note that is read."""


@dataclass(frozen=True, slots=True)
class Note:
    """A text, its final newline included, and the signatures on it in their order.

    Raises Malformed on a text that no note can have.
    """

    text: str
    signatures: tuple[Signature, ...]

    def __post_init__(self) -> None:
        check_text(self.text)

    def encode(self) -> bytes:
        """The bytes of the note. Raises Malformed with no signature or more than 100."""
        if not 1 <= len(self.signatures) <= MAX_SIGNATURES:
            raise Malformed(f"a note has 1 to {MAX_SIGNATURES} signatures")
        return (self.text + "\n" + "".join(each.line() for each in self.signatures)).encode()

    def with_signatures(self, *signatures: Signature) -> Note:
        """The note with more signatures at its end; of exact duplicates the first stays."""
        return Note(self.text, tuple(dict.fromkeys((*self.signatures, *signatures))))


def parse_note(data: bytes) -> Note:
    """Reads a note without verifying it. Raises Malformed on all that the specification does not allow."""
    if len(data) > MAX_NOTE_BYTES:
        raise Malformed(f"the note is longer than {MAX_NOTE_BYTES} bytes")
    # The text may hold empty lines: the last one is the separator.
    text, separator, lines = data.rpartition(b"\n\n")
    if not separator:
        raise Malformed("a note needs a blank line before its signatures")
    return Note(decode_utf8(text, "the note") + "\n", tuple(parse_signature_lines(lines)))


def verify_note(note: Note, keys: Iterable[VerifierKey]) -> list[tuple[VerifierKey, Signature]]:
    """Each signature of `note` that one of `keys` made, with its key, in the order of the note.

    Signatures of other keys are ignored. A cosigner's key is checked against the cosignature message.

    Raises:
        BadSignature: none of `keys` signed, or a line that names one of them does not verify.
        Malformed: two of `keys` have the same name and id, so that a line cannot tell them apart.
    """
    known: dict[tuple[str, bytes], VerifierKey] = {}
    for key in keys:
        if known.setdefault((key.name, key.key_id), key) != key:
            raise Malformed(f"two keys of {key.name} have the same id")
    verified = []
    for signature in note.signatures:
        signer = known.get((signature.name, signature.key_id))
        if signer is not None:
            signer.verify(note.text, signature)
            verified.append((signer, signature))
    if not verified:
        raise BadSignature("no trusted key signed the note")
    return verified
