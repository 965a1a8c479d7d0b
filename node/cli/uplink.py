"""Commands of the uplink and of the national standard: status, run, retry, reconcile, export; code tables; lint."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from node.cli.options import HERE, AsJson, Config

app = typer.Typer(
    help="上报 · What the hub reports to the national platform.", no_args_is_help=True, rich_markup_mode=None
)
standard = typer.Typer(help="国家数据规范 · The national data standard.", no_args_is_help=True, rich_markup_mode=None)
tables = typer.Typer(help="代码表 · Code tables of the standard.", no_args_is_help=True, rich_markup_mode=None)
standard.add_typer(tables, name="tables")


@app.command()
def status(config: Config = HERE, as_json: AsJson = False) -> None:
    """上报状态 · Figures of each data set, and what needs a person."""
    from node.cli import uplink_work
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        uplink_work.status(config, as_json=as_json)


@app.command()
def run(config: Config = HERE, as_json: AsJson = False) -> None:
    """立即上报 · Report what is due, now."""
    from node.cli import uplink_work
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        uplink_work.run(config, as_json=as_json)


@app.command()
def retry(
    keys: Annotated[list[str] | None, typer.Argument(help="DATA_KEY，可多个 · keys of messages.")] = None,
    config: Config = HERE,
    everything: Annotated[bool, typer.Option("--all", help="全部未成功的 · all that failed.")] = False,
    number: Annotated[str, typer.Option("--set", help="只限某数据集编号 · of one data set only.")] = "",
    state: Annotated[str, typer.Option(help="只限某状态 · rejected | held | dead | blocked")] = "",
    as_json: AsJson = False,
) -> None:
    """重送 · Give messages that failed another chance: some, those of a filter, or all."""
    from node.cli import uplink_work
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        uplink_work.retry(config, keys or [], everything=everything, number=number, state=state, as_json=as_json)


@app.command()
def reconcile(
    config: Config = HERE,
    day: Annotated[str, typer.Option(help="日期 · ISO day, Beijing (default: today).")] = "",
    as_json: AsJson = False,
) -> None:
    """对账 · Hold our books against the receiver's.

    Exit status 1 when they differ.
    """
    from node.cli import uplink_work
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        uplink_work.reconcile(config, day=day, as_json=as_json)


@app.command()
def export(
    directory: Annotated[Path, typer.Argument(help="目录 · directory for the envelopes.")],
    config: Config = HERE,
    state: Annotated[str, typer.Option(help="状态 · queued | accepted | held … (default: all but deleted).")] = "",
    as_json: AsJson = False,
) -> None:
    """导出报文 · Write envelopes as files, to look at or to hand over."""
    from node.cli import uplink_work
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        uplink_work.export(directory, config, state=state, as_json=as_json)


@tables.command()
def load(
    file: Annotated[Path, typer.Argument(help="CSV：table, value, zh · the city's code tables.")],
    config: Config = HERE,
    as_json: AsJson = False,
) -> None:
    """载入代码表 · Load code tables in place of the packaged ones."""
    from node.cli import uplink_work
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        uplink_work.load_tables(file, config, as_json=as_json)


@tables.command()
def rules(
    file: Annotated[Path, typer.Argument(help="CSV：table, value, zh · the city's code tables.")],
    directory: Annotated[Path, typer.Argument(help="写入目录 · where the rule tables are written.")],
    version: Annotated[str, typer.Option(help="版本号 · version of the tables.")],
    effective_from: Annotated[str, typer.Option("--from", help="生效日 · ISO day from which they hold.")],
    basis: Annotated[str, typer.Option(help="依据文件 · document on which they rest.")],
    tag: Annotated[str, typer.Option(help="S 已读原文 | I 见于运行系统 | K 已知 | U 未确认")] = "S",
    department: Annotated[str, typer.Option(help="发布部门 · whose they are.")] = "发展改革委",
    as_json: AsJson = False,
) -> None:
    """转为规则表 · Write code tables as rule tables, to publish to all centres (ggzy rules publish)."""
    from node.cli import uplink_work
    from node.cli.output import errors

    with errors(as_json=as_json):
        uplink_work.rule_tables(
            file,
            directory,
            version=version,
            effective_from=effective_from,
            basis=basis,
            tag=tag,
            department=department,
            as_json=as_json,
        )


@tables.command(name="list")
def list_(config: Config = HERE, as_json: AsJson = False) -> None:
    """代码表一览 · Which tables there are, and which are only placeholders."""
    from node.cli import uplink_work
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        uplink_work.list_tables(config, as_json=as_json)


def lint(
    file: Annotated[
        Path | None, typer.Argument(help="报文 XML 或记录 JSON · an envelope (XML) or a record (JSON).")
    ] = None,
    trade: Annotated[str, typer.Option(help="交易编号 · key of a trade of this node.")] = "",
    config: Config = HERE,
    as_json: AsJson = False,
) -> None:
    """按国家数据规范检查 · What the national rules say of a record.

    Of an envelope, a record file, or all acts of a trade; exit status 1 when something would be refused.
    """
    from node.cli import uplink_work
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        uplink_work.lint(file, trade, config, as_json=as_json)
