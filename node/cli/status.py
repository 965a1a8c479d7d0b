"""`ggzy status`: sizes, lag, alarms and last errors of a node, as lines or as JSON."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from sqlalchemy import Connection

from node.cli.evidence import plain as plain_alarm
from node.cli.opening import load
from node.cli.output import BEIJING, result
from node.clock import utc_ms
from node.keyring import SignedMark
from node.publishing.restart import compare_mark
from node.store import alarms, checkpoints, cursors, logs, peers
from node.store import migrate as schema
from node.store.db import Store
from node.tlog.note import parse_note
from node.trusted import newest
from node.wire.trust import parse

_WAYS = {"push": "报送 up to", "pull": "拉取 down from", "witness": "独立见证 independent witness"}


def status(config: Path, *, as_json: bool) -> None:
    settings = load(config)
    signed = SignedMark(settings.keys, settings.epoch).read()
    store = Store(settings.database)
    try:
        if signed > store.read_now(partial(_head_size, origin=settings.origin)):
            # An old copy of the database: said here too, before anything has opened the node (L9).
            store.write_now(partial(compare_mark, origin=settings.origin, signed=signed))
        found = store.read_now(partial(_status, name=settings.name))
    finally:
        store.close()
    found = {"node": settings.name, "role": settings.role, "title": settings.title, **found}
    if as_json:
        result(found)
        return
    _print_status(found)


def _head_size(conn: Connection, origin: str) -> int:
    state = logs.find(conn, origin)
    return 0 if state is None else state.head_size


def _print_status(found: dict[str, Any]) -> None:
    """Blocks of short lines, not a wide table: names of logs are long, and a terminal may have 80 columns."""
    console = Console(highlight=False, soft_wrap=True)
    policy = found["policy_version"] or "—"
    console.print(f"[bold]{found['title']}[/bold]  {found['node']} ({found['role']})  策略 policy {policy}")
    if found["policy_stale"]:
        console.print(
            "[bold red]信任策略已过期，应有新版 · the trust policy is stale, a newer one is due: "
            "ggzy policy adopt[/bold red]"
        )
    if found["audit"]:
        console.print(f"[bold red]自查发现问题 self-audit: {found['audit']} — ggzy fsck[/bold red]")
    for alarm in found["alarms"]:
        zh, en = alarms.TITLES.get(alarm["code"], (alarm["code"], alarm["code"]))
        colour = "yellow" if alarm["severity"] == alarms.WARNING else "bold red"
        console.print(f"[{colour}]告警 alarm {alarm['id']}: {zh} {en}[/{colour}] ({alarm['origin']}) — ggzy alarms")
    for log in found["logs"]:
        console.print(f"\n[bold]日志 log {log['origin']}[/bold]{'  (本节点 own)' if log['own'] else ''}")
        if log["frozen"]:
            console.print(f"  [bold red]已冻结 FROZEN: {log['frozen']} — docs/recovery.md[/bold red]")
        console.print(
            f"  本地 local {log['local']} · {'上级' if log['own'] else ''}见证 witnessed {log['witnessed']} · "
            f"{'上级' if log['own'] else ''}镜像 mirrored {log['mirrored']} · "
            f"内容 payloads {log['payloads']} · 缺失 missing {log['missing']}"
        )
        for name, size in log["signed_by"].items():
            console.print(f"  签名 signed by {name} @ {size}")
        for peer in (peer for peer in found["peers"] if peer["origin"] == log["origin"]):
            way = _WAYS.get(peer["direction"], peer["direction"])
            console.print(
                f"  {way} {peer['peer']}: 见证 witnessed {peer['witnessed']} · 镜像 mirrored {peer['mirrored']} · "
                f"内容 payloads {peer['payloads']} · 滞后 lag {peer['lag']} · 最近成功 last ok {_here(peer['last_ok'])}"
            )
            if peer["last_error"]:
                console.print(f"    [red]最近错误 last error ({peer['failures']}×): {peer['last_error']}[/red]")


def _status(conn: Connection, name: str) -> dict[str, Any]:
    from node.store import payloads
    from node.store.view_status import policy_version

    schema.require_current(conn)
    rows, names, heads = [], {}, {}
    told = [standing for standing in peers.all_standings(conn) if standing.direction == "push"]
    above = {standing.log_id: (standing.witnessed_size, standing.mirrored_size) for standing in told}
    for state in logs.all_logs(conn):
        names[state.id], heads[state.id] = state.origin, state.head_size
        known = checkpoints.signers(conn, state.id)
        newest_by: dict[str, int] = {}
        for size in sorted(known):
            newest_by.update(dict.fromkeys(sorted(known[size]), size))
        rows.append(
            {
                "origin": state.origin,
                "own": state.own,
                "local": state.stored_size,
                # Of our own log these are what the node above has confirmed: that is when a record is safe (L9).
                "witnessed": above.get(state.id, (0, 0))[0] if state.own else state.witnessed_size,
                "mirrored": above.get(state.id, (0, 0))[1] if state.own else state.head_size,
                "payloads": state.payload_next,
                "missing": len(payloads.missing(conn, state.id)),
                "frozen": state.frozen,
                "signed_by": newest_by,
            }
        )
    return {
        "policy_version": policy_version(conn),
        "policy_stale": _policy_stale(conn),
        "audit": cursors.fact(conn, "audit") or "",
        "alarms": [plain_alarm(each) for each in alarms.raised(conn)],
        "logs": rows,
        "peers": [
            {
                "peer": standing.peer,
                "origin": names[standing.log_id],
                "direction": standing.direction,
                "witnessed": standing.witnessed_size,
                "mirrored": standing.mirrored_size,
                "payloads": standing.payload_next,
                "lag": max(0, heads[standing.log_id] - standing.mirrored_size) if standing.direction == "push" else 0,
                "last_ok": _time(standing.last_ok_ms),
                "failures": standing.failures,
                "last_error": standing.last_error,
            }
            for standing in peers.all_standings(conn)
        ],
    }


def _policy_stale(conn: Connection) -> bool:
    note = newest(conn)
    return note is not None and parse(parse_note(note)).stale(utc_ms() // 1000)


def _time(ms: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds") if ms else ""


def _here(moment: str) -> str:
    """A moment of the JSON form in Beijing time, as the pages show it."""
    from datetime import datetime

    return f"{datetime.fromisoformat(moment).astimezone(BEIJING):%Y-%m-%d %H:%M:%S} 北京时间" if moment else "—"
