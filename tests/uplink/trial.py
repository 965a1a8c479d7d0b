"""A trial of the uplink: so many records, a receiver of which one answer in five goes wrong, and the books afterwards.

    scripts/uplink-trial --records 10000 [--seed N] [--busy 50 --fail 50 --lose 50 --drop 50 --delay-ms 5]

A hub and a sandbox, both real nodes with their own databases, HTTP between them. Records of five categories,
acts of trades and entries of the black list, some of them with faults that the standard refuses; new versions and
withdrawals on the way. It ends with every record accepted or explained, and none twice: else exit status 1 and what is
wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from aiohttp.test_utils import TestServer
from sqlalchemy import select

from node import keyring
from node import settings as configuration
from node.app import Node, build
from node.domain.acts import Act
from node.domain.credit import BlacklistEntry
from node.domain.identifiers import check_character, organisation_check
from node.domain.record import Amendment, Amount, Document, Draft, Party, Source
from node.domain.trades import TradeListing, TradeNotice, TradeResult
from node.provision import first_policy, make_node
from node.store.tables import table
from node.store.tables_uplink import NationalItem, UplinkMessage, VerdictView

FEDERATION = "ggzy.example/trial"
START_MS = 1_764_000_000_000
DAY_MS = 86_400_000
SYSTEM, SECRET = "9120", "trial-secret"
DISTRICTS = ("500101", "500102", "500103", "500105", "500106", "500112", "500151", "500229")
_messages, _items, _verdicts = table(UplinkMessage), table(NationalItem), table(VerdictView)


def uscc(number: int, division: str = "500103") -> str:
    """A credit code that holds, of a company that nobody has."""
    inner = f"MT{number:06d}"
    body = f"91{division}{inner}"
    body += organisation_check(inner)
    return body + check_character(body)


PLATFORM = uscc(999_999, "500000")


class Clock:
    def __init__(self) -> None:
        self.now_ms = START_MS

    def __call__(self) -> int:
        return self.now_ms


@dataclass
class Pair:
    """A hub and the sandbox to which it reports."""

    hub: Node
    national: Node
    clock: Clock
    server: TestServer


@asynccontextmanager
async def pair(directory: Path, *, faults: str = "", **settings: Any) -> AsyncIterator[Pair]:
    """Both nodes open, the sandbox served; `settings` are the hub's."""
    clock = Clock()
    signer = keyring.policy_signer(directory / "policy", FEDERATION, create=True)
    sender = {"system_no": SYSTEM, "secret": SECRET, "platform_code": PLATFORM}
    made = [
        make_node(
            directory / name,
            role=name,
            division=division,
            title=title,
            federation=FEDERATION,
        )
        for name, division, title in (
            ("national", "100000", "全国公共资源交易平台"),
            ("hub", "500000", "重庆市公共资源交易中心"),
        )
    ]
    above = {made[0].settings.name: "", made[1].settings.name: made[0].settings.name}
    policy = first_policy(FEDERATION, signer, made, above)
    intake = {"intake_senders": (configuration.IntakeSender(**sender),), "intake_faults": faults}
    national = Node(made[0].settings.model_copy(update=intake), clock=clock)
    server = TestServer(build(national, jobs=False))
    await server.start_server()
    mine = {
        "uplink_url": str(server.make_url("/national/upload")),
        "uplink_system_no": SYSTEM,
        "uplink_secret": SECRET,
        "platform_uscc": PLATFORM,
        "uplink_plat_no": "50000000001",
        "public_url": "https://ggzy.example",
        "request_timeout_s": 30,
    }
    hub = Node(made[1].settings.model_copy(update=mine | settings), clock=clock)
    try:
        await national.trusted.adopt([policy])
        await hub.trusted.adopt([policy])
        await hub.open()
        yield Pair(hub, national, clock, server)
    finally:
        await hub.close()
        await server.close()


# --- records ---------------------------------------------------------------------------------------------------------


def draft(kind: str, key: str, body: Any, **more: Any) -> Draft:
    document = Document(key=key, body=body, source=Source("演练", f"https://ggzy.example/notices/{key}"), **more)
    return Draft(kind, key, {"main": document}, {"body": msgspec.to_builtins(body), **more})


def record(number: int, dice: random.Random) -> tuple[str, str, Any]:
    """(kind, key, body) of one record; about one in thirty has a fault that the standard refuses."""
    division = DISTRICTS[number % len(DISTRICTS)]
    owner = Party(f"示例建设单位{number % 97}", uscc(number % 97, division))
    agency = Party(f"示例代理公司{number % 13}", uscc(500 + number % 13, division))
    winner = Party(f"示例中标公司{number % 211}", uscc(1000 + number % 211, division))
    day = f"2025-{dice.randrange(1, 11):02d}-{dice.randrange(1, 28):02d}"
    amount = Amount("", dice.randrange(1_000_000, 10**11))
    if dice.random() < 1 / 30:
        winner = Party(winner.name)  # no code: the standard asks for one
    code = f"E-2025-{number:06d}"
    common: dict[str, Any] = {
        "title": f"示例项目{number}号",
        "project_name": f"示例项目{number}号",
        "project_code": code,
        "division": division,
        "owner": owner,
        "agency": agency,
        "published_on": day,
    }
    sort = number % 10
    if sort < 5:
        body: Any = TradeResult(
            category="工程建设",
            stage="中标结果公告",
            section_code=f"{code}-01",
            winners=[winner],
            amount=amount,
            **common,
        )
        return "trade.result", f"r{number}", body
    if sort < 7:
        made = TradeNotice(category="政府采购", stage="中标公告", winners=[winner], award=amount, **common)
        return "trade.notice", f"n{number}", made
    if sort < 8:
        details = {"area": "12000.5"}
        land = TradeNotice(
            category="土地使用权", stage="成交公示", winners=[winner], award=amount, details=details, **common
        )
        return "trade.notice", f"l{number}", land
    if sort < 9:
        return (
            "trade.listing",
            f"p{number}",
            TradeListing(category="国有产权", stage="挂牌披露", amount=amount, **common),
        )
    if number % 20 == 9:
        return of_trade(number // 20, owner, winner)
    entry = BlacklistEntry(
        party=winner,
        authority="示例财政局",
        reason="提供虚假材料",
        decided_on=day,
        document_no=f"示例〔2025〕{number}号",
    )
    return "credit.blacklist", f"b{number}", entry


def of_trade(place: int, owner: Party, winner: Party) -> tuple[str, str, Any]:
    """One act of a trade: registration, notice and award in turn, so that every third begins a trade."""
    trade, seq = f"{place // 3:032x}", place % 3 + 1
    on_ms = START_MS + seq * 30 * DAY_MS
    parties = [{"name": each.name, "uscc": each.uscc} for each in (owner, winner)]
    name, fields = (
        (
            "register",
            {
                "project_name": f"示例工程{place // 3}号",
                "owner": parties[0],
                "method": "open",
                "mandatory": True,
                "estimate": 50_000_000_00,
            },
        ),
        (
            "notice",
            {
                "content": "招标公告全文，共十个字以上",
                "doc_from": "2026-01-25",
                "doc_until": "2026-02-01",
                "bid_deadline": on_ms + 25 * DAY_MS,
                "opening_at": on_ms + 25 * DAY_MS,
            },
        ),
        ("result", {"winners": [parties[1]], "amount": 1_000_000_00, "winner_rank": 1, "content": "中标结果公告全文"}),
    )[seq - 1]
    body = Act(
        trade=trade,
        seq=seq,
        category="工程建设",
        act=name,
        rules="construction@1",
        at=on_ms,
        title=f"示例工程{place // 3}号 {name}",
        division="500103",
        fields=fields,
        disclosure=("", "trade_notice", "result")[seq - 1],  # type: ignore[arg-type]
    )
    return ("trade.act" if body.disclosure else "trade.step"), body.key, body


@dataclass
class Outcome:
    """What came of a trial; `wrong` is empty when it is as it should be."""

    records: int = 0
    messages: int = 0
    sent: int = 0
    failures: int = 0
    runs: int = 0
    states: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


async def run(both: Pair, records: int, seed: int, *, say: Any = lambda text: None, changes: bool = True) -> Outcome:
    """Publish, report until nothing is due, change some, report again; then hold the books together."""
    dice = random.Random(seed)
    outcome = Outcome(records=records)
    made = [record(number, dice) for number in range(records)]
    drafts = [draft(*each) for each in made]
    for start in range(0, records, 500):
        await both.hub.publisher.publish(drafts[start : start + 500])
    await both.hub.projector.run()
    say(f"{records} records published")
    await drain(both, outcome, say)
    if changes:
        await both.hub.publisher.publish(changed(made))
        await both.hub.projector.run()
        await drain(both, outcome, say)
    await both.hub.projector.run()
    await check(both, made, outcome)
    return outcome


def changed(made: Sequence[tuple[str, str, Any]]) -> list[Draft | Amendment]:
    """One record in twenty gets a new version, one in fifty is withdrawn."""
    items: list[Draft | Amendment] = []
    for number, (kind, key, body) in enumerate(made):
        if number % 20 == 3 and hasattr(body, "title"):
            items.append(
                draft(kind, key, msgspec.structs.replace(body, location="示例路1号", stage=body.stage + "（更新）"))
            )
        elif number % 50 == 7:
            items.append(draft(kind, key, body, status="withdrawn", reason="演练"))
    return items


async def drain(both: Pair, outcome: Outcome, say: Any) -> None:
    """Run the job until nothing is due, moving the clock on as the waits ask for."""
    job = both.hub.uplink()
    for _ in range(400):
        report = await job.run()
        outcome.runs += 1
        outcome.sent += report.sent
        outcome.failures += report.unanswered
        say(f"run {outcome.runs}: sent {report.sent}, accepted {report.accepted}, unanswered {report.unanswered}")
        left = await both.hub.store.read(
            lambda conn: conn.execute(select(_messages.c.next_ms).where(_messages.c.state == "queued")).scalars().all()
        )
        if not left:
            return
        both.clock.now_ms = max(both.clock.now_ms + 1000, min(left))
    outcome.wrong.append("it did not come to an end")


async def check(both: Pair, made: Sequence[tuple[str, str, Any]], outcome: Outcome) -> None:
    """Every record accepted or explained, none twice."""
    rows = await both.hub.store.read(lambda conn: list(conn.execute(select(_messages)).mappings()))
    items = await both.national.store.read(
        lambda conn: {row["data_key"]: row for row in conn.execute(select(_items)).mappings()}
    )
    verdicts = await both.hub.store.read(
        lambda conn: {row["about_record"]: row for row in conn.execute(select(_verdicts)).mappings()}
    )
    outcome.messages = len(rows)
    outcome.states.update(row["state"] for row in rows)
    for row in rows:
        there = items.pop(row["data_key"], None)
        state = row["state"]
        name = f"{row['number']} {row['subject']}"
        if state == "accepted":
            if there is None or there["state"] != "held":
                outcome.wrong.append(f"{name}: accepted, and the receiver has it not")
            elif not _same(row["fields"], there["fields"]):
                outcome.wrong.append(f"{name}: the receiver holds something else")
        elif state == "deleted":
            if there is not None and there["state"] == "held":
                outcome.wrong.append(f"{name}: deleted, and the receiver has it still")
        elif state in ("held", "rejected", "blocked", "dead"):
            if not row["faults"] and not row["answer"]:
                outcome.wrong.append(f"{name}: {state} without a word of why")
            for fault in json.loads(row["faults"] or "[]"):
                if fault["severity"] == "refuse":
                    outcome.reasons[f"{fault['rule']} {fault['field']}"] += 1
        else:
            outcome.wrong.append(f"{name}: still {state}")
        if state not in ("deleted",) and row["record_id"] not in verdicts:
            outcome.wrong.append(f"{name}: no verdict on its record")
    held = [row for row in items.values() if row["state"] == "held"]
    if held:
        outcome.wrong.append(f"the receiver holds {len(held)} records that nobody reported")
    if len({(row["number"], row["subject"]) for row in rows}) != len(rows):
        outcome.wrong.append("one record has two messages in a set")
    owners = {row["record_id"] for row in rows}
    told = len(owners | set(verdicts))
    if told < len(made):
        outcome.wrong.append(f"{len(made) - told} records were never reported")


def _same(ours: str, theirs: str) -> bool:
    there = json.loads(theirs)
    return all(there.get(name) == value for name, value in json.loads(ours).items())


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--records", type=int, default=10_000)
    words.add_argument("--seed", type=int, default=1)
    for name in ("busy", "fail", "lose", "drop"):
        words.add_argument(f"--{name}", type=int, default=50, help="thousandths of requests")
    words.add_argument("--delay-ms", type=int, default=5, help="how long each answer takes at least")
    given = words.parse_args()
    faults = " ".join(f"{name}={getattr(given, name)}" for name in ("busy", "fail", "lose", "drop", "delay_ms"))

    async def work(directory: Path) -> Outcome:
        async with pair(directory, faults=f"{faults} seed={given.seed}") as both:
            return await run(both, given.records, given.seed, say=lambda text: print(text, file=sys.stderr, flush=True))

    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        outcome = asyncio.run(work(Path(directory)))
    took = time.monotonic() - begun
    print(
        f"{outcome.records} records, {outcome.messages} messages, {outcome.sent} sent, {outcome.runs} runs, {took:.0f}s"
    )
    print(f"requests without an answer: {outcome.failures} ({outcome.failures / max(1, outcome.sent):.1%})")
    print("states: " + ", ".join(f"{state} {count}" for state, count in sorted(outcome.states.items())))
    print("explained by: " + ", ".join(f"{reason} {count}" for reason, count in outcome.reasons.most_common(12)))
    for wrong in outcome.wrong[:20]:
        print(f"WRONG {wrong}")
    print("ok" if not outcome.wrong else f"{len(outcome.wrong)} things are wrong")
    return 1 if outcome.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
