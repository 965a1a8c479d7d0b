"""Trust policies that outside verifiers read (c2sp.org/tlog-policy): logs, witnesses and the quorum of a checkpoint.

    log <vkey>
    witness X1 <vkey>
    witness X2 <vkey> https://witness.example/
    group X any X1 X2
    quorum X

Octets beyond ASCII are opaque here: those that are not UTF-8 become surrogates (PEP 383) and come out as they went in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from node.errors import BadSignature, Malformed
from node.tlog._text import decode_decimal
from node.tlog.checkpoint import Checkpoint, parse_checkpoint_text
from node.tlog.keys import VerifierKey
from node.tlog.mldsa import ML_DSA_44, parse_vkey
from node.tlog.note import Note, verify_note
from node.tlog.signature import KeyType

NONE = "none"
"""Quorum of a policy that asks for no cosignature."""
OUTSIDE, BOTH = "outside", "federation-and-outside"
"""Groups that `with_witnesses` makes."""
MAX_POLICY_BYTES = 4_000_000
MAX_ITEMS = 4096
"""Most logs, most witnesses, most groups; the specification recommends at least 32."""

_FORBIDDEN = re.compile(rb"[^\t\n\x20-\x7e\x80-\xff]")


@dataclass(frozen=True, slots=True)
class PolicyLog:
    """A log that is accepted; the name of its key is its origin."""

    key: VerifierKey
    url: str | None = None


@dataclass(frozen=True, slots=True)
class PolicyWitness:
    """A cosigner under a name that has a meaning in the policy only."""

    name: str
    key: VerifierKey
    url: str | None = None


@dataclass(frozen=True, slots=True)
class PolicyGroup:
    """Counts as having cosigned when at least `threshold` of `members` (witnesses, earlier groups) have."""

    name: str
    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PolicyResult:
    """The log key that signed, and the names of the policy's witnesses that cosigned, in the policy's order."""

    log: VerifierKey
    witnesses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LogPolicy:
    """`quorum` is the name of a witness or group, or NONE. Raises Malformed on what the format cannot express."""

    logs: tuple[PolicyLog, ...]
    witnesses: tuple[PolicyWitness, ...]
    groups: tuple[PolicyGroup, ...]
    quorum: str
    _cosigners: tuple[VerifierKey, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if max(len(self.logs), len(self.witnesses), len(self.groups)) > MAX_ITEMS:
            raise Malformed(f"the policy has more than {MAX_ITEMS} logs, witnesses or groups")
        object.__setattr__(self, "_cosigners", tuple(witness.key for witness in self.witnesses))
        _check_keys("log", [log.key for log in self.logs], KeyType.ED25519)
        _check_keys("witness", self._cosigners, KeyType.COSIGNATURE)
        for word in (log.url for log in self.logs):
            _check_word(word)
        names = {NONE}
        for witness in self.witnesses:
            _check_word(witness.url)
            _define(witness.name, names)
        members: set[str] = set()
        for group in self.groups:
            if not 1 <= group.threshold <= len(group.members):
                raise Malformed(f"the threshold of group {_show(group.name)} is not from 1 to its number of members")
            for member in group.members:
                if member == NONE or member not in names:
                    raise Malformed(f"group {_show(group.name)} lists {_show(member)}, which is not defined before it")
                # Across all groups: a witness that counted twice could stand for two.
                if member in members:
                    raise Malformed(f"{_show(member)} is listed twice as a member of a group")
                members.add(member)
            _define(group.name, names)
        if self.quorum not in names:
            raise Malformed(f"the quorum {_show(self.quorum)} is not defined")

    @classmethod
    def parse(cls, data: bytes) -> LogPolicy:
        """Reads a policy file. Raises Malformed, naming the line."""
        if len(data) > MAX_POLICY_BYTES:
            raise Malformed(f"the policy is longer than {MAX_POLICY_BYTES} bytes")
        if _FORBIDDEN.search(data):
            raise Malformed("the policy holds a control character other than tab and newline")
        lines = data.split(b"\n")
        if lines.pop():
            raise Malformed("the last line of the policy does not end in a newline")
        reader = _Reader()
        for number, line in enumerate(lines, 1):
            words = [word.decode("utf-8", "surrogateescape") for word in re.split(rb"[ \t]+", line.strip(b" \t"))]
            try:
                reader.read(words)
            except Malformed as error:
                raise Malformed(f"line {number}: {error.detail}") from None
        if reader.quorum is None:
            raise Malformed("the policy has no quorum line")
        return cls(tuple(reader.logs), tuple(reader.witnesses), tuple(reader.groups), reader.quorum)

    def format(self) -> bytes:
        """The policy as a file that `parse` reads back; without comments."""
        lines = [_join("log", log.key.vkey(), log.url) for log in self.logs]
        lines += [_join("witness", each.name, each.key.vkey(), each.url) for each in self.witnesses]
        lines += [_join("group", each.name, _threshold(each), *each.members) for each in self.groups]
        lines.append(_join("quorum", self.quorum))
        return "".join(lines).encode("utf-8", "surrogateescape")

    def with_witnesses(self, more: Sequence[PolicyWitness], *, needed: int = 0) -> LogPolicy:
        """This policy with more witnesses in it; of them `needed` must have cosigned, beside the quorum of before.

        Raises Malformed when `needed` is more than there are, or a name or public key is in the policy already.
        """
        listed = replace(self, witnesses=(*self.witnesses, *more))
        if needed == 0:
            return listed
        group = PolicyGroup(OUTSIDE, needed, tuple(each.name for each in more))
        if self.quorum == NONE:
            return replace(listed, groups=(*self.groups, group), quorum=OUTSIDE)
        both = PolicyGroup(BOTH, 2, (self.quorum, OUTSIDE))
        return replace(listed, groups=(*self.groups, group, both), quorum=BOTH)

    def check(self, note: Note, checkpoint: Checkpoint, *, more_logs: Iterable[VerifierKey] = ()) -> PolicyResult:
        """Whether the signed checkpoint is valid: signed by a listed log under its own origin, and by the quorum.

        `more_logs` are log keys known from elsewhere; a policy may list none.

        Raises:
            BadSignature: no log of that origin signed; a signature of a known key does not verify; or the quorum is
                not reached, naming the members that are missing.
            Malformed: `checkpoint` is not the one in `note`.
        """
        if parse_checkpoint_text(note.text) != checkpoint:
            raise Malformed("the note holds another checkpoint")
        logs = dict.fromkeys((*(log.key for log in self.logs), *more_logs))
        verified = {key for key, _ in verify_note(note, (*logs, *self._cosigners))}
        log = next((key for key in logs if key in verified and key.name == checkpoint.origin), None)
        if log is None:
            raise BadSignature("the checkpoint is not signed by a log that the policy accepts for its origin")
        witnesses = tuple(witness.name for witness in self.witnesses if witness.key in verified)
        self._check_quorum(set(witnesses))
        return PolicyResult(log, witnesses)

    def _check_quorum(self, satisfied: set[str]) -> None:
        # Groups name earlier groups only, so one pass in their order settles all.
        for group in self.groups:
            if sum(member in satisfied for member in group.members) >= group.threshold:
                satisfied.add(group.name)
        if self.quorum == NONE or self.quorum in satisfied:
            return
        for group in self.groups:
            if group.name == self.quorum:
                missing = [_show(member) for member in group.members if member not in satisfied]
                raise BadSignature(
                    f"the quorum {_show(group.name)} needs {group.threshold} of its {len(group.members)} members; "
                    f"missing: {', '.join(missing)}"
                )
        raise BadSignature(f"the quorum is not reached; missing: {_show(self.quorum)}")


class _Reader:
    """What the lines so far have said."""

    def __init__(self) -> None:
        self.logs: list[PolicyLog] = []
        self.witnesses: list[PolicyWitness] = []
        self.groups: list[PolicyGroup] = []
        self.quorum: str | None = None
        self._names = {NONE}

    def read(self, words: list[str]) -> None:
        match words:
            case [first, *_] if first == "" or first.startswith("#"):
                pass
            case ["log", vkey, *url] if len(url) <= 1:
                self.logs.append(PolicyLog(parse_vkey(vkey), *url))
            case ["witness", name, vkey, *url] if len(url) <= 1:
                _define(name, self._names)
                self.witnesses.append(PolicyWitness(name, parse_vkey(vkey), *url))
            case ["group", name, threshold, *members] if members:
                # Witnesses and groups are kept apart, so what stands before what is known only here.
                self._require_defined(members)
                _define(name, self._names)
                self.groups.append(PolicyGroup(name, _parse_threshold(threshold, len(members)), tuple(members)))
            case ["quorum", name]:
                if self.quorum is not None:
                    raise Malformed("a second quorum line")
                self._require_defined([name])
                self.quorum = name
            case _:
                raise Malformed("not a log, witness, group or quorum line")

    def _require_defined(self, names: list[str]) -> None:
        for name in names:
            if name not in self._names:
                raise Malformed(f"{_show(name)} is not defined before this line")


def _check_keys(what: str, keys: Iterable[VerifierKey], key_type: int) -> None:
    seen: set[bytes] = set()
    for key in keys:
        # A log and a witness may both sign with ML-DSA-44: its message names who signs.
        if key.type not in (key_type, ML_DSA_44):
            raise Malformed(f"the key of {what} {_show(key.name)} is not of type {key_type:#04x}")
        if key.public in seen:
            raise Malformed(f"the public key of {what} {_show(key.name)} is listed twice")
        seen.add(key.public)


def _define(name: str, names: set[str]) -> None:
    _check_word(name)
    if name in names:
        raise Malformed(f"the name {_show(name)} is defined twice or predefined")
    names.add(name)


def _check_word(word: str | None) -> None:
    """Raises Malformed unless `word` can stand between spaces of a line."""
    if word is None:
        return
    data = word.encode("utf-8", "surrogateescape")
    if not data or re.search(rb"[\t\n ]", data) or _FORBIDDEN.search(data):
        raise Malformed("a name or URL is empty or holds a space or control character")


def _parse_threshold(word: str, count: int) -> int:
    return {"all": count, "any": 1}.get(word) or decode_decimal(word, "the threshold")


def _threshold(group: PolicyGroup) -> str:
    if group.threshold == len(group.members):
        return "all"
    return "any" if group.threshold == 1 else str(group.threshold)


def _join(*words: str | None) -> str:
    return " ".join(word for word in words if word is not None) + "\n"


def _show(name: str) -> str:
    """A name for an error text, which is printed and sent as UTF-8."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
