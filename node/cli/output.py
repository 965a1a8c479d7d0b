"""What commands print: tables and sentences for people, one JSON object on the last line for machines."""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import typer

from node.errors import NodeError

BEIJING = timezone(timedelta(hours=8), "Asia/Shanghai")
INTERNAL_EXIT = 70  # EX_SOFTWARE

# What to do about a file that the system does not give us, by the system's error number.
_FILE_ADVICE: dict[int | None, tuple[str, str]] = {
    errno.ENOENT: ("请核对路径；输出目录须事先建立。", "Check the path; a directory to write into must exist."),
    errno.ENOTDIR: ("请核对路径：其中一段不是目录。", "Check the path: a part of it is no directory."),
    errno.EISDIR: ("这是目录，请给出文件名。", "This is a directory: name a file."),
    errno.EACCES: ("请检查该文件和目录的权限与属主。", "Check owner and permissions of the file and its directory."),
    errno.EPERM: ("请检查该文件和目录的权限与属主。", "Check owner and permissions of the file and its directory."),
    errno.EROFS: ("该文件系统只读，请换一个目录。", "The file system is read-only: choose another directory."),
    errno.ENOSPC: ("磁盘已满，请清理后重试。", "The disk is full: free space and try again."),
    errno.EADDRINUSE: ("端口已被占用，请更换端口。", "The port is taken: choose another."),
}
_FILE_OTHERWISE = ("请检查路径、权限与磁盘后重试。", "Check path, permissions and disk, then try again.")


def say(text: str) -> None:
    """A line for people; goes to standard error, so that standard output stays clean for machines."""
    typer.echo(text, err=True)


def warn(zh: str, en: str) -> None:
    """Something that a person should look at, though the command goes on."""
    typer.secho(f"注意 {zh}", fg=typer.colors.YELLOW, err=True)
    typer.secho(f"warning: {en}", fg=typer.colors.YELLOW, err=True)


def result(values: dict[str, Any]) -> None:
    """The one JSON object, alone on the last line of standard output."""
    typer.echo(json.dumps(values, ensure_ascii=False))


def moment(posix_s: float) -> str:
    """A moment as people here read it, with UTC beside it.

    >>> moment(1_700_000_000)
    '2023-11-15 06:13:20 北京时间 Beijing (2023-11-14 22:13:20 UTC)'
    """
    here, utc = datetime.fromtimestamp(posix_s, BEIJING), datetime.fromtimestamp(posix_s, UTC)
    return f"{here:%Y-%m-%d %H:%M:%S} 北京时间 Beijing ({utc:%Y-%m-%d %H:%M:%S} UTC)"


def fail(error: NodeError) -> None:
    """Tell a person what went wrong and what to do next, in Chinese and English."""
    where = f" [{error.field}]" if error.field else ""
    # The general Chinese title is followed by the exact English words, which name files and values.
    typer.secho(f"错误 {error.zh}{where}：{error.advice_zh}", fg=typer.colors.RED, err=True)
    typer.secho(f"error {error.code}{where}: {error.detail}. {error.advice_en}", fg=typer.colors.RED, err=True)


def explain(
    error: NodeError, *, zh: str, advice_zh: str, advice_en: str, field: str | None = None, detail: str | None = None
) -> NodeError:
    """The same error with the words of the command that met it; its own Chinese words stay when it has any."""
    if error.zh == error.title_zh:
        error.zh = zh
    error.advice_zh, error.advice_en = advice_zh, advice_en
    error.field = field or error.field
    error.detail = detail or error.detail
    return error


@contextmanager
def errors(*, as_json: bool = False, config: Path | None = None) -> Iterator[None]:
    """Turn errors into a message and exit status 1; with `as_json` also into a last line for machines.

    `config` is the node that the command works on, so that a failing database can be named. What nobody expected is
    one line and exit status 70; with GGZY_DEBUG=1 it is a traceback.
    """
    try:
        yield
    except NodeError as error:
        fail(error)
        if as_json:
            result({"error": error.code, "detail": error.detail, "field": error.field})
        raise typer.Exit(1) from None
    except (typer.Exit, typer.BadParameter):
        raise
    except typer.Abort:
        say("已取消，未作改动。 Cancelled; nothing was changed.")
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        say("已中断，可重新运行同一命令继续。 Interrupted; run the same command again to go on.")
        raise typer.Exit(130) from None
    except BrokenPipeError:
        # Whoever read our output has gone; what is still buffered has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(141) from None
    except Exception as error:
        if os.environ.get("GGZY_DEBUG") == "1":
            raise
        raise typer.Exit(_unexpected(error, as_json=as_json, config=config)) from None


def _unexpected(error: Exception, *, as_json: bool, config: Path | None) -> int:
    """Tell of an error that is none of ours; gives the exit status."""
    status = 1
    if isinstance(error, OSError):
        code, (zh, en) = "os-error", _FILE_ADVICE.get(error.errno, _FILE_OTHERWISE)
        name = error.filename if error.filename is not None else ""
        what = f"{name}: {error.strerror or error}" if name else str(error.strerror or error)
        lines = (f"错误 无法读写 {what}：{zh}", f"error {code}: {what}. {en}")
    elif _is_database_error(error):
        code, name = "database-error", _database(config)
        reason = str(getattr(error, "orig", None) or error).splitlines()[0][:200]
        what = f"{name}: {reason}"
        lines = (
            f"错误 数据库 {name} 无法使用（{reason}）：请检查磁盘空间与文件权限，再运行 ggzy fsck 核查。",
            f"error {code}: database {what}. Check disk space and permissions, then run ggzy fsck.",
        )
    else:
        status, code, what = INTERNAL_EXIT, "internal", f"{type(error).__name__}: {error}"
        lines = (
            f"错误 程序内部错误（{what}）：请设置 GGZY_DEBUG=1 重新运行，把详细信息交给管理员。",
            f"error {code}: {what}. This is a fault of the program; set GGZY_DEBUG=1 for details.",
        )
    for line in lines:
        typer.secho(line, fg=typer.colors.RED, err=True)
    if as_json:
        result({"error": code, "detail": what, "field": None})
    return status


def _is_database_error(error: Exception) -> bool:
    known = sys.modules.get("sqlalchemy.exc")
    return known is not None and isinstance(error, known.SQLAlchemyError)


def _database(config: Path | None) -> str:
    """The name of a node's database for a message; an address with a host may hold a password and is not shown."""
    from node.settings import load

    if config is None:
        return "node.db"
    try:
        url = load(config).database
    except (NodeError, OSError):
        return str(config)
    return url.removeprefix("sqlite:///") if url.startswith("sqlite:///") else "database_url (config.toml)"


def interactive() -> bool:
    return sys.stderr.isatty()
