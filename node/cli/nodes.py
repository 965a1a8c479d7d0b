"""Commands about a node as a whole: init, migrate, serve, fsck, rebuild."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import typer

from node import provision
from node.app import Node
from node.cli.opening import load, quiet_logs
from node.cli.output import explain, result, say, warn
from node.cli.progress import bar, counter
from node.clock import utc_ms
from node.domain import divisions
from node.errors import Malformed, NodeError, Refused
from node.projections import fsck_views
from node.projections.follow import Projector
from node.publishing import fsck as judge
from node.settings import CONFIG_NAME, Settings
from node.store import logs
from node.store import migrate as schema
from node.store.db import Store, require_database
from node.tlog.suites import SUITES
from node.trusted import audiences_for, newest
from node.wire.trust import ROLES

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
