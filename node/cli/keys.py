"""`ggzy key …`: new keys for a node, and keys of people who sign the trust policy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from node.cli.options import HERE, Config

app = typer.Typer(help="密钥 · Keys: rotation, signers.", no_args_is_help=True, rich_markup_mode=None)


@app.command()
def rotate(
    use: Annotated[str, typer.Argument(help="log | witness | mirror | custody | request")],
    config: Config = HERE,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="名片文件 · file for the card (default: beside config.toml).")
    ] = None,
    from_size: Annotated[
        int | None, typer.Option("--from", min=0, help="新日志密钥自此大小起 · first tree size of a new log key.")
    ] = None,
) -> None:
    """更换密钥 · Make the next key of a use.

    Writes a card that names it; the old key goes on until a version of the trust policy grants the new one.
    """
    from node.cli import rotating
    from node.cli.output import errors

    with errors(config=config):
        rotating.rotate(use, config, output, from_size)


@app.command()
def signer(
    name: Annotated[str, typer.Argument(help="签署人名称 · name of the key, such as ggzy.example/cq/signer-li.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="密钥文件 · file for the private key, mode 0600.")],
) -> None:
    """签署密钥 · Make a policy signer's key.

    Of a person who signs trust policies, or of a registrar. Prints its public part, for ggzy policy draft
    --add-signer or --add-registrar. Needs no node.
    """
    from node.cli import rotating
    from node.cli.output import errors

    with errors():
        rotating.signer(name, output)
