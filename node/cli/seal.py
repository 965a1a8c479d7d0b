"""`ggzy seal …`: read what was sealed for this node, and let another node read; each leaves a line behind."""

from __future__ import annotations

from typing import Annotated

import typer

from node.cli.options import HERE, AsJson, Config

app = typer.Typer(
    help="密封内容 · Sealed sections: read them, share them, see who did.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
RecordId = Annotated[str, typer.Argument(help="记录编号 · record id, 32 hexadecimal digits.")]
Section = Annotated[str, typer.Option(help="密封部分 · the sealed section.")]
Version = Annotated[int | None, typer.Option(help="版本号 · version (default: the newest).")]
Origin = Annotated[str, typer.Option(help="日志名称 · log of the record (default: where it is).")]


@app.command(name="open")
def open_(
    record_id: RecordId,
    why: Annotated[str, typer.Option(help="查阅事由，如文号（勿写个人信息） · why, such as a file number.")],
    config: Config = HERE,
    section: Section = "identity",
    version: Version = None,
    origin: Origin = "",
    as_json: AsJson = False,
) -> None:
    """查阅 · Show a sealed section.

    Who, when and why is written down before it is shown.
    """
    from node.cli import sealing
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        place = sealing.Place(record_id, section, version, origin)
        sealing.show(place, config, why=why, as_json=as_json)


@app.command()
def share(
    record_id: RecordId,
    to: Annotated[str, typer.Option(help="节点名称 · name of the node that may read from now on.")],
    config: Config = HERE,
    section: Section = "identity",
    version: Version = None,
    origin: Origin = "",
    as_json: AsJson = False,
) -> None:
    """增加阅读者 · Let a further node read a sealed section of this node's own record."""
    from node.cli import sealing
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        place = sealing.Place(record_id, section, version, origin)
        sealing.share(place, config, to=to, as_json=as_json)


@app.command()
def accesses(config: Config = HERE, as_json: AsJson = False) -> None:
    """查阅记录 · Who opened or shared what at this node, newest first."""
    from node.cli import sealing
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        sealing.accesses(config, as_json=as_json)
