"""Rules of the city: published at the hub, taken over in the districts at their day; no district can edit one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from net import FEDERATION, Net, Running

from node import provision
from node.domain import fees
from node.domain.acts import Act
from node.domain.calendar import day_of, start_of
from node.domain.record import Document, Draft, Outcome, Source
from node.domain.rulebook import Package
from node.domain.ruletables import RuleTable, TableRow
from node.errors import Refused
from node.provision import Made
from node.publishing import rules as publishing
from node.rules import load_tables
from node.store.tables import Quarantine, table
from node.trading import register
from tests import ruled
from tests.trading.bench import Clerk

SOURCE = Source("市公共资源交易中心")
DAY_MS = 86_400_000


def second(held: Package, day: str, **changes: object) -> Package:
    return msgspec.structs.replace(held, version="2", effective_from=day, **changes)


async def publish(at: Running, body: Package | RuleTable) -> Outcome:
    today = at.node.rule_records.today()
    (outcome,) = await at.publish(publishing.draft(body, "市公共资源交易中心", today=today))
    await at.node.projector.run()
    await at.node.rule_records.refresh()
    return outcome


async def test_a_package_is_taken_over_at_its_day_and_running_trades_keep_theirs(net: Net) -> None:
    hub, east = await net.start("hub", "east")
    today = east.node.rule_records.today()
    first = east.node.rules.book.of("工程建设", today)
    assert first is not None and first.version == "1" and today == "2025-11-25"
    new = second(first, "2025-11-27", zh="工程建设（新）")
    assert (await publish(hub, new)).state == "published"
    await net.settle()
    book = east.node.rules.book
    assert book.get("construction@2") == new, "it has come with the records, and waits for its day"
    assert book.of("工程建设", "2025-11-26") == first and book.of("工程建设", "2025-11-27") == new
    # A trade that began before asks for its own version by name, whatever has come since.
    began = Act(
        trade="ab" * 16, seq=1, category="工程建设", act="register", rules=first.name, at=net.clock(), title="x"
    )
    net.clock.forward(hours=24 * 3)
    await net.settle()
    assert east.node.rules.book.of("工程建设", east.node.rule_records.today()) == new
    assert east.node.rules.book.get(began.rules) == first
    page = await east.page("/rules")
    assert "工程建设（新）" in page and "construction@2" in page


async def test_a_withdrawn_package_begins_no_trade_and_ends_none(net: Net) -> None:
    hub, east = await net.start("hub", "east")
    first = hub.node.rules.book.of("工程建设", "2025-11-25")
    assert first is not None
    new = second(first, "2025-11-25")
    await publish(hub, new)
    (outcome,) = await hub.publish(publishing.withdrawal(new, "条款有误"))
    assert outcome.state == "published"
    await hub.node.projector.run()
    await net.settle()
    assert east.node.rules.book.of("工程建设", "2025-12-01") == first
    assert east.node.rules.book.get("construction@2") == new


async def test_a_district_cannot_issue_nor_edit_rules(net: Net) -> None:
    hub, east, west = await net.start("hub", "east", "west")
    first = east.node.rules.book.of("工程建设", "2025-11-25")
    assert first is not None
    mine = second(first, "2025-11-25", zh="本区自定")
    outcome = await publish(east, mine)
    assert outcome.state == "rejected" and outcome.error is not None and "不得发布" in outcome.error.zh
    # A changed program that issues it all the same is found out wherever the record is read.
    document = Document(mine.name, mine, SOURCE)
    east.node.publisher._role = ""
    (outcome,) = await east.publish(Draft("rule.package", mine.name, {"main": document}, {"name": mine.name}))
    assert outcome.state == "published"
    await net.settle()
    held = table(Quarantine)
    for each in (east, hub, west):
        codes = await each.node.store.read(lambda conn: [row.code for row in conn.execute(held.select())])
        assert codes == ["issuer-not-entitled"], each.name
        assert each.node.rules.book.get("construction@2") is None


async def test_a_version_is_never_edited_and_never_backdated(net: Net) -> None:
    hub, _ = await net.start("hub", "east")
    first = hub.node.rules.book.of("工程建设", "2025-11-25")
    assert first is not None
    new = second(first, "2025-11-26")
    assert (await publish(hub, new)).state == "published"
    assert (await publish(hub, new)).state == "unchanged"
    other = await publish(hub, second(first, "2025-11-26", zh="另一内容"))
    assert other.state == "rejected" and other.error is not None and "不可改写" in other.error.zh
    late = await publish(hub, msgspec.structs.replace(second(first, "2025-11-01"), version="3"))
    assert late.state == "rejected" and late.error is not None and late.error.field == "effective_from"


async def test_code_tables_templates_and_the_service_list_come_down(net: Net) -> None:
    hub, east = await net.start("hub", "east")

    def made(sort: str, *rows: TableRow, id: str) -> RuleTable:
        head = {"zh": id, "en": id, "department": "市公共资源交易中心", "legal_basis": "渝府办发〔2016〕35号 四(四)"}
        return RuleTable(id=id, version="1", sort=sort, effective_from="2025-11-25", tag="S", rows=list(rows), **head)

    codes = made("codes", TableRow(id="A01", zh="房屋建筑"), id="class")
    promise = TableRow(id="register", zh="项目进场登记", en="Registration", post="受理岗", value=1, unit="工作日")
    services = made("services", promise, id="service-list")
    texts = ruled.table("templates", {"template": [ruled.template("{project_name} 公告")]}, id="texts")
    for each in (codes, services, texts):
        assert (await publish(hub, each)).state == "published"
    await net.settle()
    assert east.node.rules.tables["class"] == {"A01"}
    held = {each.name for each in east.node.rule_records.tables()}
    assert {"class@1", "service-list@1", "texts@2", "fees@2016-03-14"} <= held
    page = await east.page("/rules")
    assert "项目进场登记" in page and "1 工作日" in page and "受理岗" in page
    assert "{project_name} 公告" in await east.page("/rules/texts@2")


class Ruled(Net):
    """A net with the city's price department and its department of reform."""

    def make(self, name: str) -> Made:
        titles = {"price": "重庆市物价局", "reform": "重庆市发展改革委"}
        if name not in titles:
            return super().make(name)
        return provision.make_node(
            self.directory / name,
            role="supervision",
            division="500000",
            title=titles[name],
            federation=FEDERATION,
            department=titles[name],
        )


@pytest.fixture
async def ruled_net(tmp_path: Path) -> AsyncIterator[Ruled]:
    made = Ruled(tmp_path)
    yield made
    await made.stop()


REGISTRATION = {
    "project_name": "示例道路工程",
    "owner": {"name": "示例建设单位"},
    "division": "500103",
    "approval_level": "district",
    "fund_level": "district",
    "mandatory": True,
    "estimate": 50_000_000_00,
    "method": "open",
    "qualification": "post",
    "state_funds": True,
}


async def test_tariff_template_and_catalogue_change_in_the_district_at_their_day(ruled_net: Ruled) -> None:
    net = ruled_net
    hub, east, price = await net.start("hub", "east", "price")
    tariff = ruled.table("fees", {"fee": [ruled.fee()]}, department="市物价局", effective_from="2025-11-27")
    texts = ruled.table("templates", {"template": [ruled.template("{project_name}，新")]}, effective_from="2025-11-27")
    catalogue = msgspec.to_builtins(hub.node.rules.by_day.program["catalogue"].content)
    (works,) = (row for row in catalogue["row"] if row["id"] == "works")
    works["threshold_fen"] = 1
    scale = ruled.table("catalogue", catalogue, effective_from="2025-11-27")
    assert (await publish(price, tariff)).state == "published"
    for each in (texts, scale):
        assert (await publish(hub, each)).state == "published"
    await net.settle()
    held = east.node.rules.by_day

    def charged(day: str) -> list[int]:
        held = east.node.rules.by_day.tariff(day)
        return [each.fen for each in fees.charge(held, "其他", 1_000_000_00, "winner", day)]

    assert charged("2025-11-26") == [] and charged("2025-11-27") == [10_000_00]
    offered = [each.text for each in held.templates("其他", "notice", "2025-11-27")]
    assert offered == ["{project_name}，新"] and offered != [
        each.text for each in held.templates("其他", "notice", "2025-11-26")
    ]
    # What nobody published for an act stays the program's.
    packaged = load_tables().templates("工程建设", "notice", "")
    assert packaged and held.templates("工程建设", "notice", "2025-11-27") == packaged
    small = {**REGISTRATION, "mandatory": False, "estimate": 1_000_00, "category": "工程建设", "content": "施工"}
    for day, remarks in (("2025-11-26", 0), ("2025-11-27", 1)):
        _, found = await east.node.placing(small, "", day)
        assert sum(each.rule == "catalogue" for each in found) == remarks, day
    page = await east.page("/rules/fees@2")
    assert "示例价〔2025〕1号" in page and "1%" in page


async def test_who_issues_which_table(ruled_net: Ruled) -> None:
    net = ruled_net
    _, east, price, reform = await net.start("hub", "east", "price", "reform")
    row = ruled.fee()
    for at, body in (
        (reform, ruled.table("fees", {"fee": [row]}, department="市发展改革委")),
        (price, ruled.table("routing", {"document": "x", "row": []}, department="市物价局", id="routing")),
        (price, ruled.table("templates", {"template": [ruled.template("甲")]}, department="市物价局")),
        (price, ruled.table("services", {"rows": [{"id": "a", "zh": "甲"}]}, department="市发展改革委")),
    ):
        with pytest.raises(Refused, match="no node would take it over"):
            at.node.rule_records.require_own(body)
        # Published all the same, every node shows it and none takes it over.
        document = Document(body.name, body, Source("x"))
        await at.publish(Draft("rule.table", body.name, {"main": document}, {"name": body.name}))
    own = ruled.template("乙", id="u", categories=["工程建设"])
    mine = ruled.table("templates", {"template": [own]}, department="市发展改革委", id="texts-reform")
    reform.node.rule_records.require_own(mine)
    assert (await publish(reform, mine)).state == "published"
    await net.settle()
    assert [each.name for each in east.node.rule_records.records if each.taken] == ["texts-reform@2"]
    assert sum(not each.taken for each in east.node.rule_records.records) == 4
    assert east.node.rules.by_day.tariff("2025-11-26").fee[0].id != row["id"]
    # A district's table does not even come so far.
    outcome = await publish(east, ruled.table("fees", {"fee": [row]}))
    assert outcome.state == "rejected" and outcome.error is not None and "不得发布" in outcome.error.zh
    east.node.publisher._role = ""
    forced = ruled.table("fees", {"fee": [row]}, version="9")
    await east.publish(Draft("rule.table", forced.name, {"main": Document(forced.name, forced, SOURCE)}, {"n": "9"}))
    await net.settle()
    held = table(Quarantine)
    codes = await reform.node.store.read(lambda conn: [row.code for row in conn.execute(held.select())])
    assert codes == ["issuer-not-entitled"]
    assert all(each.name != "fees@9" for each in reform.node.rule_records.records)


async def test_deadlines_are_counted_anew_when_the_holidays_arrive(ruled_net: Ruled) -> None:
    net = ruled_net
    hub, east, reform = await net.start("hub", "east", "reform")
    net.clock.now_ms = start_of("2026-12-30") + 9 * 3_600_000
    desk = east.node.desk
    anna = Clerk("anna@east", frozenset({"acceptance", "publication", "venue", "archive"}))
    begun = await desk.begin(anna, "工程建设", "", REGISTRATION)
    days = {"doc_from": "2026-12-30", "doc_until": "2027-01-06", "bid_deadline": start_of("2027-01-25")}
    notice = {"content": "招标公告全文", "opening_at": start_of("2027-01-25"), "security_asked": False, **days}
    await desk.act(anna, begun.trade, "notice", fields=notice)
    complaint = {"subject": "document", "received_on": "2026-12-30", "prior": 2, "department": "市发展改革委"}
    await desk.act(anna, begun.trade, "complaint", fields=complaint)

    async def due() -> tuple[str, int]:
        await east.node.keep_trades()
        rows = await east.node.store.read(lambda conn: register.todo(conn, now_ms=net.clock()))
        (row,) = (each for each in rows if each["clock"] == "complaint-accepted")
        calendar = east.node.rules.calendar
        return day_of(row["due_ms"]), calendar.unknown(row["started_ms"], row["due_ms"], "工作日")

    assert await due() == ("2027-01-04", 2027), "31 December, then New Year's Day as if it were worked, then Monday"
    arranged = ruled.table(
        "holidays",
        {"year": [ruled.year(2027, "2027-01-01", "2027-01-04")]},
        version="2027",
        department="市发展改革委",
        effective_from="2026-12-30",
    )
    assert (await publish(reform, arranged)).state == "published"
    await net.settle()
    assert await due() == ("2027-01-06", 0)
    await hub.node.take_over_rules()
    assert not hub.node.rules.calendar.is_workday("2027-01-04")
    # What the notice of another year said is as it was.
    assert not east.node.rules.calendar.is_workday("2026-10-01")
