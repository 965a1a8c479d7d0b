"""What the commands about attachments do."""

from __future__ import annotations

import asyncio
import getpass
import hashlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec
import typer

from node.attachments import rows
from node.attachments.check import FileFinding
from node.attachments.check import check as judge
from node.attachments.files import Files
from node.cli.opening import load
from node.cli.output import result, say
from node.cli.progress import counter
from node.clock import utc_ms
from node.domain.acts import Attached
from node.errors import BadProof, NotFound
from node.store.db import Store
from node.trusted import Trusted

T = TypeVar("T")

FAULTS = {
    "damaged": ("内容已损坏", "damaged"),
    "lost": ("内容丢失", "lost"),
    "unknown": ("磁盘上有、库中无", "on the disk, in no row"),
    "missing": ("尚未送达", "has not come"),
}


def _with(config: Path, work: Callable[[Files, Trusted], Awaitable[T]]) -> T:
    settings = load(config)

    async def run() -> T:
        store = Store(settings.database)
        trusted = Trusted(store, settings.name, utc_ms)
        try:
            await trusted.open()
            return await work(Files(settings, store, utc_ms), trusted)
        finally:
            store.close()

    return asyncio.run(run())


def add(config: Path, file: Path, *, audience: str, name: str, as_json: bool) -> None:
    if not file.is_file():
        raise NotFound(f"no file {file}", zh=f"没有文件 {file}")

    async def pieces() -> AsyncIterator[bytes]:
        with file.open("rb") as opened:
            while data := opened.read(1 << 20):
                yield data

    async def work(files: Files, trusted: Trusted) -> Attached:
        return await files.put(name or file.name, pieces(), by=f"{getpass.getuser()} (ggzy)", audience=audience)

    attached = _with(config, work)
    say(f"{attached.sha256}  {attached.size}  {attached.media_type}  {attached.name}")
    if as_json:
        result(msgspec.structs.asdict(attached))


def list_files(config: Path, *, missing: bool, as_json: bool) -> None:
    async def work(files: Files, trusted: Trusted) -> tuple[list[rows.StoredFile], list[rows.Wanted]]:
        held: list[rows.StoredFile] = []
        while not missing and (
            batch := await files.store.read(partial(rows.all_files, after=held[-1].sha256 if held else ""))
        ):
            held += batch
        return held, await files.store.read(partial(rows.missing, limit=10_000))

    held, waiting = _with(config, work)
    for each in held:
        say(
            f"{each.sha256}  {each.size:>12}  {each.state}  {each.media_type}"
            + (f"  {each.reason}" * bool(each.reason))
        )
    for wanted in waiting:
        say(f"{wanted.sha256}  {wanted.size:>12}  缺失 missing  {wanted.node}  {wanted.error}")
    if as_json:
        plain = {"held": [msgspec.to_builtins(each) for each in held]}
        result(plain | {"missing": [msgspec.to_builtins(each) for each in waiting]})


def get(config: Path, sha256: str, to: Path, *, as_json: bool) -> None:
    async def work(files: Files, trusted: Trusted) -> int:
        size, digest = 0, hashlib.sha256()
        with files.shelf.open(sha256) as source, to.open("xb") as target:
            while data := source.read(1 << 20):
                digest.update(data)
                target.write(data)
                size += len(data)
            os.fsync(target.fileno())
        if digest.hexdigest() != sha256:
            to.unlink()
            raise BadProof(
                "the stored bytes are not those of the hash",
                zh="所存内容与摘要不符",
                advice_zh="请运行 ggzy files check --repair。",
                advice_en="Run ggzy files check --repair.",
            )
        return size

    if to.is_dir():
        to = to / sha256
    if to.exists():
        raise NotFound(
            f"{to} exists already", zh=f"{to} 已存在", advice_zh="请另选名称。", advice_en="Give another name."
        )
    size = _with(config, work)
    say(f"已写出 {size} 字节 · wrote {size} bytes: {to}")
    if as_json:
        result({"path": str(to), "size": size})


def check(config: Path, *, repair: bool, as_json: bool) -> None:
    async def work(files: Files, trusted: Trusted) -> list[FileFinding]:
        with counter("核查附件 files") as show:
            return await judge(files, trusted, repair=repair, progress=show)

    findings = _with(config, work)
    for each in findings:
        zh, en = FAULTS[each.fault]
        say(f"{each.sha256}  {zh} · {en}  {each.detail}")
    if not findings:
        say("全部附件核查无误 · every file is as it should be")
    faults = sum(each.grave for each in findings)
    if as_json:
        result({"faults": faults, "findings": [msgspec.to_builtins(each) for each in findings]})
    if faults and not repair:
        raise typer.Exit(1)
