"""`ggzy policy …`: look at the trust policy, hand over this node's card, enrol others, take policies over."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="信任策略 · The trust policy: who belongs to the federation, with which keys.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Config = Annotated[
    Path, typer.Option("--config", "-c", help="节点目录或 config.toml · the node's directory or its config.toml.")
]
Output = Annotated[
    Path | None, typer.Option("-o", "--output", help="输出文件 · file to write (default: standard output).")
]
HERE = Path()


@app.command()
def show(config: Config = HERE) -> None:
    """显示现行策略 · Print the policy that this node holds, with its fingerprint."""
    from node.cli import trust
    from node.cli.output import errors

    with errors():
        trust.show(config)


@app.command()
def export(
    config: Config = HERE,
    origin: Annotated[str, typer.Option(help="日志名称 · log for which a plain c2sp tlog-policy is written.")] = "",
    output: Output = None,
) -> None:
    """导出 · Write the signed policy, or with --origin a plain tlog-policy for outside verifiers."""
    from node.cli import trust
    from node.cli.output import errors

    with errors():
        trust.export(config, origin, output)


@app.command()
def card(config: Config = HERE, output: Output = None) -> None:
    """本节点名片 · This node's name and public keys, signed by themselves, to hand to the hub."""
    from node.cli import trust
    from node.cli.output import errors

    with errors():
        trust.card(config, output)


@app.command()
def enrol(
    card: Annotated[Path, typer.Argument(help="对方名片 · the other node's card.")],
    config: Config = HERE,
    above: Annotated[bool, typer.Option("--above", help="对方是上级 · the other node stands above this one.")] = False,
    fingerprint: Annotated[
        str, typer.Option(help="对方报出的指纹 · fingerprint that a person on the other side reads out.")
    ] = "",
) -> None:
    """登记节点 · Sign the next version of the policy with another node in it."""
    from node.cli import trust
    from node.cli.output import errors

    with errors():
        trust.enrol(card, config, above=above, fingerprint=fingerprint)


@app.command()
def adopt(
    files: Annotated[list[Path], typer.Argument(help="策略文件，按版本顺序 · policy files in the order of versions.")],
    config: Config = HERE,
    fingerprint: Annotated[
        str | None, typer.Option(help="第 1 版指纹 · fingerprint of version 1, when joining a federation.")
    ] = None,
) -> None:
    """采用策略 · Take over policies, each checked against the one before."""
    from node.cli import trust
    from node.cli.output import errors

    with errors():
        trust.adopt(files, config, fingerprint)
