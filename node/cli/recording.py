"""Commands about records: import and export them, hand out a receipt, verify one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from node.cli.options import HERE, AsJson, Config


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
