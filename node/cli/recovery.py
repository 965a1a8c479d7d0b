"""What `ggzy recover` and `ggzy epoch` do."""

from __future__ import annotations

import asyncio
import base64
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import typer

from node.app import Node
from node.cli.opening import load, quiet_logs, tell_of_upstream
from node.cli.output import result, say, warn
from node.cli.progress import counter
from node.clock import utc_ms
from node.domain.record import Outcome as Published
from node.recovery import again, epoch, fresh, lost
from node.recovery.again import Outcome
from node.settings import Settings
from node.sync.recover import Lacking
from node.wire import card as cards


def recover(config: Path, *, new: bool, fingerprint: str, as_json: bool) -> None:
    settings = load(config)
    with quiet_logs():
        if new:
            asyncio.run(_replace(settings, _plain(fingerprint)))
        done = asyncio.run(_recover(settings))
    tell(done)
    if as_json:
        result(plain(done))
    if not done.thawed:
        raise typer.Exit(1)


async def _replace(settings: Settings, fingerprint: str) -> None:
    aside = await fresh.replace(settings, utc_ms, fingerprint=fingerprint)
    if aside is not None:
        say(f"旧数据库另存为 {aside}，请保留 · the old database is kept at {aside}")
    say("已建立新数据库，取回完成之前保持冻结 · a new database was made; it is frozen until everything is back")


async def _recover(settings: Settings) -> Outcome:
    node = Node(settings)
    try:
        await node.open()
        with counter("取回 recover") as show:
            return await again.recover(node, show)
    finally:
        await node.close()


def tell(done: Outcome) -> None:
    """What came back, what did not, and what to do next."""
    came = max(0, done.size - done.before)
    say(f"{done.origin}：取回 {came} 条，现有 {done.size} 条 · {came} entries came back, {done.size} are here")
    _tell_lacking(done.lacking)
    if done.lost:
        first, last = done.lost.start, done.lost.stop - 1
        warn(
            f"序号 {first} 至 {last} 曾签名而从未到达镜像，已经丢失；日志保持冻结，出路是新纪元：ggzy epoch request。",
            f"Entries {first} to {last} were signed and never mirrored: they are lost. The log stays frozen; the way "
            "on is a new epoch: ggzy epoch request.",
        )
    if done.thawed:
        say("日志已解冻，可继续发布。请运行 ggzy fsck 与 ggzy sync。")
        say("The log may be signed again. Run ggzy fsck and ggzy sync.")


def _tell_lacking(lacking: Iterable[Lacking]) -> None:
    for audience, count in sorted(Counter(each.audience for each in lacking).items()):
        warn(
            f"{count} 份内容未能取回（公开层级 {audience}）：上级没有，条目与签名不受影响；清单见 --json。",
            f"{count} sections for the audience {audience} did not come back: the node above does not hold them. "
            "Entries and signatures are whole; --json lists them.",
        )


def _plain(fingerprint: str) -> str:
    return "".join(fingerprint.split()).replace(":", "").lower()


def plain(done: Outcome) -> dict[str, object]:
    return {
        "origin": done.origin,
        "entries_before": done.before,
        "entries": done.size,
        "thawed": done.thawed,
        "lost": [done.lost.start, done.lost.stop - 1] if done.lost else None,
        "lacking": [[each.index, each.section, each.audience] for each in done.lacking],
        "aside": None if done.aside is None else str(done.aside),
    }


# --- epochs ---------------------------------------------------------------------------------------------------------


def epoch_request(config: Path, *, fingerprint: str, as_json: bool) -> None:
    settings = load(config)
    with quiet_logs():
        asked = asyncio.run(epoch.request(settings, utc_ms, fingerprint=_plain(fingerprint)))
    file = settings.directory / f"epoch-{settings.epoch + 1}.card"
    file.write_bytes(asked.card.encode())
    head, root = asked.closing, base64.b64encode(asked.closing.root).decode()
    say(f"名片已写入 {file}，指纹 fingerprint: {cards.fingerprint(asked.card)}")
    say("请把名片交给策略签署方，当面或电话核对指纹，由其核对自己所存的日志头后运行：")
    say("Hand the card to whoever signs the policy; compare fingerprints; they compare the head with theirs and run:")
    say(f"  ggzy policy close {head.origin} --size {head.size} --root {root} --card {file.name}")
    say("上级采用新版策略后，在本节点停止服务并运行 ggzy epoch open。")
    say("Once the node above has adopted it, stop the service here and run ggzy epoch open.")
    if as_json:
        result(
            {
                "card": str(file),
                "fingerprint": cards.fingerprint(asked.card),
                "origin": head.origin,
                "size": head.size,
                "root": root,
                "successor": asked.successor,
            }
        )


def epoch_open(config: Path, *, fingerprint: str, as_json: bool) -> None:
    settings = load(config)
    with quiet_logs(), counter("取回 recover") as show:
        done = asyncio.run(epoch.open_epoch(settings, utc_ms, fingerprint=_plain(fingerprint), progress=show))
    for origin, size in done.closed:
        say(f"已关闭 {origin}，保留 {size} 条 · closed at {size} entries")
    _tell_lacking(done.lacking)
    if done.aside is not None:
        say(f"旧数据库另存为 {done.aside}，请作为证据保留 · the old database is kept as evidence at {done.aside}")
    if done.lost:
        warn(
            f"{done.lost} 条记录不在镜像中，已写入 {done.file}；请核对后运行 ggzy epoch republish {done.file.name}。",
            f"{done.lost} records are in no mirror; they are in {done.file}. Look through them, then run "
            f"ggzy epoch republish {done.file.name}.",
        )
    say(f"新纪元已开启：{done.origin}。请启动服务，运行 ggzy sync 与 ggzy fsck。")
    say("The new epoch is open. Start the service, run ggzy sync and ggzy fsck.")
    if settings.role != "district":
        warn(
            "本节点为下级见证和镜像的记忆已随旧库失去：请更换见证与镜像密钥，并由策略停用旧钥，见 docs/recovery.md。",
            "What this node witnessed and mirrored for others went with the old database: give it new witness and "
            "mirror keys and have the policy retire the old ones, see docs/recovery.md.",
        )
    if as_json:
        result(
            {
                "origin": done.origin,
                "closed": [list(each) for each in done.closed],
                "lacking": [[each.index, each.section, each.audience] for each in done.lacking],
                "lost": done.lost,
                "file": str(done.file) if done.lost else None,
                "aside": None if done.aside is None else str(done.aside),
            }
        )


def republish(file: Path, config: Path, *, as_json: bool) -> None:
    settings = load(config)
    drafts = list(lost.read(file))

    async def work() -> list[Published]:
        node = Node(settings)
        try:
            await node.open()
            done: list[Published] = []
            for start in range(0, len(drafts), 256):
                done += await node.publisher.publish(drafts[start : start + 256])
            return done
        finally:
            await node.close()

    with quiet_logs() as heard:
        outcomes = asyncio.run(work())
    tell_of_upstream(settings, heard)
    count = Counter(outcome.state for outcome in outcomes)
    say(
        f"发布 {count['published']}，未变 {count['unchanged']}，退回 {count['rejected']} · "
        f"published {count['published']}, unchanged {count['unchanged']}, rejected {count['rejected']}"
    )
    for draft, outcome in zip(drafts, outcomes, strict=True):
        if outcome.error is not None:
            warn(f"{draft.kind} {draft.key}: {outcome.error.zh}", outcome.error.detail)
    if as_json:
        result({state: count[state] for state in ("published", "unchanged", "rejected")})
