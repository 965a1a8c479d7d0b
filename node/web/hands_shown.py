"""What pages say of a person's signature under an act; public ones name nobody, for who it was is shared."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from node.accounts.hands import BAD, Finding
from node.accounts.register import NodeOf
from node.web.keys import TRUSTED
from node.web.portal_text import Pair

_WORDS: Final[dict[Finding, Pair]] = {
    "verified": ("由个人签名，已核验", "signed by a person, verified"),
    "verified_main": (
        "由个人签名，已核验；旧式签名，仅对公开部分（main）签名",
        "signed by a person, verified; an older form, signed over the public part (main) only",
    ),
    "partial": (
        "由个人签名，本节点未存有其所覆盖的全部内容，不能核验",
        "signed by a person; not verifiable here: a part that it covers is not held here",
    ),
    "unknown": (
        "由个人签名，本节点尚不知该账号，暂不能核验",
        "signed by a person; not verifiable here: this node does not know the account yet",
    ),
    "unsigned": ("无个人签名，仅由节点签名", "signed by no person, by the node alone"),
    "other_key": ("个人签名异常：密钥不属于该账号", "BAD signature of a person: the key is not the account's"),
    "other_bytes": ("个人签名异常：与记录内容不符", "BAD signature of a person: it is not over this record"),
    "other_approval": (
        "复核签名异常：所列复核人未对此内容签名",
        "BAD approval: the second person named has not signed this",
    ),
}


def shown(finding: Finding | None) -> tuple[Pair, str] | None:
    """Words and the class of their tag; None where there is no hand to speak of."""
    if finding is None:
        return None
    return _WORDS[finding], "bad" if finding in BAD else "good" if finding in ("verified", "verified_main") else "warn"


def node_of(request: web.Request) -> NodeOf:
    """Which node's an origin is, by the policy that this node holds; of none without a policy."""
    held = request.app[TRUSTED].held
    return (lambda origin: None) if held is None else held.node_of_origin
