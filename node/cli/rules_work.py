"""What the commands about rules do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import msgspec
import typer

from node.app import Node
from node.cli.opening import load, quiet_logs
from node.cli.output import result, say
from node.clock import utc_ms
from node.domain import ruletext
from node.domain.hands import Hand, Stated
from node.domain.rulebook import Package
from node.domain.rulediff import RuleChange, diff
from node.domain.ruletables import SORT_NAMES, RuleTable
from node.errors import Malformed, NotAllowed, NotFound, Refused
from node.publishing import rules as publishing
from node.rule_judging import Body
from node.rule_records import RuleRecords
from node.rules import Rules, holiday_table, read_text
from node.store.db import Store
from node.trusted import Trusted
from node.wire import payload as payload_bytes

T = TypeVar("T")
_MARKS = {"added": "+", "removed": "-", "changed": "~"}


def read(file: Path) -> Body:
    """The rules in a file, found sound. Raises NotFound, Malformed."""
    body = read_text(_text(file), file.name)
    publishing.require_sound(body, file.name)
    return body


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except FileNotFoundError:
        raise NotFound(f"no file {file}", zh=f"没有文件 {file}") from None
    except UnicodeDecodeError:
        raise Malformed(f"{file.name} is not UTF-8", zh=f"{file.name} 不是 UTF-8 文本") from None


def check(file: Path, *, as_json: bool) -> None:
    body = read(file)
    say(f"{body.name} {body.zh}：检查无误 · as it should be; {_summary(body)}")
    if as_json:
        result({"name": body.name, "kind": publishing.kind_of(body), "faults": 0})


def publish(config: Path, file: Path, *, account: str, sure: bool, as_json: bool) -> None:
    body = read(file)

    async def given(_node: Node) -> Body:
        return body

    _publish(config, given, account=account, sure=sure, as_json=as_json)


def holidays(config: Path, file: Path, *, account: str, sure: bool, as_json: bool) -> None:
    text = _text(file)

    async def made(node: Node) -> Body:
        records = node.rule_records
        owner = node.settings.title if node.settings.role == "supervision" else records.owners()["holidays", "holidays"]
        return holiday_table(
            text, file.name, department=owner, today=records.today(), held=records.versions("holidays")
        )

    _publish(config, made, account=account, sure=sure, as_json=as_json)


def _publish(config: Path, make: Callable[[Node], Awaitable[Body]], *, account: str, sure: bool, as_json: bool) -> None:
    async def work(node: Node) -> tuple[Body, str]:
        records, body = node.rule_records, await make(node)
        today = records.today()
        hand = await _hand(node, body, account) if account else None
        if node.settings.role == "supervision":
            records.require_own(body)
        before = [each for each in records.versions(body.id) if type(each) is type(body) and each.name != body.name]
        if before:
            say(f"与 {before[-1].name} 相比 · compared with {before[-1].name}:")
            _tell(diff(before[-1], body))
        _agree(
            sure, f"发布 {body.name}，{body.effective_from} 起生效，不可改写，确定？", "It is never edited. Publish?"
        )
        draft = publishing.draft(
            body, node.settings.title, today=today, hand=hand, packages=node.rules.book.in_force(today)
        )
        (outcome,) = await node.publisher.publish([draft])
        if outcome.error is not None:
            raise outcome.error
        assert outcome.record_id is not None
        say("已发布过，未重复发布 · published before" if outcome.state == "unchanged" else "已发布 · published")
        return body, outcome.record_id.hex()

    body, record_id = _with_node(config, work)
    say(f"{body.name} {body.zh}，{body.effective_from} 起生效 · in force from then on; 记录 record {record_id}")
    if as_json:
        result({"name": body.name, "record_id": record_id, "effective_from": body.effective_from})


def withdraw(config: Path, name: str, reason: str, *, sure: bool, as_json: bool) -> None:
    async def work(node: Node) -> str:
        body = node.rule_records.find(name)
        _agree(sure, f"撤回 {name}，新的交易不再适用，确定？", "No trade begins under it any more. Withdraw?")
        (outcome,) = await node.publisher.publish([publishing.withdrawal(body, reason)])
        if outcome.error is not None:
            raise outcome.error
        assert outcome.record_id is not None
        return outcome.record_id.hex()

    record_id = _with_node(config, work)
    say(f"已撤回 {name} · withdrawn; 记录 record {record_id}")
    if as_json:
        result({"name": name, "record_id": record_id})


def list_rules(config: Path, *, as_json: bool) -> None:
    def work(records: RuleRecords, rules: Rules) -> list[dict[str, object]]:
        today = records.today()
        bodies: list[Body] = [*rules.book.packages, *rules.by_day.program.values()]
        bodies += [each.body for each in records.records if each.taken and each.body not in bodies]
        rows: list[dict[str, object]] = []
        for body in bodies:
            record = records.of(body.name)
            state = "withdrawn" if record is not None and record.withdrawn else _state(body, today)
            rows.append({"name": body.name, "zh": body.zh, "state": state, "effective_from": body.effective_from})
        for record in records.records:
            if not record.taken:
                row: dict[str, object] = {
                    "name": record.name,
                    "zh": record.body.zh,
                    "state": "not-taken",
                    "why": record.why[1],
                }
                rows.append(row | {"effective_from": record.body.effective_from})
        return rows

    rows = _with_records(config, work)
    for row in rows:
        say(f"{row['name']}  {row['zh']}  {row['effective_from']}  {row['state']}  {row.get('why', '')}".rstrip())
    if as_json:
        result({"rules": rows})


def show(config: Path, name: str, *, as_json: bool) -> None:
    body = _with_records(config, lambda records, rules: records.find(name))
    say(f"{body.name} {body.zh} · {body.en}")
    say(f"{body.department}，{body.effective_from} – {body.effective_to or '…'}；{_summary(body)}")
    if isinstance(body, Package):
        for clock in body.clocks:
            mark = "" if clock.verified else "  未核实 unverified"
            sort = "不少于" if clock.sort == "least" else "不超过"
            say(f"  {clock.zh}：{sort} {clock.value} {clock.unit}（{clock.legal_basis}）{mark}")
    else:
        say(ruletext.dumps(ruletext.plain(body)))
    if as_json:
        result(msgspec.to_builtins(body))


def compare(config: Path, old: str, new: str, *, as_json: bool) -> None:
    def work(records: RuleRecords, rules: Rules) -> list[RuleChange]:
        one, other = (read(Path(each)) if Path(each).is_file() else records.find(each) for each in (old, new))
        if type(one) is not type(other):
            raise Refused("a package and a table cannot be compared", zh="规则包与规则表不能比较")
        return diff(one, other)

    changes = _with_records(config, work)
    _tell(changes)
    if as_json:
        result({"changes": [msgspec.to_builtins(each) for each in changes]})


# --- below ----------------------------------------------------------------------------------------------------------


async def _hand(node: Node, body: Body, account: str) -> Hand:
    """The person's signature over the rules, beside the node's own (R69)."""
    password = typer.prompt("口令 password", hide_input=True, err=True)
    code = typer.prompt("动态口令（没有则回车）one-time code, if any", default="", show_default=False, err=True)
    person = (await node.accounts.log_in(account, password, code)).person
    if not person.may("rule.publish"):
        raise NotAllowed(f"{person.account} may not publish rules", zh="该账号无权发布规则")
    main = payload_bytes.encode(publishing.document(body, node.settings.title))
    return person.sign(Stated(publishing.kind_of(body), body.name, main), "rule.publish")


def _with_node(config: Path, work: Callable[[Node], Awaitable[T]]) -> T:
    async def run() -> T:
        node = Node(load(config))
        await node.open()
        try:
            await node.projector.run()
            await node.rule_records.refresh()
            done = await work(node)
            await node.projector.run()
            return done
        finally:
            await node.close()

    with quiet_logs():
        return asyncio.run(run())


def _with_records(config: Path, work: Callable[[RuleRecords, Rules], T]) -> T:
    settings = load(config)

    async def run() -> T:
        store = Store(settings.database)
        trusted = Trusted(store, settings.name, utc_ms)
        try:
            await trusted.open()
            rules = Rules.packaged()
            records = RuleRecords(store, trusted, rules, utc_ms)
            await records.refresh()
            return work(records, rules)
        finally:
            store.close()

    return asyncio.run(run())


def _state(body: Body, today: str) -> str:
    if body.effective_from > today:
        return "coming"
    return "in-force" if not body.effective_to or today <= body.effective_to else "ended"


def _summary(body: Body) -> str:
    if isinstance(body, RuleTable):
        return f"{SORT_NAMES[body.sort][0]}，{sum(map(len, body.parts().values()))} 行 rows"
    rows = [*body.clocks, *body.limits, *body.notices]
    unverified = sum(not row.verified for row in rows)
    return f"{len(body.acts)} 个环节 acts，{len(rows)} 条规则 rows，{unverified} 条未核实 unverified"


def _tell(changes: list[RuleChange]) -> None:
    for each in changes:
        where = " ".join(filter(None, (each.part, each.row, each.field)))
        values = " → ".join(filter(None, (each.old[:200], each.new[:200])))
        say(f"{_MARKS[each.sort]} {where}: {values}")
    if not changes:
        say("没有变化 · nothing changed")


def _agree(sure: bool, zh: str, en: str) -> None:
    if not sure and not typer.confirm(f"{zh} {en}", err=True):
        raise typer.Abort
