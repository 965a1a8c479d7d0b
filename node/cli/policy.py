"""`ggzy policy …`: look at the trust policy, hand over this node's card, enrol others, take policies over."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="信任策略 · The trust policy: members and keys.",
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
    """显示现行策略 · Print the policy and its fingerprints."""
    from node.cli import trust
    from node.cli.output import errors

    with errors(config=config):
        trust.show(config)


@app.command()
def export(
    config: Config = HERE,
    origin: Annotated[str, typer.Option(help="日志名称 · log for which a plain c2sp tlog-policy is written.")] = "",
    output: Output = None,
) -> None:
    """导出 · Write the policy to a file.

    As it is signed, or with --origin as a plain tlog-policy for outside verifiers.
    """
    from node.cli import trust
    from node.cli.output import errors

    with errors(config=config):
        trust.export(config, origin, output)


@app.command()
def card(config: Config = HERE, output: Output = None) -> None:
    """本节点名片 · Name and public keys, for the hub.

    Signed by the keys themselves; hand it to whoever signs the trust policy.
    """
    from node.cli import trust
    from node.cli.output import errors

    with errors(config=config):
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
    """登记节点 · Take another node into the policy.

    Signs the next version of the policy with the other node in it.
    """
    from node.cli import trust
    from node.cli.output import errors

    with errors(config=config):
        trust.enrol(card, config, above=above, fingerprint=fingerprint)


@app.command()
def adopt(
    files: Annotated[list[Path], typer.Argument(help="策略文件，按版本顺序 · policy files in the order of versions.")],
    config: Config = HERE,
    fingerprint: Annotated[
        str | None, typer.Option(help="第 1 版指纹 · fingerprint of version 1, when joining a federation.")
    ] = None,
) -> None:
    """采用策略 · Take over policy files.

    Each version is checked against the one before.
    """
    from node.cli import trust
    from node.cli.output import errors

    with errors(config=config):
        trust.adopt(files, config, fingerprint)
