"""The trust policy: who belongs to the federation, with which keys, signed by a threshold (DESIGN L19).

A signed note. Its text:

    ggzy-node/trust-policy/v1
    federation ggzy.example/cq
    version 2
    previous 9f2c…64 hex…          SHA-256 of the note text of the version before, or "none" in version 1
    threshold 1
    signer <vkey>                  one line for each key that may sign a policy
    node <name> <role> <division> <upstream or -> <title>
    key <node> <use> <vkey> <from size>-<to size or nothing>

`use` is log, witness, mirror, custody or request. Each version after the first must be signed by the threshold of the
version before and by its own, and must name the hash of the one before (as in TUF): no rollback, no mix-and-match.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from node.errors import BadSignature, Malformed, NotFound, Refused
from node.tlog.note import KeyType, Note, VerifierKey, parse_note, validate_key_name, verify_note
from node.tlog.policy import NONE, LogPolicy, PolicyGroup, PolicyLog, PolicyWitness

MAGIC = "ggzy-node/trust-policy/v1"
USES = {
    "log": KeyType.ED25519,
    "witness": KeyType.COSIGNATURE,
    "mirror": KeyType.COSIGNATURE,
    "custody": KeyType.ED25519,
    "request": KeyType.ED25519,
}
ROLES = ("district", "hub", "national")
MAX_TIERS = 8


@dataclass(frozen=True, slots=True)
class Member:
    """One node of the federation. `upstream` is the name of the node above it, empty at the top."""

    name: str
    role: str
    division: str
    upstream: str
    title: str

    def line(self) -> str:
        return f"node {self.name} {self.role} {self.division} {self.upstream or '-'} {self.title}"


@dataclass(frozen=True, slots=True)
class KeyGrant:
    """A key, what it is for, and for a log key the tree sizes that it may sign: `from_size` up to `to_size` or open."""

    node: str
    use: str
    key: VerifierKey
    from_size: int = 0
    to_size: int | None = None

    def line(self) -> str:
        to_size = "" if self.to_size is None else self.to_size
        return f"key {self.node} {self.use} {self.key.vkey()} {self.from_size}-{to_size}"

    def covers(self, size: int) -> bool:
        return self.from_size <= size and (self.to_size is None or size <= self.to_size)


@dataclass(frozen=True)
class TrustPolicy:
    """One version of the policy, parsed; see the module's text for its form."""

    federation: str
    version: int
    previous: str
    threshold: int
    signers: tuple[VerifierKey, ...]
    members: tuple[Member, ...]
    keys: tuple[KeyGrant, ...]

    def text(self) -> str:
        """The note text that is signed."""
        lines = [
            MAGIC,
            f"federation {self.federation}",
            f"version {self.version}",
            f"previous {self.previous}",
            f"threshold {self.threshold}",
            *(f"signer {key.vkey()}" for key in self.signers),
            *(member.line() for member in self.members),
            *(grant.line() for grant in self.keys),
        ]
        return "\n".join(lines) + "\n"

    def hash(self) -> str:
        """Lowercase hex SHA-256 of the note text: the fingerprint that people compare."""
        return hashlib.sha256(self.text().encode()).hexdigest()

    @cached_property
    def _by_name(self) -> dict[str, Member]:
        return {member.name: member for member in self.members}

    def member(self, name: str) -> Member | None:
        return self._by_name.get(name)

    def path_up(self, name: str) -> list[str]:
        """Names from the node's upstream to the top."""
        path: list[str] = []
        member = self.member(name)
        while member is not None and member.upstream and len(path) <= MAX_TIERS:
            path.append(member.upstream)
            member = self.member(member.upstream)
        return path

    def below(self, name: str) -> list[str]:
        """Names of all nodes whose path upwards passes through `name`."""
        return [member.name for member in self.members if name in self.path_up(member.name)]

    def grants(self, *, node: str | None = None, use: str | None = None) -> list[KeyGrant]:
        return [g for g in self.keys if (node is None or g.node == node) and (use is None or g.use == use)]

    def node_of_origin(self, origin: str) -> str | None:
        """The node whose log has this origin, or None for an origin nobody is trusted for."""
        return next((g.node for g in self.keys if g.use == "log" and g.key.name == origin), None)

    def origins(self) -> list[str]:
        return list(dict.fromkeys(g.key.name for g in self.keys if g.use == "log"))

    def log_keys(self, origin: str, size: int | None = None) -> list[VerifierKey]:
        """Keys that may sign this origin's checkpoint of `size` (any size when None)."""
        return [
            g.key for g in self.keys if g.use == "log" and g.key.name == origin and (size is None or g.covers(size))
        ]

    def cosigner_keys(self) -> list[VerifierKey]:
        return [g.key for g in self.keys if g.use in ("witness", "mirror")]

    def request_key(self, vkey_name: str, key_id: str) -> tuple[str, VerifierKey] | None:
        """(node, key) for a request signed under this key name and hex key id."""
        for g in self.keys:
            if g.use == "request" and g.key.name == vkey_name and g.key.key_id.hex() == key_id:
                return g.node, g.key
        return None


def parse(note: Note) -> TrustPolicy:
    """Read a policy's text. Raises Malformed; says nothing about its signatures."""
    lines = note.text.split("\n")
    if lines.pop() != "" or not lines or lines[0] != MAGIC:
        raise Malformed("not a trust policy of a version that this program knows")
    single: dict[str, str] = {}
    signers: list[VerifierKey] = []
    members: list[Member] = []
    grants: list[KeyGrant] = []
    for line in lines[1:]:
        word, _, rest = line.partition(" ")
        if word in ("federation", "version", "previous", "threshold") and word not in single:
            single[word] = rest
        elif word == "signer":
            signers.append(VerifierKey.parse(rest))
        elif word == "node":
            members.append(_member(rest))
        elif word == "key":
            grants.append(_grant(rest))
        else:
            raise Malformed(f"the trust policy has a line that is not known or stands twice: {word[:20]}")
    try:
        policy = TrustPolicy(
            single["federation"],
            _number(single["version"], least=1),
            single["previous"],
            _number(single["threshold"], least=1),
            tuple(signers),
            tuple(members),
            tuple(grants),
        )
    except KeyError as error:
        raise Malformed(f"the trust policy has no line {error}") from None
    _check(policy, note)
    return policy


def parse_lines(lines: Iterable[str]) -> tuple[list[Member], list[KeyGrant]]:
    """Node and key lines, as they stand in a policy and on a node's card. Raises Malformed."""
    members: list[Member] = []
    grants: list[KeyGrant] = []
    for line in lines:
        word, _, rest = line.partition(" ")
        if word == "node":
            members.append(_member(rest))
        elif word == "key":
            grants.append(_grant(rest))
        else:
            raise Malformed(f"a line that is not known: {word[:20]}")
    return members, grants


def plain_policy(policy: TrustPolicy, origin: str) -> LogPolicy:
    """The c2sp.org/tlog-policy by which an outside verifier judges receipts of one origin.

    Its quorum is the mirror cosignature of the node above the origin, where there is one: the least that makes a record
    safe (DESIGN L9). Witnesses and mirrors higher up are listed, so that a stricter quorum is one line to change.
    Raises NotFound for an origin that the policy does not know.
    """
    node = policy.node_of_origin(origin)
    if node is None:
        raise NotFound(f"the trust policy knows no origin {origin}", field="origin")
    witnesses = [
        PolicyWitness(grant.key.name, grant.key)
        for name in policy.path_up(node)
        for grant in policy.grants(node=name)
        if grant.use in ("mirror", "witness")
    ]
    above = policy.path_up(node)[:1]
    mirrors = [w.name for w in witnesses if any(w.key == g.key for g in policy.grants(node=above[0], use="mirror"))]
    logs = tuple(PolicyLog(key) for key in policy.log_keys(origin))
    if len(mirrors) <= 1:
        return LogPolicy(logs, tuple(witnesses), (), mirrors[0] if mirrors else NONE)
    group = PolicyGroup("above", 1, tuple(mirrors))
    return LogPolicy(logs, tuple(witnesses), (group,), "above")


def _member(rest: str) -> Member:
    parts = rest.split(" ", 4)
    if len(parts) != 5 or parts[1] not in ROLES:
        raise Malformed("a node line of the trust policy is not: name role division upstream title")
    name, role, division, upstream, title = parts
    validate_key_name(name)
    return Member(name, role, division, "" if upstream == "-" else upstream, title)


def _grant(rest: str) -> KeyGrant:
    parts = rest.split(" ")
    if len(parts) != 4 or parts[1] not in USES:
        raise Malformed("a key line of the trust policy is not: node use vkey from-to")
    node, use, vkey, sizes = parts
    key = VerifierKey.parse(vkey)
    if key.type != USES[use]:
        raise Malformed(f"a key for {use} has the wrong signature type", field=node)
    first, dash, last = sizes.partition("-")
    if not dash:
        raise Malformed("a key line of the trust policy ends in from-to")
    return KeyGrant(node, use, key, _number(first), _number(last) if last else None)


def _number(text: str, *, least: int = 0) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18 or str(int(text)) != text or int(text) < least:
        raise Malformed(f"not a number that a trust policy may hold: {text[:20]}")
    return int(text)


def _check(policy: TrustPolicy, note: Note) -> None:
    if policy.text() != note.text:
        raise Malformed("the lines of the trust policy are not in their order")
    names = [member.name for member in policy.members]
    if len(set(names)) != len(names):
        raise Malformed("a node stands twice in the trust policy")
    if len({key.public for key in policy.signers}) < policy.threshold:
        raise Malformed("the threshold is larger than the number of signers")
    uses: dict[bytes, tuple[str, str]] = {key.public: (key.name, "signer") for key in policy.signers}
    for grant in policy.keys:
        if policy.member(grant.node) is None:
            raise Malformed(f"a key is granted to {grant.node}, which is no node of the policy")
        if grant.key.name != grant.node and not grant.key.name.startswith(grant.node + "/"):
            raise Malformed(f"the key name {grant.key.name} does not begin with its node's name")
        # One key for two kinds of statement would let the one be shown as the other.
        if uses.setdefault(grant.key.public, (grant.key.name, grant.use)) != (grant.key.name, grant.use):
            raise Malformed(f"the key of {grant.key.name} is granted for two uses")
    for member in policy.members:
        if member.upstream and policy.member(member.upstream) is None:
            raise Malformed(f"the upstream of {member.name} is no node of the policy")
        # A circle has no end, so it is too deep as well.
        if len(policy.path_up(member.name)) > MAX_TIERS:
            raise Malformed(f"{member.name} stands below more than {MAX_TIERS} tiers, or above itself")


def open_first(data: bytes, *, expected_hash: str | None = None) -> TrustPolicy:
    """Version 1: signed by its own threshold, and equal to the hash handed over out of band when one is given.

    Raises Malformed, BadSignature, or Refused when it is another policy than the expected one.
    """
    note = parse_note(data)
    policy = parse(note)
    if policy.version != 1 or policy.previous != "none":
        raise Refused("the first policy must have version 1 and no previous one")
    if expected_hash is not None and policy.hash() != expected_hash:
        raise Refused("this is not the policy whose fingerprint was handed over", field="fingerprint")
    _require(note, policy.signers, policy.threshold)
    return policy


def open_next(data: bytes, held: TrustPolicy) -> TrustPolicy:
    """The version after `held`: the next number, naming its hash, signed by the old and the new threshold.

    Raises Malformed, BadSignature, Refused.
    """
    note = parse_note(data)
    # The old threshold first: what nobody we know has signed is not worth reading.
    _require(note, held.signers, held.threshold)
    policy = parse(note)
    if policy.federation != held.federation:
        raise Refused("the policy is of another federation", field="federation")
    if policy.version != held.version + 1:
        raise Refused(f"after version {held.version} comes {held.version + 1}, not {policy.version}", field="version")
    if policy.previous != held.hash():
        raise Refused("the policy does not follow from the one held here", field="previous")
    _require(note, policy.signers, policy.threshold)
    return policy


def version_of(note: Note) -> int:
    """The version that a note claims, without reading the rest. Raises Malformed."""
    for line in note.text.split("\n", 4)[:4]:
        if line.startswith("version "):
            return _number(line.removeprefix("version "), least=1)
    raise Malformed("not a trust policy of a version that this program knows")


def _require(note: Note, signers: Iterable[VerifierKey], threshold: int) -> None:
    # Counted by public key: one key under two names is one signer.
    signed = {key.public for key, _ in verify_note(note, signers)}
    if len(signed) < threshold:
        raise BadSignature(f"the trust policy has {len(signed)} of {threshold} signatures that it needs")
