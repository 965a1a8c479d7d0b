"""What commands about one node share: its settings with a look at the environment, and silence of the log lines."""

from __future__ import annotations

import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog

from node.cli.output import say, warn
from node.errors import Unavailable
from node.settings import Settings, unknown_environment
from node.settings import load as load_settings

Heard = list[MutableMapping[str, Any]]


def load(config: Path) -> Settings:
    """The settings, after a warning for each environment variable that looks like a misspelt one."""
    settings = load_settings(config)
    for name, meant in unknown_environment():
        warn(
            f"环境变量 {name} 不是配置项，未起作用；是否为 {meant}？",
            f"the environment variable {name} is no setting and has no effect; is {meant} meant?",
        )
    return settings


@contextmanager
def quiet_logs() -> Iterator[Heard]:
    """Keep the service's log lines, but for errors, from a person's terminal; what was kept back is given."""
    heard: Heard = []

    def keep(_logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if method in ("error", "exception", "critical"):
            return event
        heard.append(event)
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(
        processors=[
            keep,
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(30),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )
    try:
        yield heard
    finally:
        structlog.configure(**before)


def tell_of_upstream(settings: Settings, heard: Heard) -> None:
    """One sentence when the node above could not be asked before publishing."""
    missed = next((event for event in heard if event.get("event") == "own_head_not_checked"), None)
    if missed is None:
        return
    if str(missed.get("detail", "")).startswith("this node has no upstream"):
        say("本节点尚未由上级登记，已在本地发布；登记后自动报送（ggzy policy card，见 docs/operating.md）。")
        say("Not enrolled by the node above yet: published here; it goes up by itself after enrolment.")
    elif missed.get("error") in (Unavailable.__name__, "TimeoutError"):
        say(f"上级（{settings.upstream_url}）暂不可达，已在本地发布；恢复后自动报送。")
        say("The node above cannot be reached: published here; it goes up by itself once that node answers.")
    else:
        say(f"上级未能核对本节点日志（{missed.get('detail')}），已在本地发布；请运行 ggzy sync 查看原因。")
        say("The node above did not confirm our log: published here; run ggzy sync to see why.")
