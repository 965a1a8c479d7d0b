"""A centre's desk in one process: real store, publisher and projection, a small rule package, clerks who can sign."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from types import SimpleNamespace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import text

from node.domain import hands
from node.domain.acts import Act
from node.domain.calendar import Calendar
from node.domain.hands import Approval, Hand, Stated
from node.domain.rulebook import Package, Rulebook, parse
from node.projections.follow import Projector
from node.publishing.publish import Publisher
from node.rules import Rules
from node.store.db import Store
from node.trading.desk import Desk
from node.trading.refresh import Refresher
from node.wire.payload import encode
from tests.projections.world import EAST, open_world
from tests.publishing.made import seeded, signer

NODE = EAST.rpartition("/")[0]
START_MS = 1_764_000_000_000  # 2025-11-25 00:00 in Beijing
DAY = 86_400_000
READ = {"legal_basis": "示例办法 第一条", "tag": "S"}

PACKAGE = {
    "id": "construction",
    "version": "2025.1",
    "category": "工程建设",
    "zh": "示例规则",
    "en": "Example rules",
    "department": "示例部门",
    "effective_from": "2020-01-01",
    "stages": [
        {"id": "registered", "zh": "已登记", "en": "Registered"},
        {"id": "noticed", "zh": "公告中", "en": "Noticed"},
        {"id": "opened", "zh": "已开标", "en": "Opened"},
        {"id": "awarded", "zh": "已定标", "en": "Awarded"},
        {"id": "archived", "zh": "已归档", "en": "Archived", "final": True},
        {"id": "failed", "zh": "失败", "en": "Failed", "final": True},
    ],
    "acts": [
        {
            "id": "register",
            "zh": "登记",
            "en": "Registration",
            "takes": [],
            "gives": "registered",
            "per": "trade",
            "public": False,
            "fields": [
                {"name": "project_name", "zh": "项目名称", "en": "Project", "required": True, "max": 100},
                {"name": "owner", "zh": "招标人", "en": "Owner", "type": "party", "required": True},
                {"name": "estimate", "zh": "估算价", "en": "Estimate", "type": "money"},
                {
                    "name": "lots",
                    "zh": "标段",
                    "en": "Lots",
                    "type": "rows",
                    "columns": [
                        {"name": "number", "zh": "编号", "en": "Number", "required": True},
                        {"name": "name", "zh": "名称", "en": "Name"},
                    ],
                },
            ],
        },
        {
            "id": "notice",
            "zh": "招标公告",
            "en": "Notice",
            "takes": ["registered"],
            "gives": "noticed",
            "disclosure": "trade_notice",
            "posts": ["publication", "acceptance"],
            "fields": [
                {"name": "opening_at", "zh": "开标时间", "en": "Opening", "type": "moment", "required": True},
                {"name": "ceiling", "zh": "最高限价", "en": "Ceiling", "type": "money"},
                {"name": "owner", "zh": "招标人", "en": "Owner", "type": "party"},
                {"name": "contact", "zh": "内部联系人", "en": "Contact inside", "disclosed": False},
                {"name": "terms", "zh": "条件", "en": "Terms", "type": "long"},
                {
                    "name": "venue",
                    "zh": "地点类别",
                    "en": "Sort of place",
                    "type": "code",
                    "choices": [
                        {"value": "a", "zh": "甲厅", "en": "Hall A"},
                        {"value": "b", "zh": "乙厅", "en": "Hall B"},
                    ],
                },
                {"name": "online", "zh": "网上开标", "en": "Online", "type": "flag"},
            ],
        },
        {
            "id": "opening",
            "zh": "开标",
            "en": "Opening",
            "takes": ["noticed"],
            "gives": "opened",
            "public": False,
            "fields": [
                {"name": "bids", "zh": "投标数", "en": "Bids", "type": "integer", "required": True},
                {
                    "name": "medium",
                    "zh": "办理方式",
                    "en": "Done how",
                    "type": "code",
                    "choices": [
                        {"value": "electronic", "zh": "全程电子", "en": "electronically"},
                        {"value": "paper", "zh": "纸质或部分纸质", "en": "on paper, or partly"},
                    ],
                },
                {
                    "name": "bidders",
                    "zh": "投标人",
                    "en": "Bidders",
                    "type": "rows",
                    "columns": [
                        {"name": "name", "zh": "名称", "en": "Name"},
                        {"name": "price", "zh": "报价", "en": "Price", "type": "money"},
                    ],
                },
            ],
        },
        {
            "id": "result",
            "zh": "中标结果公告",
            "en": "Result",
            "takes": ["opened"],
            "gives": "awarded",
            "disclosure": "result",
            "fields": [
                {"name": "winner", "zh": "中标人", "en": "Winner", "type": "party", "required": True},
                {"name": "award_amount", "zh": "中标价", "en": "Amount", "type": "money", "required": True},
            ],
        },
        {
            "id": "contract",
            "zh": "合同公示",
            "en": "Contract",
            "takes": ["awarded"],
            "disclosure": "performance",
            "four_eyes": True,
            "fields": [{"name": "contract_amount", "zh": "合同价", "en": "Sum", "type": "money"}],
        },
        {"id": "archive", "zh": "归档", "en": "Archive", "takes": ["awarded"], "gives": "archived", "public": False},
        {
            "id": "fail",
            "zh": "流标公告",
            "en": "Failure",
            "takes": ["noticed", "opened"],
            "gives": "failed",
            "disclosure": "result",
            "voids": True,
            "fields": [{"name": "why", "zh": "原因", "en": "Why", "required": True}],
        },
    ],
    "clocks": [
        {
            **READ,
            "id": "notice-to-opening",
            "zh": "公告至开标不少于二十日",
            "en": "Twenty days from notice to opening",
            "sort": "least",
            "start": {"act": "notice"},
            "end": {"act": "notice", "field": "opening_at"},
            "value": 20,
            "unit": "日",
            "severity": "refuse",
        },
        {
            **READ,
            "id": "contract-in-time",
            "zh": "中标后三十日内签订合同",
            "en": "Contract within thirty days",
            "sort": "most",
            "start": {"act": "result"},
            "end": {"act": "contract"},
            "value": 30,
            "unit": "日",
        },
        {
            **READ,
            "id": "deposit-back",
            "zh": "签订合同后五日内退还投标保证金",
            "en": "Deposits back within five days of the contract",
            "sort": "most",
            "start": {"act": "contract"},
            "end": {"act": "deposit_return"},
            "value": 5,
            "unit": "日",
            "owes": "deposit_return",
        },
    ],
}


class HandClock:
    def __init__(self) -> None:
        self.now_ms = START_MS

    def __call__(self) -> int:
        return self.now_ms

    def forward(self, *, days: float = 0, seconds: float = 0) -> None:
        self.now_ms += int(days * DAY + seconds * 1000)


@dataclass(frozen=True)
class Clerk:
    """Somebody at a post, with a key made from the name."""

    account: str
    roles: frozenset[str] = frozenset({"acceptance", "publication"})
    permissions: frozenset[str] = frozenset(
        "trade.register trade.act trade.publish trade.second draft.edit venue.book import.run".split()
    )

    @property
    def key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(sha256(self.account.encode()).digest())

    def may(self, permission: str) -> bool:
        return permission in self.permissions

    def sign(self, stated: Stated, permission: str = "", *, approval: Approval | None = None) -> Hand:
        return hands.sign(self.key, self.account, " ".join(sorted(self.roles)), stated, approval)

    def approve(self, act: Act, author: str, at: int = START_MS) -> Approval:
        return hands.approve(self.key, self.account, "publication", act, author, at)


ANNA, BORIS = Clerk("anna@east"), Clerk("boris@east")


def few_rules(*packages: Package) -> Rules:
    """What `node/rules.py` gives, with one small package."""
    return Rules(Rulebook(list(packages) or [parse(PACKAGE, "test")]), Calendar([], [], roll=False))


class Bench:
    """`desk` of the node `NODE` over a store; `restart` is another process over the same database."""

    def __init__(self, store: Store, clock: HandClock, *, seed: str = "bench", **more: Any) -> None:
        self.store, self.clock, self.rules = store, clock, few_rules()
        self.publisher = Publisher(store, signer(EAST), clock, random=seeded(seed))
        policy = SimpleNamespace(
            closed=(),
            lineage=lambda origin: ((origin, None),),
            member=lambda name: None,
            node_of_origin=lambda origin: None,
            hash=lambda: "policy",
        )
        self.projector = Projector(store, SimpleNamespace(policy=policy, me=NODE), clock)
        self.refresher = Refresher(store, self.rules, clock, NODE)
        self.desk = Desk(
            store,
            self.publisher,
            self.rules,
            clock,
            self.projector.run,
            node=NODE,
            source="示例中心",
            after=self.refresher.run,
            **more,
        )

    def restart(self) -> Bench:
        return Bench(self.store, self.clock, seed="again")

    async def begin(self, title: str = "示例道路工程", person: Clerk = ANNA, lots: int = 0, **more: Any) -> str:
        fields = {"project_name": title, "owner": {"name": "示例建设单位"}, "estimate": 1_000_000_00}
        if lots:
            fields["lots"] = [{"number": str(n), "name": f"第{n}标段"} for n in range(1, lots + 1)]
        done = await self.desk.begin(person, "工程建设", title, fields, division="500103", **more)
        return done.trade

    @property
    def noticed(self) -> dict[str, Any]:
        return {"opening_at": self.clock() + 21 * DAY, "contact": "王先生", "ceiling": 900_000_00}

    async def notice(self, trade: str, person: Clerk = ANNA, **more: Any) -> Any:
        fields = self.noticed | more.pop("fields", {})
        return await self.desk.act(person, trade, "notice", fields=fields, **more)

    async def approved(self, trade: str, act: str, *, person: Clerk = ANNA, second: Clerk = BORIS, **given: Any) -> Any:
        """An act that a second person approved before it was published."""
        approval = second.approve(await self.desk.proposed(trade, act, **given), person.account)
        return await self.desk.act(person, trade, act, approval=approval, **given)

    async def to_result(self, trade: str, lots: tuple[str, ...] = (), **opened: Any) -> None:
        """From registration to an award; `opened` are further fields of the opening."""
        await self.notice(trade, lots=lots)
        self.clock.forward(days=21)
        await self.desk.act(ANNA, trade, "opening", lots=lots, fields={"bids": 3} | opened)
        won = {"winner": {"name": "示例施工公司"}, "award_amount": 800_000_00}
        await self.desk.act(ANNA, trade, "result", lots=lots, fields=won)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.store.read_now(lambda conn: [tuple(row) for row in conn.execute(text(sql))])

    def read(self, work: Any, *args: Any, **more: Any) -> Any:
        return self.store.read_now(lambda conn: work(conn, *args, **more))


def digest(main: Any) -> bytes:
    return sha256(encode(main)).digest()


@contextmanager
def open_bench(database: str = "sqlite") -> Iterator[Bench]:
    """A centre in memory, or in a schema of its own in the PostgreSQL that GGZY_TEST_POSTGRES names."""
    with open_world(database) as world:
        world.store.write_now(_own)
        yield Bench(world.store, HandClock())


def _own(conn: Any) -> None:
    # The world's logs are of no node; here the eastern one is our own.
    conn.execute(text("UPDATE log SET own = (origin = :east)"), {"east": EAST})
