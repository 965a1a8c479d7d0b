"""Options that most commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[
    Path, typer.Option("--config", "-c", help="节点目录或 config.toml · the node's directory or its config.toml.")
]
AsJson = Annotated[bool, typer.Option("--json", help="最后一行输出 JSON · print JSON on the last line.")]
HERE = Path()
