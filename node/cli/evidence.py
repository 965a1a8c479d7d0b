"""`ggzy evidence …` and `ggzy alarms`: what this node noticed about other nodes' logs, and files that prove it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli.options import HERE, AsJson, Config

if TYPE_CHECKING:
    from node.store.alarms import AlarmState

app = typer.Typer(
    help="证据 · Evidence against logs and nodes.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command(name="list")
def list_(config: Config = HERE, as_json: AsJson = False) -> None:
    """列出证据 · List what is kept."""
    from node.cli.opening import load
    from node.cli.output import errors, moment, result, say
    from node.store import alarms
    from node.store.db import Store

    with errors(as_json=as_json, config=config):
        store = Store(load(config).database)
        try:
            found = store.read_now(alarms.all_evidence)
        finally:
            store.close()
        for each in found:
            say(f"{each.id}  {each.reason}  {each.origin}  {moment(each.seen_ms // 1000)}")
        if not found:
            say("没有证据。 There is none.")
        if as_json:
            rows = [
                {"id": each.id, "sort": each.reason, "origin": each.origin, "seen_ms": each.seen_ms} for each in found
            ]
            result({"evidence": rows})


@app.command()
def export(
    number: Annotated[int, typer.Argument(help="证据编号 · number of the evidence, see `ggzy evidence list`.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="输出文件 · file to write.")],
    config: Config = HERE,
) -> None:
    """导出证据文件 · Write evidence as a file that anybody can check with `ggzy verify`."""
    from functools import partial

    from node.cli.opening import load
    from node.cli.output import errors, say
    from node.errors import Refused
    from node.store import alarms
    from node.store.db import Store

    with errors(config=config):
        store = Store(load(config).database)
        try:
            found = store.read_now(partial(alarms.evidence_of, number=number))
        finally:
            store.close()
        if not found.file:
            raise Refused(
                f"evidence {number} ({found.reason}) proves nothing to others by itself",
                zh=f"证据 {number}（{found.reason}）本身不足以向他人证明",
                advice_zh="两份检查点仍保存在本节点；请按 docs/recovery.md 处理。",
                advice_en="Both notes are kept here; follow docs/recovery.md.",
            )
        output.write_text(found.file, "utf-8")
        say(f"已写入 {output}；任何人可用 ggzy verify {output} --policy 信任策略 核验。")
        say(f"Wrote {output}; anybody can check it with ggzy verify {output} --policy POLICY.")


def alarms(config: Path, *, ack: int | None, everything: bool, as_json: bool) -> None:
    """Print alarms that are on, or with `everything` also those that have ended; `ack` ends one first."""
    from functools import partial

    from node.cli.opening import load
    from node.cli.output import result, say
    from node.clock import utc_ms
    from node.store import alarms as stored
    from node.store.db import Store

    store = Store(load(config).database)
    try:
        if ack is not None:
            seen = store.write_now(partial(stored.acknowledge, number=ack, now_ms=utc_ms()))
            say(f"已确认告警 {ack}（{stored.TITLES.get(seen.code, (seen.code,))[0]}）。 Alarm {ack} is acknowledged.")
        found = store.read_now(stored.history if everything else stored.raised)
    finally:
        store.close()
    for each in found:
        say(told(each))
    if not found:
        say("没有告警。 There are no alarms.")
    if as_json:
        result({"alarms": [plain(each) for each in found]})


def told(alarm: AlarmState) -> str:
    """An alarm in words for a terminal."""
    from node.cli.output import moment
    from node.store.alarms import SEVERITIES, TITLES

    zh, en = TITLES.get(alarm.code, (alarm.code, alarm.code))
    grave_zh, grave_en = SEVERITIES.get(alarm.severity, (alarm.severity, alarm.severity))
    ended = "" if alarm.cleared_ms is None else f" · 已结束 ended {moment(alarm.cleared_ms // 1000)}"
    evidence = "" if alarm.evidence_id is None else f" · 证据 evidence {alarm.evidence_id}"
    return (
        f"{alarm.id}  [{grave_zh} {grave_en}] {zh} · {en}\n"
        f"    {alarm.origin}: {alarm.detail}\n"
        f"    自 since {moment(alarm.since_ms // 1000)}{ended}{evidence}"
    )


def plain(alarm: AlarmState) -> dict[str, Any]:
    """An alarm for machines."""
    return {
        "id": alarm.id,
        "code": alarm.code,
        "origin": alarm.origin,
        "severity": alarm.severity,
        "detail": alarm.detail,
        "since_ms": alarm.since_ms,
        "raised_ms": alarm.raised_ms,
        "cleared_ms": alarm.cleared_ms,
        "evidence": alarm.evidence_id,
    }
