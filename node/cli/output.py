"""What commands print: tables and sentences for people, one JSON object on the last line for machines."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer

from node.errors import NodeError


def say(text: str) -> None:
    """A line for people; goes to standard error, so that standard output stays clean for machines."""
    typer.echo(text, err=True)


def result(values: dict[str, Any]) -> None:
    """The one JSON object, alone on the last line of standard output."""
    typer.echo(json.dumps(values, ensure_ascii=False))


def fail(error: NodeError) -> None:
    """Tell a person what went wrong and what to do next, in Chinese and English."""
    where = f" [{error.field}]" if error.field else ""
    # The general Chinese title is followed by the exact English words, which name files and values.
    typer.secho(f"错误 {error.zh}{where}：{error.advice_zh}", fg=typer.colors.RED, err=True)
    typer.secho(f"error {error.code}{where}: {error.detail}. {error.advice_en}", fg=typer.colors.RED, err=True)


@contextmanager
def errors(*, as_json: bool = False) -> Iterator[None]:
    """Turn our errors into a message and exit status 1; with `as_json` also into a last line for machines."""
    try:
        yield
    except NodeError as error:
        fail(error)
        if as_json:
            result({"error": error.code, "detail": error.detail, "field": error.field})
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        say("已中断，可重新运行同一命令继续。 Interrupted; run the same command again to go on.")
        raise typer.Exit(130) from None


def interactive() -> bool:
    return sys.stderr.isatty()
