"""What `ggzy invite`, `ggzy enrol` and `ggzy enrolments` do (DESIGN L20)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import typer

from node import keyring, provision
from node.app import Node
from node.cli.drafting import held_policy, write_versions
from node.cli.opening import load, quiet_logs
from node.cli.output import moment, result, say
from node.domain.powers import SUPERVISION
from node.errors import Refused
from node.settings import CONFIG_NAME, Settings
from node.sync.enrol import Waiting
from node.wire import card as cards
from node.wire.enrol import Invitation
from node.wire.trust import Member


def invite(
    config: Path, *, division: str, title: str, zone: str, url: str, hours: int, department: str = "", as_json: bool
) -> None:
    settings = load(config)
    address = url or settings.public_url
    if not address.startswith(("http://", "https://")):
        raise Refused(
            "this node does not know the address under which others reach it",
            zh="不知道其他节点访问本节点的网址",
            field="--url",
            advice_zh="请用 --url 给出，或在 config.toml 设置 public_url。",
            advice_en="Give it with --url, or set public_url in config.toml.",
        )

    async def work() -> Invitation:
        node = Node(settings)
        try:
            await node.open()
            name = provision.node_name(
                node.trusted.policy.federation, SUPERVISION if department else "district", division, zone, department
            )
            return await node.invitations.invite(name, title, url=address, hours=hours)
        finally:
            await node.close()

    with quiet_logs():
        made = asyncio.run(work())
    typer.echo(made.encode())
    say(f"邀请 {made.node} {title}，{moment(made.expires_s)} 前有效，仅可使用一次。")
    say(f"Invitation of {made.node}; good once, until {moment(made.expires_s)}.")
    say("请把上面一行经可靠渠道（当面、机要）交给对方，由对方运行 ggzy enrol；不要张贴或群发。")
    say("Hand the line above over by a way that you trust; the other side runs ggzy enrol with it.")
    if as_json:
        result({"invitation": made.encode(), "node": made.node, "expires_s": made.expires_s})


def enrol(invitation: str, config: Path, *, as_json: bool) -> None:
    settings = load(config)
    given = Invitation.parse(invitation)
    if given.node != settings.name:
        raise Refused(
            f"the invitation is for {given.node}, this node is {settings.name}",
            zh=f"邀请的对象是 {given.node}，而本节点是 {settings.name}",
            field="invitation",
            advice_zh="请核对 ggzy init 的 --division、--zone、--federation，或请上级另发邀请。",
            advice_en="Check --division, --zone and --federation of ggzy init, or ask for another invitation.",
        )
    if settings.upstream_url not in ("", given.url):
        raise Refused(
            f"the invitation comes from {given.url}, config.toml names {settings.upstream_url}",
            zh=f"邀请来自 {given.url}，而 config.toml 的上级是 {settings.upstream_url}",
            field="upstream_url",
            advice_zh="请核对；如以邀请为准，请修改 config.toml 的 upstream_url 后重试。",
            advice_en="Check which is right; then change upstream_url in config.toml and run it again.",
        )
    keys = keyring.load(settings.keys, settings.name, settings.epoch, settings.suite)
    card = cards.make(
        Member(settings.name, settings.role, settings.division, "", settings.title), keys.grants(), keys.card_signers()
    )

    async def work() -> str:
        node = Node(settings.model_copy(update={"upstream_url": given.url}))
        try:
            await node.open()
            return await node.join(given, card)
        finally:
            await node.close()

    with quiet_logs():
        fingerprint = asyncio.run(work())
    if not settings.upstream_url:
        _write_upstream(settings, given.url)
    write_versions(settings)
    say(f"已向 {given.url} 提交名片，待上级确认。请致电上级核对指纹（逐组读出）：")
    say(f"The card is with {given.url} and waits to be confirmed. Call the hub and read out the fingerprint:")
    typer.echo(" ".join(fingerprint[at : at + 4] for at in range(0, 64, 4)))
    say("上级确认后，ggzy sync（或运行中的服务）即开始同步。")
    say("Once it is confirmed, ggzy sync (or the running service) begins.")
    if as_json:
        result({"node": settings.name, "fingerprint": fingerprint, "policy": held_policy(settings)[0].version})


def enrolments(config: Path, *, as_json: bool) -> None:
    settings = load(config)

    async def work() -> list[Waiting]:
        node = Node(settings)
        try:
            await node.open()
            return await node.invitations.waiting()
        finally:
            await node.close()

    with quiet_logs():
        found = asyncio.run(work())
    for each in found:
        if each.card is None:
            say(f"未使用 not used  {each.node} {each.title}  有效至 until {moment(each.expires_ms / 1000)}")
        else:
            member, _ = cards.open_card(each.card)
            say(f"待确认 waiting   {each.node} {member.title}（{member.role}）")
            say(f"  指纹 fingerprint {each.fingerprint}")
            say(f"  核对后运行 compare, then run: ggzy policy enrol --waiting {each.node.rpartition('/')[2]}")
    if not found:
        say("没有待确认的节点 · no node waits")
    if as_json:
        rows = [
            {"node": each.node, "title": each.title, "waiting": each.card is not None, "fingerprint": each.fingerprint}
            for each in found
        ]
        result({"enrolments": rows})


def _write_upstream(settings: Settings, url: str) -> None:
    """Put the address into config.toml, before any table of it."""
    file = settings.directory / CONFIG_NAME
    lines = file.read_text("utf-8").splitlines(keepends=True)
    at = next((n for n, line in enumerate(lines) if line.lstrip().startswith("[")), len(lines))
    lines.insert(at, f'upstream_url = "{url}"\n')
    partial_file = file.with_suffix(".toml.new")
    partial_file.write_text("".join(lines), "utf-8")
    partial_file.replace(file)
