"""Rules of the city: published at the hub, taken over in the districts at their day; no district can edit one."""

from __future__ import annotations

import msgspec
from net import Net, Running

from node.domain.acts import Act
from node.domain.record import Document, Draft, Outcome, Source
from node.domain.rulebook import Package
from node.domain.ruletables import RuleTable, TableRow
from node.publishing import rules as publishing
from node.store.tables import Quarantine, table
from tests import ruled

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
