"""`ggzy epoch …`: open a new log of this node where the old one can never be signed again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from node.cli.options import HERE, AsJson, Config

app = typer.Typer(
    help="新纪元 · A new log of this node, after a fork or a lost key.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Fingerprint = Annotated[
    str,
    typer.Option(help="第 1 版策略指纹（目录中无策略文件时）· fingerprint of policy version 1, where no file vouches."),
]


@app.command()
def request(config: Config = HERE, fingerprint: Fingerprint = "", as_json: AsJson = False) -> None:
    """申请新纪元 · Ask for a new epoch.

    Makes the new log's key and a card for whoever signs the trust policy, and says at which head to close the old log.
    """
    from node.cli import recovery
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        recovery.epoch_request(config, fingerprint=fingerprint, as_json=as_json)


@app.command("open")
def open_(config: Config = HERE, fingerprint: Fingerprint = "", as_json: AsJson = False) -> None:
    """开启新纪元 · Open the epoch that the trust policy grants.

    Sets the database aside, brings the closed log back from the mirror, raises the epoch in config.toml.
    """
    from node.cli import recovery
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        recovery.epoch_open(config, fingerprint=fingerprint, as_json=as_json)


@app.command()
def republish(
    file: Annotated[Path, typer.Argument(help="lost-records-*.jsonl，由 epoch open 写出 · written by epoch open.")],
    config: Config = HERE,
    as_json: AsJson = False,
) -> None:
    """重新发布 · Publish the records of a file of lost records anew.

    Look through the file first; a repeat publishes nothing.
    """
    from node.cli import recovery
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        recovery.republish(file, config, as_json=as_json)
