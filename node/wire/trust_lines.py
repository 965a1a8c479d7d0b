"""The lines of a trust policy: nodes, keys, and what is said about keys and logs afterwards.

    node <name> <role> <division> <upstream or -> <title>
    key <node> <use> <vkey> <from size>-<to size or nothing>
    revoked <vkey> <size> <root>                 a log key that others may hold: what it signed beyond `size` is void
    retired <vkey> <POSIX s>                     any other key: what it states later does not count
    closed <origin> <size> <root> <successor or ->    a log that has ended; the log of the next epoch goes on from it

Roots are base64, as in checkpoints. `node` and `key` lines stand on a node's card as well.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass

from node.errors import Malformed
from node.tlog.note import KeyType, VerifierKey, validate_key_name

USES = {
    "log": KeyType.ED25519,
    "log-sm2": KeyType.SM2,
    "witness": KeyType.COSIGNATURE,
    "mirror": KeyType.COSIGNATURE,
    "custody": KeyType.ED25519,
    "request": KeyType.ED25519,
    "seal": KeyType.SEAL,
    "erasure": KeyType.ED25519,
}
"""What a key may be for, and the type that it then has."""
LOG_USES = ("log", "log-sm2")
COSIGNER_USES = ("witness", "mirror")
ROLES = ("district", "hub", "national", "supervision")
_ROOT_BYTES = 32


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


@dataclass(frozen=True, slots=True)
class Revocation:
    """A log key that is not trusted any more, and the last head of its log that is beyond doubt."""

    key: VerifierKey
    size: int
    root: bytes

    def line(self) -> str:
        return f"revoked {self.key.vkey()} {self.size} {_base64(self.root)}"


@dataclass(frozen=True, slots=True)
class Retirement:
    """A cosigner's, custody, request, seal or erasure key, and the POSIX second after which it states nothing more."""

    key: VerifierKey
    at_s: int

    def line(self) -> str:
        return f"retired {self.key.vkey()} {self.at_s}"


@dataclass(frozen=True, slots=True)
class Closure:
    """A log that ended with the head (size, root), and the origin that goes on from there, empty for none."""

    origin: str
    size: int
    root: bytes
    successor: str = ""

    def line(self) -> str:
        return f"closed {self.origin} {self.size} {_base64(self.root)} {self.successor or '-'}"


def parse_lines(lines: Iterable[str]) -> tuple[list[Member], list[KeyGrant]]:
    """Node and key lines, as they stand in a policy and on a node's card. Raises Malformed."""
    members: list[Member] = []
    grants: list[KeyGrant] = []
    for line in lines:
        word, _, rest = line.partition(" ")
        if word == "node":
            members.append(parse_member(rest))
        elif word == "key":
            grants.append(parse_grant(rest))
        else:
            raise Malformed(f"a line that is not known: {word[:20]}")
    return members, grants


def parse_member(rest: str) -> Member:
    """A node line after its first word. Raises Malformed, as do the functions below."""
    parts = rest.split(" ", 4)
    if len(parts) != 5 or parts[1] not in ROLES:
        raise Malformed("a node line of the trust policy is not: name role division upstream title")
    name, role, division, upstream, title = parts
    validate_key_name(name)
    return Member(name, role, division, "" if upstream == "-" else upstream, title)


def parse_grant(rest: str) -> KeyGrant:
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
    grant = KeyGrant(node, use, key, parse_number(first), parse_number(last) if last else None)
    if grant.to_size is not None and grant.to_size < grant.from_size:
        raise Malformed("a key line of the trust policy ends before it begins")
    return grant


def parse_revocation(rest: str) -> Revocation:
    parts = rest.split(" ")
    if len(parts) != 3:
        raise Malformed("a revoked line of the trust policy is not: vkey size root")
    return Revocation(VerifierKey.parse(parts[0]), parse_number(parts[1]), parse_root(parts[2]))


def parse_retirement(rest: str) -> Retirement:
    parts = rest.split(" ")
    if len(parts) != 2:
        raise Malformed("a retired line of the trust policy is not: vkey time")
    return Retirement(VerifierKey.parse(parts[0]), parse_number(parts[1]))


def parse_closure(rest: str) -> Closure:
    parts = rest.split(" ")
    if len(parts) != 4:
        raise Malformed("a closed line of the trust policy is not: origin size root successor")
    origin, size, root, successor = parts
    return Closure(origin, parse_number(size), parse_root(root), "" if successor == "-" else successor)


def parse_number(text: str, *, least: int = 0) -> int:
    """A decimal number of at most 18 digits in its only form, not below `least`."""
    if not text.isascii() or not text.isdigit() or len(text) > 18 or str(int(text)) != text or int(text) < least:
        raise Malformed(f"not a number that a trust policy may hold: {text[:20]}")
    return int(text)


def parse_root(text: str) -> bytes:
    """The 32 bytes of a root in base64, in its only form."""
    try:
        root = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        root = b""
    if len(root) != _ROOT_BYTES or _base64(root) != text:
        raise Malformed("a root in the trust policy is not 32 bytes in base64")
    return root


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
