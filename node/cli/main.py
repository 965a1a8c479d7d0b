"""The commands of `ggzy`. Heavy modules are imported inside the commands, so that `--help` answers at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from node import __version__
from node.cli import bench as bench_commands
from node.cli import bundle as bundle_commands
from node.cli import epoch as epoch_commands
from node.cli import erase as erase_commands
from node.cli import evidence as evidence_commands
from node.cli import files as file_commands
from node.cli import joining, recording
from node.cli import keys as key_commands
from node.cli import legacy as legacy_commands
from node.cli import policy as policy_commands
from node.cli import routing as routing_commands
from node.cli import rules as rule_commands
from node.cli import seal as seal_commands
from node.cli import uplink as uplink_commands
from node.cli import users as user_commands
from node.cli.options import HERE, AsJson, Config

app = typer.Typer(
    name="ggzy",
    help="公共资源交易节点 · Public-resource trading node: signed, provable sync of trades, credit and experts.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(policy_commands.app, name="policy")
app.add_typer(bundle_commands.app, name="bundle")
app.add_typer(epoch_commands.app, name="epoch")
app.add_typer(key_commands.app, name="key")
app.add_typer(seal_commands.app, name="seal")
app.add_typer(erase_commands.app, name="erase")
app.add_typer(evidence_commands.app, name="evidence")
app.add_typer(file_commands.app, name="files")
app.add_typer(rule_commands.app, name="rules")
app.add_typer(user_commands.app, name="user")
app.add_typer(routing_commands.routing_app, name="routing")
app.add_typer(routing_commands.catalogue_app, name="catalogue")
app.add_typer(routing_commands.code_app, name="code")
app.add_typer(legacy_commands.app, name="legacy")
app.add_typer(bench_commands.app, name="bench")
app.add_typer(uplink_commands.app, name="uplink")
app.add_typer(uplink_commands.standard, name="standard")


def run() -> None:
    app(prog_name="ggzy")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ggzy-node {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="版本 · show the version.")
    ] = False,
) -> None:
    pass


@app.command()
def init(
    directory: Annotated[Path, typer.Argument(help="新节点的目录 · directory of the new node.")],
    role: Annotated[str, typer.Option(help="district | hub | national | supervision")],
    division: Annotated[str, typer.Option(help="GB/T 2260 六位代码 · six digits, such as 500103.")],
    name: Annotated[str, typer.Option(help="中心名称 · the centre's own name, shown on its pages.")],
    zone: Annotated[str, typer.Option(help="无代码的开发区 · a development zone without a code, 两江新区.")] = "",
    upstream: Annotated[str, typer.Option(help="上级节点网址 · address of the node above.")] = "",
    federation: Annotated[str, typer.Option(help="联邦名称 · name base of the federation.")] = "ggzy.example/cq",
    host: Annotated[str, typer.Option(help="监听地址 · address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="端口 · port to listen on.")] = 8300,
    suite: Annotated[str, typer.Option(help="日志签名套件 · ed25519 (default) | ed25519+sm2")] = "",
    department: Annotated[
        str, typer.Option(help="监管部门名称（supervision 节点）· supervising department, of such a node.")
    ] = "",
    sector: Annotated[
        list[str] | None, typer.Option(help="监管行业，可多次 · a sector that it supervises; more than once.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """新建节点 · Make a node.

    Writes settings, keys, database and trust policy version 1 into a directory.
    """
    from node.cli import nodes
    from node.cli.output import errors

    with errors(as_json=as_json):
        nodes.init(
            directory,
            role=role,
            division=division,
            title=name,
            zone=zone,
            upstream_url=upstream,
            federation=federation,
            host=host,
            port=port,
            suite=suite,
            department=department,
            sectors=sector or (),
            as_json=as_json,
        )


@app.command()
def migrate(config: Config = HERE, as_json: AsJson = False) -> None:
    """升级数据库 · Upgrade the database to this release."""
    from node.cli import nodes
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        nodes.migrate(config, as_json=as_json)


@app.command()
def serve(
    config: Config = HERE,
    workers: Annotated[
        int | None,
        typer.Option(min=1, max=64, help="工作进程数，须用 PostgreSQL · processes that serve, with PostgreSQL."),
    ] = None,
    link: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """运行节点 · Serve the node until stopped.

    Pages, interface, sync with the node above and regular jobs.
    """
    from node.cli import nodes
    from node.cli.output import errors

    with errors(config=config):
        nodes.serve(config, workers=workers, link=link)


@app.command()
def status(config: Config = HERE, as_json: AsJson = False) -> None:
    """节点状态 · Sizes, lag and last errors."""
    from node.cli import status as shown
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        shown.status(config, as_json=as_json)


@app.command()
def sync(config: Config = HERE, as_json: AsJson = False) -> None:
    """立即同步 · One pass with the node above, now."""
    from node.cli import passes
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        passes.sync(config, as_json=as_json)


@app.command()
def fsck(config: Config = HERE, as_json: AsJson = False) -> None:
    """全面核查 · Check everything that is stored.

    Rebuilds every tree from the stored bytes and compares; exit status 1 when anything is wrong.
    """
    from node.cli import nodes
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        nodes.fsck(config, as_json=as_json)


@app.command()
def recover(
    config: Config = HERE,
    fresh: Annotated[
        bool,
        typer.Option("--fresh", help="数据库已丢失或损坏：另存旧库，新建后取回 · the database is gone or damaged."),
    ] = False,
    fingerprint: Annotated[
        str, typer.Option(help="第 1 版策略指纹（配合 --fresh）· fingerprint of policy version 1, with --fresh.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """从镜像取回本节点日志并解冻 · Bring the own log back from the node above.

    For a frozen log (restored-from-backup); exit status 1 when it stays frozen. See docs/recovery.md.
    """
    from node.cli import recovery
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        recovery.recover(config, new=fresh, fingerprint=fingerprint, as_json=as_json)


@app.command()
def rebuild(config: Config = HERE, as_json: AsJson = False) -> None:
    """重建查询表 · Make the read tables anew."""
    from node.cli import nodes
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        nodes.rebuild(config, as_json=as_json)


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="完成一次交换即退出 · stop after one full exchange.")] = False,
    directory: Annotated[
        Path | None, typer.Option("--dir", help="演示目录 · directory (default ./demo; with --once a temporary one).")
    ] = None,
    port: Annotated[int | None, typer.Option(help="首个端口 · first of six ports (default: from 8300).")] = None,
    records: Annotated[int | None, typer.Option(help="记录数 · how many records (default: the whole sample).")] = None,
    as_json: AsJson = False,
) -> None:
    """演示联邦 · Run a federation on this machine.

    Three districts, the city hub, a department and a national sandbox on real sample records.
    """
    from node.cli.output import errors
    from node.demo import run_demo

    with errors(as_json=as_json):
        raise typer.Exit(run_demo(directory, once=once, port=port, records=records))


# Last, so that `--help` begins with what a node needs first.
app.command()(joining.invite)
app.command()(joining.enrol)
app.command()(joining.enrolments)
app.command()(joining.alarms)
app.command(name="import")(recording.import_)
app.command("export")(recording.export_file)
app.command()(recording.receipt)
app.command()(recording.verify)
app.command()(uplink_commands.lint)
