"""What all pages of the console share: who may see them, the frame with its own navigation, words for time left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from node.accounts.person import Person
from node.domain.calendar import day_of
from node.domain.divisions import CHONGQING
from node.domain.posts import ROLES
from node.domain.rulebook import ActRule, Package
from node.errors import NotAllowed
from node.trading.desk import Desk
from node.web import pages, session
from node.web.console.forms import Tables
from node.web.console.inputs import UNITS, Choice
from node.web.keys import CLOCK, DESK, SETTINGS
from node.web.portal_text import Pair

NAVIGATION: Final[tuple[tuple[str, Pair], ...]] = (
    ("/console", ("今日待办", "To do")),
    ("/console/trades", ("交易登记册", "Trades")),
    ("/console/trades/new", ("新登记", "Register")),
    ("/console/drafts", ("草稿与复核", "Drafts")),
    ("/console/venues", ("场地", "Venues")),
    ("/console/services", ("服务", "Services")),
    ("/console/deposits", ("保证金", "Deposits")),
    ("/console/charges", ("收费", "Charges")),
    ("/console/bindings", ("主体", "Identities")),
    ("/console/archive", ("档案", "Archive")),
    ("/console/failures", ("失败", "Failures")),
    ("/uplink", ("上报", "Uplink")),
    ("/rule-drafts", ("规则", "Rules")),
)
GROUPS: Final = frozenset({"/console/trades", "/console/venues", "/console/deposits", "/console/bindings"})
"""Where a new group of entries begins: trades, rooms and services, money, the rest."""
WITHIN: Final[dict[str, str]] = {"/console/import": "/console/trades/new", "/console/sites": "/console/venues"}
"""Pages that are reached from another, by that one."""
FOR: Final[dict[str, str]] = {
    "/console/archive": "archive.keep",
    "/uplink": "uplink.retry",
    "/rule-drafts": "rule.distribute",
}
"""Pages that only some posts see, by the permission that they ask for."""
HUB: Final = frozenset({"/uplink", "/rule-drafts"})
"""Pages of the hub's console alone."""

# What a page says was done, by the word that the address before it carries: /console/trades/…?done=published.
DONE: Final[dict[str, Pair]] = {
    "published": ("已办理，记录已写入本节点日志。", "Done; the record is in this node's log."),
    "repeated": ("该环节此前已办理，未重复写入。", "It was done already; nothing was written twice."),
    "withdrawn": (
        "已撤回；原记录标明“已撤回”，继续可见。",
        "Withdrawn; the record stays visible and says that it is withdrawn.",
    ),
    "handed": ("已移交应当受理的中心，对方收到后成为草稿。", "Handed over; it becomes a draft at the right centre."),
    "taken": ("已转为草稿，请核对后办理。", "It is a draft now; check it and go on."),
    "saved": ("草稿已保存。", "The draft is saved."),
    "submitted": ("已提交复核，请另一人复核。", "Submitted; another person looks at it now."),
    "returned": ("已退回。", "Returned."),
    "discarded": ("草稿已删除。", "The draft is gone."),
    "booked": ("已预订。", "Booked."),
    "cancelled": ("预订已取消。", "The booking is cancelled."),
    "noted": ("已记录。", "Noted."),
    "charged": ("收费单已生成。", "The charge is made out."),
    "retried": ("已安排重试。", "It will be tried again."),
}

# Tables that come with the program, by the names that the rules use.
PACKAGED: Final[dict[str, list[Choice]]] = {
    "GB/T 2260": [(code, name, name) for code, name in {"500000": "重庆市", **CHONGQING}.items()],
}


async def centre(request: web.Request, permission: str = "read.shared") -> Person:
    """Who works at this centre and may do this. Raises NotAllowed for accounts of other realms."""
    who = await session.need(request, permission)
    if who.realm != "service":
        raise NotAllowed(
            f"{who.account} is no account of this centre",
            zh="交易操作系统仅供交易中心人员使用",
            advice_zh="监管人员请使用监督系统；交易主体请使用公共服务系统。",
            advice_en="Supervisors use the supervision system, market parties the public pages.",
        )
    return who


def desk(request: web.Request) -> Desk:
    return request.app[DESK]


def now_ms(request: web.Request) -> int:
    return request.app[CLOCK]()


def tables(request: web.Request) -> Tables:
    """The code tables held here, with names where they are known; divisions and classes come with the program."""
    rules = desk(request).rules
    held: Mapping[str, Any] = rules.tables
    classes = rules.by_day.numbers(day_of(now_ms(request))).classes
    own = PACKAGED | {"class": [(each.code, each.zh, each.en) for each in classes]}
    return own | {name: [_choice(code, table) for code in table] for name, table in held.items() if table}


def _choice(code: str, table: Any) -> tuple[str, str, str]:
    said = table[code] if isinstance(table, Mapping) else code
    if isinstance(said, tuple | list):
        return code, str(said[0]), str(said[-1])
    return code, str(said), str(said)


def may_do(who: Person, rule: ActRule) -> bool:
    """Whether this person's post does such an act."""
    return who.may("trade.act") and (not rule.posts or bool(who.roles & set(rule.posts)))


def posts_of(rule: ActRule) -> list[Pair]:
    """The posts that do an act, in words."""
    return [(ROLES[post].zh, ROLES[post].en) if post in ROLES else (post, post) for post in rule.posts]


def stage_name(package: Package | None, stage: str) -> Pair:
    found = package.stage(stage) if package else None
    return (found.zh, found.en) if found else (stage, stage)


def act_name(package: Package | None, act: str) -> Pair:
    found = package.act(act) if package else None
    return (found.zh, found.en) if found else (act, act)


def left(ms: int | None) -> Pair:
    """How long is left, or by how much it is late, in words.

    >>> left(3 * 86_400_000), left(-7_200_000), left(None)
    (('还剩 3 天', '3 d left'), ('已逾期 2 小时', '2 h late'), ('未起算', 'not started'))
    """
    if ms is None:
        return "未起算", "not started"
    size, zh, en = next(
        (unit for unit in ((86_400_000, "天", "d"), (3_600_000, "小时", "h")) if abs(ms) >= unit[0]),
        (60_000, "分钟", "min"),
    )
    count = abs(ms) // size
    return (f"已逾期 {count} {zh}", f"{count} {en} late") if ms < 0 else (f"还剩 {count} {zh}", f"{count} {en} left")


def render(request: web.Request, template: str, who: Person, *, status: int = 200, **context: Any) -> web.Response:
    """A page of the console; never kept by a cache."""
    path = WITHIN.get(request.path, request.path)
    role = request.app[SETTINGS].role
    here = max((each for each, _ in NAVIGATION if path == each or path.startswith(f"{each}/")), key=len, default="")
    response = pages.render(
        request,
        f"console/{template}",
        status=status,
        who=who,
        console_navigation=[
            (each, title, each == here, each in GROUPS)
            for each, title in NAVIGATION
            if (each not in FOR or who.may(FOR[each])) and (each not in HUB or role == "hub")
        ],
        role_names=[(ROLES[role].zh, ROLES[role].en) for role in sorted(who.roles) if role in ROLES],
        done=DONE.get(request.query.get("done", "")) if request.method == "GET" else None,
        money_units=list(UNITS),
        left=left,
        **context,
    )
    response.headers["Cache-Control"] = "private, no-store"
    return response
