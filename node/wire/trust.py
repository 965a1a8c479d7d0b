"""The trust policy: who belongs to the federation, with which keys, signed by a threshold (DESIGN L19).

A signed note. Its text, in this order:

    ggzy-node/trust-policy/v1
    federation ggzy.example/cq
    version 2
    previous 9f2c…64 hex…          SHA-256 of the note text of the version before, or "none" in version 1
    expires 1795400000             optional: POSIX second after which the policy is stale
    threshold 1
    signer <vkey>                  one line for each key that may sign a policy
    registrar <vkey>               keys that may, alone, add nodes and nothing else
    quorum 2                       optional, else 1: how many nodes above must have cosigned what a revoked key signed
    node …, key …, revoked …, retired …, closed …          see `trust_lines`

`trust_steps` says which version may follow which, `heads` what a checkpoint is worth under a policy.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

from node.errors import Malformed
from node.tlog.note import Note, VerifierKey
from node.tlog.suites import joint
from node.wire import trust_check
from node.wire.trust_lines import (
    COSIGNER_USES,
    LOG_USES,
    ROLES,
    USES,
    Closure,
    KeyGrant,
    Member,
    Retirement,
    Revocation,
    parse_closure,
    parse_grant,
    parse_lines,
    parse_member,
    parse_number,
    parse_retirement,
    parse_revocation,
)

__all__ = [
    "COSIGNER_USES",
    "LOG_USES",
    "MAGIC",
    "ROLES",
    "USES",
    "Closure",
    "KeyGrant",
    "Member",
    "Retirement",
    "Revocation",
    "TrustPolicy",
    "parse",
    "parse_lines",
    "version_of",
]

MAGIC = "ggzy-node/trust-policy/v1"


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
    expires_s: int | None = None
    registrars: tuple[VerifierKey, ...] = ()
    quorum: int = 1
    revoked: tuple[Revocation, ...] = ()
    retired: tuple[Retirement, ...] = ()
    closed: tuple[Closure, ...] = ()

    def text(self) -> str:
        """The note text that is signed."""
        lines = [
            MAGIC,
            f"federation {self.federation}",
            f"version {self.version}",
            f"previous {self.previous}",
            *([] if self.expires_s is None else [f"expires {self.expires_s}"]),
            f"threshold {self.threshold}",
            *(f"signer {key.vkey()}" for key in self.signers),
            *(f"registrar {key.vkey()}" for key in self.registrars),
            *([] if self.quorum == 1 else [f"quorum {self.quorum}"]),
            *(member.line() for member in self.members),
            *(grant.line() for grant in self.keys),
            *(revoked.line() for revoked in self.revoked),
            *(retired.line() for retired in self.retired),
            *(closed.line() for closed in self.closed),
        ]
        return "\n".join(lines) + "\n"

    def hash(self) -> str:
        """Lowercase hex SHA-256 of the note text: the fingerprint that people compare."""
        return hashlib.sha256(self.text().encode()).hexdigest()

    def stale(self, now_s: int) -> bool:
        """Whether the policy has passed its time: a newer one is due, and somebody may be holding it back."""
        return self.expires_s is not None and now_s >= self.expires_s

    # --- nodes ------------------------------------------------------------------------------------------------------

    @cached_property
    def _by_name(self) -> dict[str, Member]:
        return {member.name: member for member in self.members}

    def member(self, name: str) -> Member | None:
        return self._by_name.get(name)

    def path_up(self, name: str) -> list[str]:
        """Names from the node's upstream to the top."""
        path: list[str] = []
        member = self.member(name)
        while member is not None and member.upstream and len(path) <= trust_check.MAX_TIERS:
            path.append(member.upstream)
            member = self.member(member.upstream)
        return path

    def below(self, name: str) -> list[str]:
        """Names of all nodes whose path upwards passes through `name`."""
        return [member.name for member in self.members if name in self.path_up(member.name)]

    # --- keys -------------------------------------------------------------------------------------------------------

    def grants(self, *, node: str | None = None, use: str | None = None) -> list[KeyGrant]:
        return [g for g in self.keys if (node is None or g.node == node) and (use is None or g.use == use)]

    def log_keys(self, origin: str, size: int | None = None) -> list[VerifierKey]:
        """Keys that may sign this origin's checkpoint of `size` (any size when None), revoked ones among them.

        Where the policy asks for a second suite at that size, each key comes joined with one of the keys of it.
        What a revoked key's signature is worth, `heads.open_head` judges.
        """
        held = [g for g in self.keys if g.key.name == origin and (size is None or g.covers(size))]
        first = [g.key for g in held if g.use == "log"]
        second = [g.key for g in held if g.use == "log-sm2"] if size is not None else []
        return [joint(key, added) for key in first for added in second] if second else first

    def log_line_keys(self, origin: str) -> list[VerifierKey]:
        """Every key that was ever granted to sign this log, of both suites: whose lines may stand on its heads."""
        return [g.key for g in self.keys if g.key.name == origin and g.use in LOG_USES]

    def cosigner_keys(self) -> list[VerifierKey]:
        """Keys of witnesses and mirrors, retired ones among them: `retired_at` says until when they count."""
        return [g.key for g in self.keys if g.use in COSIGNER_USES]

    def request_key(self, vkey_name: str, key_id: str) -> tuple[str, VerifierKey] | None:
        """(node, key) for a request signed under this key name and hex key id; None for a retired key too."""
        for g in self.keys:
            if g.use == "request" and g.key.name == vkey_name and g.key.key_id.hex() == key_id:
                return None if self.retired_at(g.key) is not None else (g.node, g.key)
        return None

    def revocation(self, key: VerifierKey) -> Revocation | None:
        """What is said about a log key that is not trusted any more."""
        return self._revoked.get(place(key))

    def retired_at(self, key: VerifierKey) -> int | None:
        """The POSIX second after which a key that is no log's states nothing, None while it is in use."""
        return self._retired.get(place(key))

    @cached_property
    def _revoked(self) -> dict[tuple[str, bytes], Revocation]:
        return {place(each.key): each for each in self.revoked}

    @cached_property
    def _retired(self) -> dict[tuple[str, bytes], int]:
        return {place(each.key): each.at_s for each in self.retired}

    # --- logs -------------------------------------------------------------------------------------------------------

    @cached_property
    def _nodes_of_origins(self) -> dict[str, str]:
        return {g.key.name: g.node for g in reversed(self.keys) if g.use == "log"}

    def node_of_origin(self, origin: str) -> str | None:
        """The node whose log has this origin, or None for an origin nobody is trusted for."""
        return self._nodes_of_origins.get(origin)

    def origins(self) -> list[str]:
        return list(dict.fromkeys(g.key.name for g in self.keys if g.use == "log"))

    def closure(self, origin: str) -> Closure | None:
        """Where the log ended, None while it goes on."""
        return next((each for each in self.closed if each.origin == origin), None)

    def lineage(self, origin: str) -> tuple[tuple[str, int | None], ...]:
        """(origin, size at which it was closed, or None) of all logs that go on from one another, oldest first.

        The log itself is among them; alone when nothing came before it or after.
        """
        before = {each.successor: each.origin for each in self.closed if each.successor}
        oldest = origin
        while oldest in before:
            oldest = before[oldest]
        chain: list[tuple[str, int | None]] = []
        following: str = oldest
        while following:
            ended = self.closure(following)
            chain.append((following, None if ended is None else ended.size))
            following = "" if ended is None else ended.successor
        return tuple(chain)


def place(key: VerifierKey) -> tuple[str, bytes]:
    """What a signature line names: the key's name and id."""
    return key.name, key.key_id


def parse(note: Note) -> TrustPolicy:
    """Read a policy's text. Raises Malformed; says nothing about its signatures."""
    lines = note.text.split("\n")
    if lines.pop() != "" or not lines or lines[0] != MAGIC:
        raise Malformed("not a trust policy of a version that this program knows")
    single: dict[str, str] = {}
    many: dict[str, list[str]] = {word: [] for word in _MANY}
    for line in lines[1:]:
        word, _, rest = line.partition(" ")
        if word in _SINGLE and word not in single:
            single[word] = rest
        elif word in many:
            many[word].append(rest)
        else:
            raise Malformed(f"the trust policy has a line that is not known or stands twice: {word[:20]}")
    try:
        policy = TrustPolicy(
            single["federation"],
            parse_number(single["version"], least=1),
            single["previous"],
            parse_number(single["threshold"], least=1),
            tuple(VerifierKey.parse(rest) for rest in many["signer"]),
            tuple(parse_member(rest) for rest in many["node"]),
            tuple(parse_grant(rest) for rest in many["key"]),
            expires_s=parse_number(single["expires"]) if "expires" in single else None,
            registrars=tuple(VerifierKey.parse(rest) for rest in many["registrar"]),
            quorum=parse_number(single.get("quorum", "1"), least=1),
            revoked=tuple(parse_revocation(rest) for rest in many["revoked"]),
            retired=tuple(parse_retirement(rest) for rest in many["retired"]),
            closed=tuple(parse_closure(rest) for rest in many["closed"]),
        )
    except KeyError as error:
        raise Malformed(f"the trust policy has no line {error}") from None
    if policy.text() != note.text:
        raise Malformed("the lines of the trust policy are not in their order")
    trust_check.check(policy)
    return policy


_SINGLE = ("federation", "version", "previous", "expires", "threshold", "quorum")
_MANY = ("signer", "registrar", "node", "key", "revoked", "retired", "closed")


def version_of(note: Note) -> int:
    """The version that a note claims, without reading the rest. Raises Malformed."""
    for line in note.text.split("\n", 4)[:4]:
        if line.startswith("version "):
            return parse_number(line.removeprefix("version "), least=1)
    raise Malformed("not a trust policy of a version that this program knows")
