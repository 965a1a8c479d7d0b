"""`ggzy verify`: offline, without any database; so it imports nothing of a node but the formats."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from node.cli.output import result, say
from node.errors import Malformed, NotFound
from node.tlog.proof import TlogProof
from node.wire import receipt as receipts


def verify(file: Path, policy: Path, payload: Path | None, *, as_json: bool) -> None:
    held = receipts.parse_policy(_read(policy))
    content = None if payload is None else _read(payload)
    verdict = receipts.verify(TlogProof.parse(_read(file)), held, content)
    say(f"核验通过：{verdict.origin} 第 {verdict.index} 条，树大小 {verdict.size}")
    say(f"Verified: entry {verdict.index} of {verdict.origin}, in a tree of {verdict.size}")
    for name, time_s in verdict.cosigners:
        say(f"  共同签名 cosigned by {name} at {datetime.fromtimestamp(time_s, UTC):%Y-%m-%d %H:%M:%S} UTC")
    if verdict.custody is not None:
        say(f"  内容托管 payload custody by {verdict.custody[0]}")
    if verdict.section is not None:
        say(f"  内容与记录的 {verdict.section} 部分一致 · the payload is the record's section {verdict.section}")
    for note in verdict.notes:
        say(f"  {note}")
    if as_json:
        result(
            {
                "verified": True,
                "origin": verdict.origin,
                "index": verdict.index,
                "size": verdict.size,
                "record_id": verdict.header.record_id.hex(),
                "kind": verdict.header.kind,
                "version": verdict.header.version,
                "cosigners": [name for name, _ in verdict.cosigners],
                "custody": verdict.custody[0] if verdict.custody else None,
                "section": verdict.section,
            }
        )


def _read(file: Path) -> bytes:
    try:
        if file.stat().st_size > 16 << 20:
            raise Malformed(f"{file} is larger than any receipt or policy", zh=f"{file} 过大")
        return file.read_bytes()
    except (FileNotFoundError, IsADirectoryError):
        raise NotFound(
            f"no file {file}", zh=f"没有文件 {file}", advice_zh="请核对文件名。", advice_en="Check the name."
        ) from None
