"""Signed notes (c2sp.org/signed-note): a text, a blank line, signature lines.

    This is an example message.

    — example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=

Nothing of a text may be used before `verify_note` has returned.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from node.errors import BadSignature, Malformed
from node.tlog import sm2
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
from node.tlog.suites import with_added

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

_Place = tuple[str, bytes]  # key name and key id: what a line names


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

    Signatures of other keys are ignored, and those of a suite that this machine lacks. A cosigner's key is checked
    against the cosignature message. A key with others in `also` counts only when all of them signed; their lines are
    given as well.

    Raises:
        BadSignature: none of `keys` signed so that it counts, or a line that names one of them does not verify.
        Unavailable: none counts, for want of a signature that this machine cannot check.
        Malformed: two of `keys` have the same name and id, so that a line cannot tell them apart.
    """
    keys = list(keys)
    known: dict[_Place, VerifierKey] = {}
    for key in (each for given in keys for each in with_added(given)):
        held = known.setdefault(_place(key), key)
        if (held.type, held.public) != (key.type, key.public):
            raise Malformed(f"two keys of {key.name} have the same id")
    verified: list[tuple[_Place, Signature]] = []
    for signature in note.signatures:
        place = signature.name, signature.key_id
        if place in known and known[place].checkable:
            known[place].verify(note.text, signature)
            verified.append((place, signature))
    counted = _counted(keys, {place for place, _ in verified})
    return [(counted[place], signature) for place, signature in verified if place in counted]


def _place(key: VerifierKey) -> _Place:
    return key.name, key.key_id


def _counted(keys: Iterable[VerifierKey], signed: set[_Place]) -> dict[_Place, VerifierKey]:
    """The keys that signed together with all that they ask for, and those asked for. Raises what `verify_note` does."""
    counted: dict[_Place, VerifierKey] = {}
    missing: list[VerifierKey] = []
    for key in keys:
        if _place(key) in signed:
            absent = [each for each in key.also if _place(each) not in signed]
            counted.update({} if absent else {_place(each): each for each in with_added(key)})
            missing += absent
    if counted:
        return counted
    for key in missing:
        if not key.checkable:
            sm2.require()
    if missing:
        raise BadSignature(
            f"the note lacks the added signature of {missing[0].name} that is asked for",
            zh="缺少信任策略要求的附加签名",
            advice_zh="请核对该日志的签名套件（suite）与信任策略是否一致。",
            advice_en="Compare the log's signature suite with what the trust policy asks for.",
        )
    raise BadSignature("no trusted key signed the note")
