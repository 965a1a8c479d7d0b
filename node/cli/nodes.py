"""Commands about a node as a whole: init, migrate, serve, status, sync, fsck, rebuild."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from sqlalchemy import Connection

from node import provision
from node.app import Node
from node.cli.output import result, say
from node.cli.progress import bar, counter
from node.publishing import fsck as judge
from node.settings import load
from node.store import checkpoints, cursors, logs, peers
from node.store import migrate as schema
from node.store.db import Store
from node.trusted import audiences_for, newest


def init(
    directory: Path,
    *,
    role: str,
    division: str,
    title: str,
    zone: str,
    upstream_url: str,
    federation: str,
    host: str,
    port: int,
    as_json: bool,
) -> None:
    made = provision.make_node(
        directory,
        role=role,
        division=division,
        title=title,
        federation=federation,
        zone=zone,
        upstream_url=upstream_url,
        host=host,
        port=port,
    )
    settings = made.settings
    store = Store(settings.database)
    try:
        held = store.read_now(newest)
    finally:
        store.close()
    if held is None:
        from node import keyring

        signer = keyring.policy_signer(settings.keys, settings.name, create=True)
        held = provision.first_policy(federation, signer, [made], {})
        provision.adopt(settings, [held])
    file = settings.directory / "trust-policy.note"
    file.write_bytes(held)
    say(f"节点 {settings.name} 已建立于 {settings.directory}")
    say(f"Node {settings.name} is ready. Start it with: ggzy serve --config '{settings.directory}'")
    if upstream_url:
        say("加入联邦：把 ggzy policy card 的输出交给上级登记，见 docs/operating.md")
        say("To join the federation, hand the output of ggzy policy card to the hub: docs/operating.md")
    if as_json:
        result({"name": settings.name, "origin": settings.origin, "directory": str(settings.directory)})


def migrate(config: Path, *, as_json: bool) -> None:
    settings = load(config)
    schema.upgrade(settings.database)
    say(f"数据库已是版本 {schema.head()} · the database is at revision {schema.head()}")
    if as_json:
        result({"revision": schema.head()})


def serve(config: Path) -> None:
    from node.serve import serve_node

    raise typer.Exit(serve_node(load(config)))


def sync(config: Path, *, as_json: bool) -> None:
    async def work() -> dict[str, Any]:
        node = Node(load(config))
        try:
            await node.open()
            report = await node.sync_once()
        finally:
            await node.close()
        return {
            "entries_up": report.entries_up,
            "payloads_up": report.payloads_up,
            "entries_down": report.entries_down,
            "payloads_down": report.payloads_down,
            "policies": report.policies,
            "failures": report.failures,
        }

    done = asyncio.run(work())
    say(
        f"上行 {done['entries_up']} 条，下行 {done['entries_down']} 条 · "
        f"{done['entries_up']} entries up, {done['entries_down']} down"
    )
    for what, why in done["failures"].items():
        say(f"未完成 {what}：{why} · failed; it is retried by itself")
    if as_json:
        result(done)
    if done["failures"]:
        raise typer.Exit(1)


def rebuild(config: Path, *, as_json: bool) -> None:
    async def work() -> int:
        node = Node(load(config))
        try:
            await node.open()
            total = await node.store.read(logs.total_stored)
            with bar("重建 rebuild", total) as advance:
                return await node.projector.rebuild(progress=advance)
        finally:
            await node.close()

    moved = asyncio.run(work())
    say(f"已重建 {moved} 条 · {moved} entries projected")
    if as_json:
        result({"projected": moved})


def fsck(config: Path, *, as_json: bool) -> None:
    async def work() -> list[judge.Finding]:
        settings = load(config)
        store = Store(settings.database)
        from node.clock import utc_ms
        from node.trusted import Trusted

        trusted = Trusted(store, settings.name, utc_ms)
        try:
            await trusted.open()
            policy = trusted.policy
            with counter("核查 fsck") as show:
                return await store.read(
                    partial(
                        judge.check,
                        keys=policy.log_keys,
                        cosigners=policy.cosigner_keys(),
                        audiences=lambda origin: audiences_for(trusted, settings.name, origin),
                        progress=show,
                    )
                )
        finally:
            store.close()

    findings = asyncio.run(work())
    for finding in findings:
        say(f"{finding.severity} {finding.code} {finding.origin} {finding.place}: {finding.zh} · {finding.en}")
    faults = sum(finding.severity == "fault" for finding in findings)
    if not findings:
        say("全部日志与内容核查无误 · every log and payload is as it should be")
    if as_json:
        result(
            {
                "faults": faults,
                "warnings": len(findings) - faults,
                "findings": [
                    {"origin": f.origin, "place": f.place, "code": f.code, "severity": f.severity, "detail": f.en}
                    for f in findings
                ],
            }
        )
    if faults:
        raise typer.Exit(1)


def status(config: Path, *, as_json: bool) -> None:
    settings = load(config)
    store = Store(settings.database)
    try:
        found = store.read_now(partial(_status, name=settings.name))
    finally:
        store.close()
    found = {"node": settings.name, "role": settings.role, "title": settings.title, **found}
    if as_json:
        result(found)
        return
    _print_status(found)


def _print_status(found: dict[str, Any]) -> None:
    """Blocks of short lines, not a wide table: names of logs are long, and a terminal may have 80 columns."""
    console = Console(highlight=False, soft_wrap=True)
    policy = found["policy_version"] or "—"
    console.print(f"[bold]{found['title']}[/bold]  {found['node']} ({found['role']})  策略 policy {policy}")
    if found["audit"]:
        console.print(f"[bold red]自查发现问题 self-audit: {found['audit']} — ggzy fsck[/bold red]")
    for log in found["logs"]:
        console.print(f"\n[bold]日志 log {log['origin']}[/bold]{'  (本节点 own)' if log['own'] else ''}")
        if log["frozen"]:
            console.print(f"  [bold red]已冻结 FROZEN: {log['frozen']} — docs/recovery.md[/bold red]")
        console.print(
            f"  本地 local {log['local']} · 见证 witnessed {log['witnessed']} · 镜像 mirrored {log['mirrored']} · "
            f"内容 payloads {log['payloads']} · 缺失 missing {log['missing']}"
        )
        for name, size in log["signed_by"].items():
            console.print(f"  签名 signed by {name} @ {size}")
        for peer in (peer for peer in found["peers"] if peer["origin"] == log["origin"]):
            way = "上行 up to" if peer["direction"] == "push" else "下行 down from"
            console.print(
                f"  {way} {peer['peer']}: 见证 witnessed {peer['witnessed']} · 镜像 mirrored {peer['mirrored']} · "
                f"内容 payloads {peer['payloads']} · 滞后 lag {peer['lag']} · 最近成功 last ok {peer['last_ok'] or '—'}"
            )
            if peer["last_error"]:
                console.print(f"    [red]最近错误 last error ({peer['failures']}×): {peer['last_error']}[/red]")


def _status(conn: Connection, name: str) -> dict[str, Any]:
    from node.store import payloads
    from node.store.view_status import policy_version

    schema.require_current(conn)
    rows, names, heads = [], {}, {}
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
                "witnessed": state.head_size if state.own else state.witnessed_size,
                "mirrored": state.head_size,
                "payloads": state.payload_next,
                "missing": len(payloads.missing(conn, state.id)),
                "frozen": state.frozen,
                "signed_by": newest_by,
            }
        )
    return {
        "policy_version": policy_version(conn),
        "audit": cursors.fact(conn, "audit") or "",
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


def _time(ms: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds") if ms else ""
