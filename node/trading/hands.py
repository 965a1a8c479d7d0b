"""Who acts: what the desk asks of a person, and the hand that an act's record carries (R69).

`node/accounts` has the real one; a stage knows it by what it can do.
"""

from __future__ import annotations

import hashlib
from typing import Any, Literal, Protocol

from node.domain.acts import Hand
from node.domain.rulebook import ActRule
from node.errors import NotAllowed
from node.wire import payload as payload_bytes

FourEyes = Literal["none", "public"]
"""Which acts need a second person beside those whose rule says so: none, or all that are public."""


class Person(Protocol):
    """A logged-in person: `may` one of the permissions of `node/domain/posts.py`, and a key to sign with."""

    @property
    def account(self) -> str: ...

    @property
    def roles(self) -> frozenset[str]: ...

    def may(self, permission: str) -> bool: ...

    def sign(self, digest: bytes, permission: str = "", *, second: str = "") -> Hand: ...


def sign(person: Person, main: Any, permission: str, *, second: str = "") -> Hand:
    """The person's hand under a record's `main` section: over SHA-256 of its canonical bytes."""
    return person.sign(hashlib.sha256(payload_bytes.encode(main)).digest(), permission, second=second)


def require(person: Person, permission: str) -> None:
    """Raises NotAllowed without the permission."""
    if not person.may(permission):
        raise NotAllowed(
            f"{person.account} may not do this: {permission} is asked for",
            zh=f"账号 {person.account} 没有此项权限（{permission}）",
        )


def require_post(person: Person, rule: ActRule) -> None:
    """Raises NotAllowed when the act belongs to other posts of the centre."""
    if rule.posts and not person.roles & set(rule.posts):
        raise NotAllowed(
            f"{rule.en} is done by {', '.join(rule.posts)}",
            zh=f"“{rule.zh}”由以下岗位办理：{'、'.join(rule.posts)}",
        )


def needs_second(rule: ActRule, four_eyes: FourEyes) -> bool:
    """Whether a second person has to approve the act: by its rule, or by the centre's own setting."""
    return rule.four_eyes or (four_eyes == "public" and rule.public)


def require_second(person: Person, rule: ActRule, second: str, four_eyes: FourEyes = "none") -> None:
    """Four eyes: raises NotAllowed when a second person is asked for and is absent, or is the first."""
    if second == person.account or (needs_second(rule, four_eyes) and not second):
        raise NotAllowed(
            f"{rule.en} needs a second person who approves it",
            zh=f"“{rule.zh}”须由另一人复核后发布",
            advice_zh="请将草稿提交复核，由另一账号通过后再发布。",
            advice_en="Submit the draft for approval; another account approves it, then publish.",
        )
