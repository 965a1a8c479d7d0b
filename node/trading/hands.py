"""Who acts: what the desk asks of a person, and the hand that an act's record carries (R69).

`node/accounts` has the real one; a stage knows it by what it can do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol

from node.domain.acts import Act
from node.domain.hands import Approval, Hand, Stated
from node.domain.record import Document
from node.domain.rulebook import ActRule
from node.errors import NotAllowed, Overtaken
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

    def sign(self, stated: Stated, permission: str = "", *, approval: Approval | None = None) -> Hand: ...


def sign(
    person: Person,
    kind: str,
    main: Document[Act],
    inner: Mapping[str, Any],
    permission: str,
    *,
    approval: Approval | None = None,
) -> Hand:
    """The person's hand under a record of an act: over both of its sections, of which an empty `inner` is none."""
    kept = payload_bytes.encode(dict(inner)) if inner else None
    return person.sign(Stated(kind, main.key, payload_bytes.encode(main), kept), permission, approval=approval)


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


def require_second(
    person: Person, rule: ActRule, act: Act, approval: Approval | None, four_eyes: FourEyes = "none"
) -> None:
    """Four eyes: raises NotAllowed when a second person is asked for and is absent, or is the first.

    Raises Overtaken when what was approved is not this very act, to be published by this very person. `act` is as it
    was before numbers were given to it.
    """
    if (approval is None and needs_second(rule, four_eyes)) or (approval and approval.account == person.account):
        raise NotAllowed(
            f"{rule.en} needs a second person who approves it",
            zh=f"“{rule.zh}”须由另一人复核后发布",
            advice_zh="请将草稿提交复核，由另一账号通过后再发布。",
            advice_en="Submit the draft for approval; another account approves it, then publish.",
        )
    if approval is not None and not (approval.author == person.account and approval.signs() and approval.covers(act)):
        raise Overtaken(
            "what was approved is not what is to be published now",
            zh="拟发布的内容与复核通过的不一致，本次未发布",
            field="second",
            advice_zh="复核之后该交易或草稿已有变化，请重新提交复核。",
            advice_en="The trade or the draft has changed since it was approved: submit it for approval again.",
        )
