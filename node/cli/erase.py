"""`ggzy erase …`: an order to erase goes from hand to hand: proposed at one node, approved at another, published."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from node.cli.options import HERE, AsJson, Config

app = typer.Typer(
    help="依法删除 · Erase by law: ordered by two nodes, logged.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Order = Annotated[Path, typer.Argument(help="删除令文件 · the order's file.")]
Output = Annotated[Path, typer.Option("-o", "--output", help="输出文件 · file to write.")]
Sure = Annotated[bool, typer.Option("--yes", help="不再询问 · do not ask again.")]


@app.command()
def propose(
    record_id: Annotated[str, typer.Argument(help="记录编号 · record id, 32 hexadecimal digits.")],
    reason: Annotated[
        str,
        typer.Option(help="purpose-ended | retention-ended | consent-withdrawn | unlawful | other-law"),
    ],
    output: Output,
    config: Config = HERE,
    section: Annotated[
        list[str] | None, typer.Option(help="部分，可多次 · section (default: all that are sealed).")
    ] = None,
    version: Annotated[list[int] | None, typer.Option(help="版本，可多次 · version (default: all).")] = None,
    origin: Annotated[str, typer.Option(help="日志名称 · log of the record (default: where it is).")] = "",
    as_json: AsJson = False,
) -> None:
    """提出删除令 · Draw up an order and sign it.

    Erases nothing yet. Hand the file to a second node for approval.
    """
    from node.cli import erasing
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        erasing.propose(
            record_id,
            output,
            config,
            reason=reason,
            sections=tuple(section or ()),
            versions=tuple(version or ()),
            origin=origin,
            as_json=as_json,
        )


@app.command()
def approve(order: Order, output: Output, config: Config = HERE, yes: Sure = False, as_json: AsJson = False) -> None:
    """批准删除令 · Sign an order as the second node.

    Shows what it would erase and asks. Erases nothing yet.
    """
    from node.cli import erasing
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        erasing.approve(order, output, config, sure=yes, as_json=as_json)


@app.command()
def publish(order: Order, config: Config = HERE, yes: Sure = False, as_json: AsJson = False) -> None:
    """发布删除令 · Log an order that two nodes signed; it is carried out at every node.

    Cannot be undone.
    """
    from node.cli import erasing
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        erasing.publish(order, config, sure=yes, as_json=as_json)
