"""`ggzy bundle …`: carry what two nodes would say to each other on a medium, while the line is down."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from node.cli.options import HERE, AsJson, Config

app = typer.Typer(
    help="数据包 · Bundles: sync on a USB stick while the line is down.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
def export(
    to: Annotated[str, typer.Option(help="收件节点 · name of the node it is for, or its last part, such as hub.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="输出目录 · directory to write the parts into.")],
    config: Config = HERE,
    max_size: Annotated[str, typer.Option(help="每个分卷的最大字节数 · largest size of a part: 1M to 4095M.")] = "64M",
    from_standing: Annotated[
        Path | None, typer.Option(help="收件节点的现状文件 · file of ggzy bundle standing, from the addressee.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """导出数据包 · Write a bundle for another node.

    Holds what that node lacks, as far as known here, and what was signed here for its logs.
    """
    from node.cli import bundle_work
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        bundle_work.export(to, output, config, max_size=max_size, from_standing=from_standing, as_json=as_json)


@app.command(name="import")
def import_(
    files: Annotated[list[Path], typer.Argument(help="数据包文件或目录 · bundle files, or a directory with them.")],
    config: Config = HERE,
    as_json: AsJson = False,
) -> None:
    """导入数据包 · Take bundles in.

    Everything is verified as on the line; exit status 1 when something was refused.
    """
    from node.cli import bundle_work
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        bundle_work.import_(files, config, as_json=as_json)


@app.command()
def standing(
    output: Annotated[Path, typer.Option("-o", "--output", help="输出文件 · file to write.")],
    config: Config = HERE,
    as_json: AsJson = False,
) -> None:
    """本节点现状 · Write what this node holds.

    A small signed file; whoever exports for this node from it sends just what is lacking.
    """
    from node.cli import bundle_work
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        bundle_work.standing(output, config, as_json=as_json)


@app.command()
def show(
    file: Annotated[Path, typer.Argument(help="数据包文件 · a bundle file.")],
    as_json: AsJson = False,
) -> None:
    """查看数据包 · Show what is inside, by its own words.

    Needs no node and verifies no signature; exit status 1 when the file is damaged.
    """
    from node.cli import bundle_work
    from node.cli.output import errors

    with errors(as_json=as_json):
        bundle_work.show(file, as_json=as_json)
