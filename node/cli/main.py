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
from node.cli import keys as key_commands
from node.cli import legacy as legacy_commands
from node.cli import policy as policy_commands
from node.cli import routing as routing_commands
from node.cli import rules as rule_commands
from node.cli import seal as seal_commands
from node.cli import uplink as uplink_commands
from node.cli import users as user_commands

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
app.command()(uplink_commands.lint)

Config = Annotated[
    Path, typer.Option("--config", "-c", help="节点目录或 config.toml · the node's directory or its config.toml.")
]
AsJson = Annotated[bool, typer.Option("--json", help="最后一行输出 JSON · print JSON on the last line.")]
HERE = Path()


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
    from node.cli import nodes
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        nodes.status(config, as_json=as_json)


@app.command()
def sync(config: Config = HERE, as_json: AsJson = False) -> None:
    """立即同步 · One pass with the node above, now."""
    from node.cli import nodes
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        nodes.sync(config, as_json=as_json)


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
def invite(
    division: Annotated[str, typer.Option(help="对方 GB/T 2260 代码 · six digits of the node that is invited.")],
    name: Annotated[str, typer.Option(help="对方中心名称 · the other centre's name.")],
    config: Config = HERE,
    zone: Annotated[str, typer.Option(help="无代码的开发区 · a development zone without a code.")] = "",
    url: Annotated[str, typer.Option(help="本节点网址 · address of this node (default: public_url).")] = "",
    hours: Annotated[int, typer.Option(min=1, max=720, help="有效小时 · hours that it is good for.")] = 72,
    department: Annotated[
        str, typer.Option(help="邀请监管部门节点 · invite the node of this supervising department.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """邀请下级节点 · Invite a node to join.

    Prints one line, good once, to be handed over by a way that you trust.
    """
    from node.cli import enrol as enrolment
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        enrolment.invite(
            config,
            division=division,
            title=name,
            zone=zone,
            url=url,
            hours=hours,
            department=department,
            as_json=as_json,
        )


@app.command()
def enrol(
    invitation: Annotated[str, typer.Argument(help="邀请（一行）· the invitation, one line.")],
    config: Config = HERE,
    as_json: AsJson = False,
) -> None:
    """凭邀请加入联邦 · Join a federation by an invitation.

    Checks the policy against it, hands in this node's card, prints the fingerprint to read out by telephone.
    """
    from node.cli import enrol as enrolment
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        enrolment.enrol(invitation, config, as_json=as_json)


@app.command()
def enrolments(config: Config = HERE, as_json: AsJson = False) -> None:
    """待确认的节点 · Nodes that were invited and wait."""
    from node.cli import enrol as enrolment
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        enrolment.enrolments(config, as_json=as_json)


@app.command()
def rebuild(config: Config = HERE, as_json: AsJson = False) -> None:
    """重建查询表 · Make the read tables anew."""
    from node.cli import nodes
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        nodes.rebuild(config, as_json=as_json)


@app.command(name="import")
def import_(
    kind: Annotated[
        str,
        typer.Argument(
            help="result | candidates | notice | listing | company | credit | expert | expert-class | division | legacy"
        ),
    ],
    file: Annotated[Path, typer.Argument(help="JSONL、CSV 或 XLSX 文件 · file to import.")],
    config: Config = HERE,
    as_of: Annotated[str, typer.Option(help="数据所属日期 · day the facts hold for, YYYY-MM-DD.")] = "",
    rejects: Annotated[
        Path | None, typer.Option(help="退回行的文件 · where rejected rows go (default: beside the file).")
    ] = None,
    source: Annotated[
        str,
        typer.Option(help="原平台（legacy）：land-mining | construction | property | procurement | machinery | other"),
    ] = "",
    elsewhere: Annotated[
        bool,
        typer.Option("--elsewhere", help="仍在原平台办理，双轨运行（legacy）· dual run: still held in the old system."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """导入记录 · Publish the rows of a file.

    Rejected rows come back in a file of the same shape; the exit status is 0 then too, see the counts.
    """
    from node.cli import legacy_work, records
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        if kind == "legacy":
            legacy_work.take_over(file, config, source=source, elsewhere=elsewhere, rejects=rejects, as_json=as_json)
            return
        records.import_records(kind, file, config, as_of=as_of, rejects=rejects, as_json=as_json)


@app.command("export")
def export_file(
    form: Annotated[str, typer.Argument(help="ocds | jsonl | csv | xlsx")],
    output: Annotated[Path, typer.Option("--output", "-o", help="写入的文件 · the file to write.")],
    records: Annotated[bool, typer.Option("--records", help="OCDS：按交易合并 · OCDS: records by trade.")] = False,
    newest: Annotated[bool, typer.Option("--newest", help="只要最新版本 · newest versions only.")] = False,
    config: Config = HERE,
    as_json: AsJson = False,
) -> None:
    """导出公开数据 · Write everything public to one file."""
    from node.cli import records as commands
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        commands.export(form, output, config, by_trade=records, history=not newest, as_json=as_json)


@app.command()
def receipt(
    record_id: Annotated[str, typer.Argument(help="记录编号 · record id, 32 hexadecimal digits.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="回执文件 · where to write the .tlog-proof.")],
    config: Config = HERE,
    version: Annotated[int | None, typer.Option(help="版本号 · version (default: the newest).")] = None,
    as_json: AsJson = False,
) -> None:
    """出具回执 · Write a record's receipt.

    Beside it go its raw header (X.entry) and its payloads (X.SECTION.payload).
    """
    from node.cli import records
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        records.receipt(record_id, output, config, version=version, as_json=as_json)


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="回执或证据文件 · a .tlog-proof file, or a file of evidence.")],
    policy: Annotated[Path, typer.Option(help="信任策略 · a trust policy, or a c2sp tlog-policy.")],
    payload: Annotated[Path | None, typer.Option(help="记录内容 · payload that must match the receipt.")] = None,
    fingerprint: Annotated[str, typer.Option(help="应有的策略指纹 · fingerprint that the policy file must have.")] = "",
    consistency: Annotated[
        Path | None,
        typer.Option(help="一致性证明文件（密钥已吊销时）· consistency proof, where the log's key is revoked."),
    ] = None,
    hand: Annotated[
        Path | None, typer.Option(help="个人签名部分 · the section hand, to be held against --payload.")
    ] = None,
    inner: Annotated[Path | None, typer.Option(help="内部部分 · the section inner, which the hand covers.")] = None,
    as_json: AsJson = False,
) -> None:
    """离线核验 · Verify a receipt offline.

    Needs no node and no database; exit status 0 when it holds, 1 with the reason when not.
    """
    from node.cli.output import errors
    from node.cli.verify import verify as verify_receipt

    with errors(as_json=as_json):
        verify_receipt(
            file,
            policy,
            payload,
            fingerprint=fingerprint,
            consistency=consistency,
            hand=hand,
            inner=inner,
            as_json=as_json,
        )


@app.command()
def alarms(
    config: Config = HERE,
    ack: Annotated[int | None, typer.Option(help="确认一条告警 · acknowledge the alarm with this number.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="含已结束的 · also those that have ended.")] = False,
    as_json: AsJson = False,
) -> None:
    """告警 · What is not as it should be between nodes.

    Alarms end by themselves; a proven fork ends when somebody has acknowledged it.
    """
    from node.cli import evidence
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        evidence.alarms(config, ack=ack, everything=everything, as_json=as_json)


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
