"""Realms, roles and what each role may do; which roles nobody may hold together (政事分开、管办分离, R3, R58-R61).

Three realms that never meet in one account: `service` are the posts of a trading centre, `supervision` those of a
supervising department, `party` those who trade. A permission that is not in this table exists nowhere: the service
realm has none to approve, file, license or ban, because a centre has no such power (art. 18 of the interim measures,
发改委令第39号), and `ADMINISTRATIVE` with its test keep it so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, get_args

from node.errors import Refused

Realm = Literal["service", "supervision", "party"]
REALMS: tuple[Realm, ...] = get_args(Realm)

# realm -> (Chinese, English)
REALM_NAMES: dict[str, tuple[str, str]] = {
    "service": ("交易服务", "Trading service"),
    "supervision": ("行政监督", "Supervision"),
    "party": ("交易主体", "Market party"),
}

# permission -> (Chinese, English)
PERMISSIONS: dict[str, tuple[str, str]] = {
    "read.shared": ("阅读政务公开内容", "read what authorities share"),
    "trade.register": ("登记交易", "register a trade"),
    "trade.act": ("办理交易环节", "carry out acts of a trade"),
    "trade.publish": ("发布信息", "publish"),
    "trade.second": ("复核发布（四眼）", "be the second pair of eyes before publication"),
    "draft.edit": ("编辑草稿", "edit drafts"),
    "venue.book": ("安排场地", "book venues"),
    "archive.keep": ("归档", "keep the archive"),
    "import.run": ("导入数据", "import data"),
    "uplink.retry": ("重送上报数据", "send data up again"),
    "user.manage": ("管理账号", "manage accounts"),
    "supervise.read": ("查看行业内交易", "see the trades of a sector"),
    "order.give": ("下达监督指令", "give an order of supervision"),
    "order.override": ("下达调整交易场所的指令", "order another place for a trade"),
    "rule.publish": ("发布本部门的规则", "publish the rules of one's department"),
    "rule.distribute": ("发布全市的规则表", "publish the city's rule tables at its hub"),
    "audit.read": ("查阅操作留痕", "read the audit trail"),
    "party.identify": ("核验主体身份", "see by papers who a party is"),
    "own.read": ("查看与本单位有关的交易", "see what concerns one's own organisation"),
}

ADMINISTRATIVE = frozenset(
    "approve file record license permit qualify ban punish suspend assign guarantee designate".split()
)
"""Verbs of powers that no centre and no party has (R58-R61): no permission of theirs may end in one of them."""


@dataclass(frozen=True, slots=True)
class Role:
    """One post. `org` says what the account's organisation is: a department, a credit code, or nothing asked."""

    id: str
    realm: Realm
    zh: str
    en: str
    may: frozenset[str]
    org: Literal["", "uscc", "department"] = ""


def _role(
    id: str, realm: Realm, zh: str, en: str, may: str, org: Literal["", "uscc", "department"] = ""
) -> tuple[str, Role]:
    return id, Role(id, realm, zh, en, frozenset(may.split()), org)


ROLES: dict[str, Role] = dict(
    (
        _role(
            "acceptance",
            "service",
            "受理",
            "Acceptance",
            "read.shared trade.register trade.act draft.edit import.run party.identify",
        ),
        _role("venue", "service", "场地", "Venue", "read.shared venue.book trade.act draft.edit"),
        _role(
            "publication",
            "service",
            "信息发布",
            "Publication",
            "read.shared trade.act trade.publish trade.second draft.edit",
        ),
        _role("archive", "service", "档案", "Archive", "read.shared archive.keep trade.act draft.edit"),
        _role(
            "administrator",
            "service",
            "管理员",
            "Administrator",
            "read.shared user.manage uplink.retry import.run rule.distribute",
        ),
        _role(
            "supervisor",
            "supervision",
            "监管人员",
            "Supervisor",
            "read.shared supervise.read order.give order.override rule.publish",
            "department",
        ),
        _role("auditor", "supervision", "审计", "Auditor", "read.shared supervise.read audit.read", "department"),
        _role("discipline", "supervision", "监察", "Discipline", "read.shared supervise.read audit.read", "department"),
        _role("owner", "party", "项目单位", "Owner", "own.read", "uscc"),
        _role("agency", "party", "代理机构", "Agency", "own.read", "uscc"),
        _role("bidder", "party", "投标（竞买）人", "Bidder", "own.read", "uscc"),
        _role("expert", "party", "评标专家", "Expert", "own.read"),
        _role("association", "party", "行业协会", "Association", "own.read", "uscc"),
    )
)

# Pairs inside one realm; pairs of two realms exclude each other by themselves. (role, role) -> (Chinese, English).
_WITHIN: dict[frozenset[str], tuple[str, str]] = {
    frozenset({"supervisor", "auditor"}): (
        "审计对监管人员的操作进行审计，同一人兼任即为同体监督",
        "the auditor audits the supervisor's acts: one person in both would watch over himself",
    ),
    frozenset({"supervisor", "discipline"}): (
        "监察对监管人员进行监察，同一人兼任即为同体监督",
        "discipline watches over the supervisor: one person in both would watch over himself",
    ),
    **{
        frozenset({"expert", other}): (
            "专家以个人身份参加评标，不得与交易主体账号合用",
            "an expert evaluates as a person and cannot share an account with a party that trades",
        )
        for other in ("owner", "agency", "bidder", "association")
    },
}
_BETWEEN: dict[frozenset[str], tuple[str, str]] = {
    frozenset({"service", "supervision"}): (
        "管办分离：交易中心人员不得承担监管职责，监管人员不得承担交易中心职责",
        "service and supervision are kept apart: nobody holds a post in both",
    ),
    frozenset({"service", "party"}): (
        "交易中心人员不得以交易主体身份参加交易",
        "staff of a trading centre do not trade in it",
    ),
    frozenset({"supervision", "party"}): (
        "监管人员不得以交易主体身份参加交易",
        "staff of a supervising department do not trade under its eyes",
    ),
}


def excluded(one: str, other: str) -> tuple[str, str] | None:
    """Why two roles may not be held together, in both languages; None when they may. Raises Refused for no role."""
    first, second = _known(one), _known(other)
    if first.realm != second.realm:
        return _BETWEEN[frozenset({first.realm, second.realm})]
    return _WITHIN.get(frozenset({one, other}))


def check(roles: Iterable[str], realm: str = "") -> frozenset[str]:
    """The roles as a set that one person may hold, all of `realm` when it is given.

    Raises Refused, naming the pair and the reason, for an unknown role, one of another realm, and an excluded pair.
    """
    held = frozenset(roles)
    for role in sorted(held):
        known = _known(role)
        if realm and known.realm != realm:
            zh, en = _BETWEEN[frozenset({known.realm, realm})]
            raise _refused(
                f"{known.en} is no role of this account's realm: {en}",
                f"该账号属于“{REALM_NAMES[realm][0]}”，不能授予“{known.zh}”：{zh}",
            )
    for one, other in combinations(sorted(held), 2):
        why = excluded(one, other)
        if why is not None:
            raise _refused(
                f"{ROLES[one].en} and {ROLES[other].en} exclude each other: {why[1]}",
                f"“{ROLES[one].zh}”与“{ROLES[other].zh}”不得由同一人担任：{why[0]}",
            )
    return held


def permissions(roles: Collection[str]) -> frozenset[str]:
    """All that these roles may do; a role that this version does not know may do nothing."""
    return frozenset().union(*(ROLES[role].may for role in roles if role in ROLES))


def role_for(roles: Collection[str], permission: str) -> str:
    """The role that grants a permission, the first by the table's order; empty when none does."""
    return next((id for id, role in ROLES.items() if id in roles and permission in role.may), "")


def realm_of(roles: Collection[str]) -> str:
    """The one realm of these roles; empty when there are none. Raises Refused as `check`."""
    return next((ROLES[role].realm for role in sorted(check(roles))), "")


def realms_of_node(role: str) -> frozenset[str]:
    """The realms whose accounts a node of this role may keep and vouch for: a department's, or a centre's."""
    return frozenset({"supervision"}) if role == "supervision" else frozenset({"service", "party"})


def _known(role: str) -> Role:
    if role not in ROLES:
        raise _refused(f"there is no role {role[:40]}", f"没有“{role[:40]}”这一角色")
    return ROLES[role]


def _refused(en: str, zh: str) -> Refused:
    return Refused(
        en,
        zh=zh,
        field="roles",
        advice_zh="请把该职责交给另一人，并为其单独建立账号。",
        advice_en="Give this post to another person, with an account of his own.",
    )
