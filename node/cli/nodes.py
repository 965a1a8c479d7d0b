"""Commands about a node as a whole: init, migrate, serve, status, sync, fsck, rebuild."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from sqlalchemy import Connection

from node import provision
from node.app import Node
from node.cli.evidence import plain as plain_alarm
from node.cli.opening import load, quiet_logs
from node.cli.output import BEIJING, explain, result, say, warn
from node.cli.progress import bar, counter
from node.clock import utc_ms
from node.domain import divisions
from node.errors import Malformed, NodeError, Refused, all_errors
from node.keyring import SignedMark
from node.projections import fsck_views
from node.projections.follow import Projector
from node.publishing import fsck as judge
from node.publishing.restart import compare_mark
from node.settings import CONFIG_NAME, Settings
from node.store import alarms, checkpoints, cursors, logs, peers
from node.store import migrate as schema
from node.store.db import Store, require_database
from node.sync.run import PassReport
from node.tlog.note import parse_note
from node.tlog.suites import SUITES
from node.trusted import audiences_for, newest
from node.wire.trust import ROLES, parse

# Options of `ggzy init` by the setting that each gives.
_OPTIONS = {
    "role": "--role",
    "division": "--division",
    "title": "--name",
    "zone": "--zone",
    "upstream_url": "--upstream",
    "host": "--host",
    "port": "--port",
    "name": "--federation",
    "suite": "--suite",
    "department": "--department",
}
_ALLOWED = {
    "role": (
        "可用 district（区县）、hub（市级枢纽）、national（国家级）、supervision（监管部门）。",
        f"Use one of {', '.join(ROLES)}.",
    ),
    "division": ("请给出 GB/T 2260 六位数字代码，如 500103。", "Give the six digits of GB/T 2260, such as 500103."),
    "title": ("请给出中心名称，1 到 80 个字。", "Give the centre's name, 1 to 80 characters."),
    "upstream_url": ("请给出以 http:// 或 https:// 开头的网址。", "Give an address with http:// or https://."),
    "port": ("请给出 0 到 65535 的端口。", "Give a port from 0 to 65535."),
    "suite": (f"可用 {'、'.join(SUITES)}。", f"Use one of {', '.join(SUITES)}."),
    "department": (
        "监管部门节点请用 --role supervision --department 部门名称；其他节点不写。",
        "A node of the role supervision names its --department; others do not.",
    ),
    "name": ("联邦名称不得含空格或加号，如 ggzy.example/cq。", "No spaces and no plus sign, as in ggzy.example/cq."),
}
_WAYS = {"push": "报送 up to", "pull": "拉取 down from", "witness": "独立见证 independent witness"}
_OUTSIDE = "独立见证方 witness "
# What a pass of sync does beside the logs, in words.
_STEPS = {"policy": "交换信任策略", "hello": "核对身份", "list": "查询可拉取的日志"}


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
    suite: str,
    as_json: bool,
    department: str = "",
    sectors: Sequence[str] = (),
) -> None:
    fresh = not (directory / CONFIG_NAME).exists()
    if not fresh:
        _same_node(load(directory), provision.node_name(federation, role, division, zone, department), role)
    try:
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
            suite=suite,
            department=department,
            sectors=sectors,
        )
    except Malformed as error:
        raise _about_option(error) if fresh else error from None
    _look_at(division, zone)
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


def _same_node(held: Settings, name: str, role: str) -> None:
    if (held.name, held.role) != (name, role):
        raise Refused(
            f"{held.directory} already holds the node {held.name} ({held.role}), not {name} ({role})",
            zh=f"目录 {held.directory} 已是另一节点 {held.name}（{held.role}）",
            advice_zh="请为新节点另选一个空目录；原节点未作改动。",
            advice_en="Choose another, empty directory for the new node; the one that is there was not changed",
        )


def _about_option(error: Malformed) -> NodeError:
    """An error about a setting as one about the option that gave it: there is no config.toml to correct yet."""
    if error.field in _OPTIONS:
        zh, en = _ALLOWED.get(error.field, ("请修改该选项后重新运行。", "Change the option and run it again."))
        option = _OPTIONS[error.field]
        error.zh = f"选项 {option} 的值不可用"
        error.detail = f"the value of {option} cannot be used: {error.detail.partition(': ')[2] or error.detail}"
        return explain(error, zh=error.zh, advice_zh=zh, advice_en=en, field=option)
    return explain(
        error,
        zh="选项的值含有不可用的字符",
        advice_zh="请去掉 --name、--zone 等选项中的双引号、反斜杠和换行。",
        advice_en="Leave double quotes, backslashes and line breaks out of --name, --zone and the other options.",
    )


def _look_at(division: str, zone: str) -> None:
    if not divisions.is_known(division):
        warn(
            f"--division {division} 不在本程序的 GB/T 2260 代码表中，请核对；节点已按此建立。",
            f"--division {division} is not in this program's table of GB/T 2260: check it; the node was made with it.",
        )
    if zone and zone not in provision.ZONES and not divisions.is_zone(zone):
        warn(
            f"--zone {zone} 不是已知的开发区（已知：{'、'.join(provision.ZONES)}），请核对；节点已按此建立。",
            f"--zone {zone} is no development zone that this program knows: check it; the node was made with it.",
        )


def migrate(config: Path, *, as_json: bool) -> None:
    settings = load(config)
    require_database(settings.database)
    schema.upgrade(settings.database)
    say(f"数据库已是版本 {schema.head()} · the database is at revision {schema.head()}")
    if as_json:
        result({"revision": schema.head()})


def serve(config: Path, *, workers: int | None, link: int | None) -> None:
    """`workers` overrides the setting; `link` is given to a worker by its parent."""
    from node.serve import serve_node
    from node.workers import serve_worker, serve_workers

    settings = load(config)
    wanted = workers or settings.workers
    if link is not None:
        status = serve_worker(settings, link)
    elif wanted > 1:
        status = serve_workers(settings, config, wanted)
    else:
        status = serve_node(settings)
    raise typer.Exit(status)


def sync(config: Path, *, as_json: bool) -> None:
    settings = load(config)

    async def work() -> dict[str, Any]:
        node = Node(settings)
        try:
            await node.open()
            above = node.trusted.policy.path_up(settings.name)
            _not_top(settings, above)
            # A node at the top has witnesses alone.
            report = PassReport() if settings.witnesses and not above else await node.sync_once()
            outside = await node.witnesses().run()
            report.failures |= {f"{_OUTSIDE}{name}": why for name, why in outside.failures.items()}
        finally:
            await node.close()
        return {
            "entries_up": report.entries_up,
            "payloads_up": report.payloads_up,
            "entries_down": report.entries_down,
            "payloads_down": report.payloads_down,
            "policies": report.policies,
            "witnessed": outside.cosignatures,
            "unreachable": report.unreachable,
            "failures": report.failures,
        }

    with quiet_logs():
        done = asyncio.run(work())
    say(
        f"报送 {done['entries_up']} 条，拉取 {done['entries_down']} 条 · "
        f"{done['entries_up']} entries up, {done['entries_down']} down"
    )
    if done["unreachable"]:
        say(f"上级（{settings.upstream_url}）暂不可达；本地业务不受影响，恢复后自动同步。请检查网址与网络。")
        say(f"The node above ({settings.upstream_url}) cannot be reached; local work goes on, sync follows by itself.")
    else:
        for what, why in done["failures"].items():
            zh, en = failure(what, why)
            say(zh)
            say(en)
    if as_json:
        result(done)
    if done["failures"]:
        raise typer.Exit(1)


def _not_top(settings: Settings, above: list[str]) -> None:
    if not above and not settings.upstream_url and settings.role != "district" and not settings.witnesses:
        raise Refused(
            f"{settings.name} stands at the top and has no node above it",
            zh="本节点是顶层，没有上级",
            advice_zh="无需运行 sync：下级节点会自行报送，查看进度用 ggzy status。",
            advice_en="There is nothing to sync from here: nodes below connect by themselves; see ggzy status.",
        )


def failure(what: str, why: str) -> tuple[str, str]:
    """What a pass could not do, in plain words of both languages; `why` begins with an error's code."""
    from node.web.problems import Broken  # among all errors only once it is loaded

    code, _, detail = why.partition(": ")
    classes: list[type[NodeError]] = [Broken, *all_errors()]
    known = next((cls for cls in classes if cls.code == code), None)
    step = _STEPS.get(what, what if what.startswith(_OUTSIDE) else f"日志 {what}")
    if known is None:
        return f"未完成：{step}（{why}）。系统会自动重试。", f"Not done: {what} ({why}). It is tried again by itself."
    return (
        f"未完成：{step}：{known.title_zh}（{detail}）。{known.advice_zh}",
        f"Not done: {what}: {known.title_en} ({detail}). {known.advice_en}",
    )


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

    with quiet_logs():
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
                        keys=policy.log_line_keys,
                        cosigners=[*policy.cosigner_keys(), *(each.verifier for each in settings.witnesses)],
                        audiences=lambda origin: audiences_for(trusted, settings.name, origin),
                        closures={each.origin: (each.size, each.root) for each in policy.closed}.get,
                        views=partial(fsck_views.check, Projector(store, trusted)),
                        progress=show,
                    )
                )
        finally:
            store.close()

    findings = asyncio.run(work())
    for finding in findings:
        say(f"{finding.severity} {finding.code} {finding.origin} {finding.place}: {finding.zh} · {finding.en}")
    for zh, en in dict.fromkeys((finding.advice_zh, finding.advice_en) for finding in findings):
        say(f"→ {zh} · {en}")
    faults = sum(finding.severity == "fault" for finding in findings)
    if not findings:
        say("全部日志、内容与查询表核查无误 · every log, payload and read table is as it should be")
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
