"""Names for origins, signers and errors: what a reader sees instead of key names and codes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from node.errors import NodeError, all_errors
from node.settings import Settings
from node.tlog.note import parse_note
from node.web.portal_text import ROLES, STATEMENTS, USES, Pair
from node.wire import trust
from node.wire.trust import TrustPolicy

_ERRORS: dict[str, type[NodeError]] = {error.code: error for error in all_errors()}


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signed, in words: the node's title, its tier, and what this kind of signature says."""

    name: str
    title: str
    tier: Pair | None
    use: str
    statement: Pair
    short: Pair


@dataclass(frozen=True, slots=True)
class Trouble:
    """An error of an exchange with a peer: what happened and what to do."""

    code: str
    title: Pair
    advice: Pair
    detail: str


class People:
    """Titles of nodes as the trust policy gives them; the node's own is known without a policy."""

    def __init__(self, settings: Settings, note: bytes | None) -> None:
        self._me = settings
        self._outside = {witness.verifier.name for witness in settings.witnesses}
        self._policy = _parse(note) if note else None

    def title(self, node: str) -> str:
        """The title of a node, or its name when the policy does not list it."""
        member = self._policy.member(node) if self._policy else None
        if member is not None:
            return member.title
        return self._me.title if node == self._me.name else node

    def tier(self, node: str) -> Pair | None:
        member = self._policy.member(node) if self._policy else None
        role = member.role if member else self._me.role if node == self._me.name else None
        return ROLES.get(role) if role else None

    def of_origin(self, origin: str) -> str:
        """The title of the node whose log this is; the last part of an origin is the epoch."""
        return self.title(_node(origin))

    def tier_of_origin(self, origin: str) -> Pair | None:
        return self.tier(_node(origin))

    def signer(self, name: str, origin: str) -> Signer:
        """`name` is the key name of a line on a checkpoint of `origin`."""
        node, _, use = name.rpartition("/")
        if name == origin:
            use = "log"
        elif name in self._outside:
            node, use = name, "witness"
        elif use not in STATEMENTS or not node:
            node, use = name, "other"
        return Signer(name, self.title(node), self.tier(node), use, STATEMENTS[use], USES[use])


def trouble(last_error: str) -> Trouble | None:
    """`last_error` is `code: detail`, as the stages of sync keep it."""
    if not last_error:
        return None
    code, _, detail = last_error.partition(": ")
    error = _ERRORS.get(code, NodeError)
    return Trouble(code, (error.title_zh, error.title_en), (error.advice_zh, error.advice_en), detail)


def _node(origin: str) -> str:
    return origin.rpartition("/")[0] or origin


@lru_cache(maxsize=2)
def _parse(note: bytes) -> TrustPolicy:
    # It was verified when it was accepted; here it only gives names.
    return trust.parse(parse_note(note))
