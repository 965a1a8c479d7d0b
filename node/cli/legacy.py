"""`ggzy legacy`: the switch from an old system, and the way back; `ggzy import legacy` takes the trades over."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from node.cli.options import HERE, AsJson, Config

app = typer.Typer(no_args_is_help=True, help="承接原平台 · Trades taken over from old systems.")
Source = Annotated[
    str,
    typer.Option(help="原平台 · land-mining | construction | property | procurement | machinery | other"),
]


@app.command()
def switch(source: Source, config: Config = HERE, as_json: AsJson = False) -> None:
    """转入本平台 · All running trades of a source go on here from now on. Run it again after it broke off."""
    from node.cli import legacy_work
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        legacy_work.switch(config, source, as_json=as_json)


@app.command()
def export(
    source: Source,
    output: Annotated[Path, typer.Option("-o", "--output", help="CSV 或 XLSX 文件 · where to write.")],
    config: Config = HERE,
    since: Annotated[str, typer.Option(help="自某日起有进展的 · only what went on since this day, YYYY-MM-DD.")] = "",
    as_json: AsJson = False,
) -> None:
    """导出承接后的进展 · Write what happened here since, in the form that the old system's files have."""
    from node.cli import legacy_work
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        legacy_work.export(config, source, output, since=since, as_json=as_json)


@app.command()
def back(
    source: Source,
    output: Annotated[Path, typer.Option("-o", "--output", help="CSV 或 XLSX 文件 · where to write.")],
    config: Config = HERE,
    as_json: AsJson = False,
) -> None:
    """退回原平台 · Hand all running trades of a source back: writes the file first, then records the way back."""
    from node.cli import legacy_work
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        legacy_work.back(config, source, output, as_json=as_json)
