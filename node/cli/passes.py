"""`ggzy sync`: one pass with the node above and the witnesses, and what it could not do in plain words."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import typer

from node.app import Node
from node.cli.opening import load, quiet_logs
from node.cli.output import result, say
from node.errors import NodeError, Refused, all_errors
from node.settings import Settings
from node.sync.run import PassReport

_OUTSIDE = "独立见证方 witness "
# What a pass of sync does beside the logs, in words.
_STEPS = {"policy": "交换信任策略", "hello": "核对身份", "list": "查询可拉取的日志"}


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
