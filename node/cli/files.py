"""Commands about attachments: add, list, get, check."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from node.cli.options import HERE, AsJson, Config

app = typer.Typer(
    name="files", help="附件 · Attachments: add, list, get, check.", no_args_is_help=True, rich_markup_mode=None
)


@app.command()
def add(
    file: Annotated[Path, typer.Argument(help="要存入的文件 · the file to take in.")],
    audience: Annotated[str, typer.Option(help="public | shared | restricted | local")] = "public",
    name: Annotated[str, typer.Option(help="在记录中的名称 · its name in records (default: the file's own).")] = "",
    config: Config = HERE,
    as_json: AsJson = False,
) -> None:
    """存入一个附件 · Take in a file.

    Checked and scanned as an upload is; prints what a record lists.
    """
    from node.cli import files_work
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        files_work.add(config, file, audience=audience, name=name, as_json=as_json)


@app.command("list")
def list_(
    missing: Annotated[bool, typer.Option("--missing", help="只列缺失的 · only those that have not come.")] = False,
    config: Config = HERE,
    as_json: AsJson = False,
) -> None:
    """列出附件 · What is held, and what is still to come."""
    from node.cli import files_work
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        files_work.list_files(config, missing=missing, as_json=as_json)


@app.command()
def get(
    sha256: Annotated[str, typer.Argument(help="SHA-256，64 位十六进制 · 64 hex digits.")],
    to: Annotated[Path, typer.Argument(help="写到哪里 · where to write it.")],
    config: Config = HERE,
    as_json: AsJson = False,
) -> None:
    """取出一个附件 · Write a file out, its hash checked once more."""
    from node.cli import files_work
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        files_work.get(config, sha256, to, as_json=as_json)


@app.command()
def check(
    repair: Annotated[
        bool, typer.Option("--repair", help="损坏或丢失的重新索取 · ask again for what is damaged or lost.")
    ] = False,
    config: Config = HERE,
    as_json: AsJson = False,
) -> None:
    """核查全部附件 · Read every file and hold it against its hash; exit status 1 when one is damaged or lost."""
    from node.cli import files_work
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        files_work.check(config, repair=repair, as_json=as_json)
