"""The uplink of a node: its parts put together from the settings, and how often it runs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from node.errors import NotFound, Refused
from node.settings import Settings
from node.uplink import held
from node.uplink.area import FileArea
from node.uplink.folder import Folder
from node.uplink.mapping import Fill
from node.uplink.receiver import Receiver
from node.uplink.reconcile import Reconciliation, make, today
from node.uplink.run import Parts, Uplink
from node.uplink.shape import Sender

if TYPE_CHECKING:
    from node.app import Node

MOST_KEYS = 5_000_000
_NEEDED = ("uplink_system_no", "uplink_secret", "platform_uscc")


def configured(node: Node) -> bool:
    """Whether this node reports to a receiver above: a hub with an address or an exchange folder."""
    settings = node.settings
    return settings.role == "hub" and bool(settings.uplink_url or settings.uplink_folder)


def sender(node: Node) -> Sender:
    """Who sends, by the settings."""
    settings = node.settings
    return Sender(
        system_no=settings.uplink_system_no,
        platform_code=settings.platform_uscc,
        service_code=settings.uplink_service_code or settings.platform_uscc,
        plat_no=settings.uplink_plat_no,
        service_no=settings.uplink_service_no or settings.uplink_plat_no,
        centre=settings.title,
        url=settings.url,
        division=settings.division,
        ca_key=settings.uplink_ca_key,
        files="" if area_of(node) else f"{settings.url}/files/",
    )


def area_of(node: Node) -> Path | None:
    """The directory into which files are laid for the receiver; None where it fetches them at this node's address."""
    settings = node.settings
    if settings.uplink_files:
        return settings.directory / settings.uplink_files
    if settings.uplink_folder and not settings.uplink_url:
        return settings.directory / settings.uplink_folder / "files"
    return None


def fills(settings: Settings) -> tuple[Fill, ...]:
    """What is filled in where a record says nothing, by this city's policy. Raises Malformed for its file."""
    own = settings.uplink_fill
    return held.fills_with(settings.directory / own if own else None)


def uplink(node: Node, connect: Callable[..., Receiver]) -> Uplink:
    """The uplink of a node. Raises Refused where it is no hub with a receiver, or a setting that it needs is empty."""
    settings = node.settings
    if not configured(node):
        raise Refused(
            "this node has no receiver above",
            zh="本节点未设置上报",
            advice_zh="请在市级枢纽节点的 config.toml 设置 uplink_url 或 uplink_folder，见 docs/uplink.md。",
            advice_en="Set uplink_url or uplink_folder in the hub's config.toml, see docs/uplink.md.",
        )
    for name in _NEEDED:
        if not getattr(settings, name):
            raise Refused(
                f"the setting {name} is empty",
                zh=f"配置项 {name} 未填写",
                field=name,
                advice_zh="上报所需的编号与密钥由国家平台分配，见 docs/uplink.md。",
                advice_en="The platform above gives out what the uplink needs, see docs/uplink.md.",
            )
    receiver = None
    if settings.uplink_url:
        receiver = connect(
            settings.uplink_url,
            held.answers(),
            total_s=settings.request_timeout_s,
            connect_s=settings.connect_timeout_s,
        )
    folder = (
        Folder(settings.directory / Path(settings.uplink_folder), held.answers()) if settings.uplink_folder else None
    )
    area = area_of(node)
    parts = Parts(
        store=node.store,
        clock=node.clock,
        sender=sender(node),
        secret=settings.uplink_secret,
        max_tries=settings.uplink_max_tries,
        receiver=receiver,
        folder=folder,
        publish=node.publisher.publish,
        rules=lambda: node.rules.book,
        codes=lambda: node.rules.by_day.numbers(node.rule_records.today()),
        centres=lambda: centres(node),
        fills=node.fills,
        tables=partial(node.rule_records.tables, "codes"),
        area=None if area is None else FileArea(area, node.attachments.files.shelf.open),
    )
    return Uplink(parts)


def centres(node: Node) -> dict[str, tuple[str, str]]:
    """Title and division of each node of the federation, by its name."""
    try:
        members = node.trusted.policy.members
    except NotFound:
        return {}
    return {member.name: (member.title, member.division) for member in members}


async def reconcile(node: Node, job: Uplink, day: str = "") -> Reconciliation:
    """Reconcile a day with the receiver, as far as that tells what it holds."""
    theirs: dict[str, str] | None = await job.theirs(MOST_KEYS)
    now_ms = node.clock()
    return await node.store.write(lambda conn: make(conn, held.packaged(), day or today(now_ms), now_ms, theirs))


async def run_once(node: Node) -> None:
    """The job: report, and once a day reconcile."""
    job = node.uplink()
    await job.run()
    if await node.store.read(lambda conn: job.reconciled(conn, today(node.clock()))):
        return
    await reconcile(node, job)
