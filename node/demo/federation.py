"""The demonstration's six nodes: made or opened again, under one trust policy, each on a port of its own."""

from __future__ import annotations

import re
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

from node import keyring, provision, samples
from node.app import Node
from node.errors import Unavailable
from node.provision import Made
from node.settings import CONFIG_NAME, load
from node.wire import receipt as receipts
from node.wire.trust import TrustPolicy

FEDERATION = "ggzy.example/cq"
FIRST_PORT = 8300
PORTS = 6
SENDER, PLATFORM = "CQ01", "91350100M000100Y43"  # the example code of GB 32100
LAST_FIRST_PORT = 65535 - PORTS + 1
DEPARTMENT = "department"
DEPARTMENT_NAME = "重庆市发展改革委"  # as the rule packages name it
DEPARTMENT_TITLE = "重庆市发展和改革委员会"
POLICY_FILE = "trust-policy.note"


@dataclass
class Federation:
    """The demo's nodes by their key in `samples.NODES`, and the department's."""

    nodes: dict[str, Node]
    directory: Path
    policy: TrustPolicy

    @property
    def hub(self) -> Node:
        return self.nodes[samples.HUB]

    @property
    def national(self) -> Node:
        return self.nodes[samples.NATIONAL]


def prepare(directory: Path, port: int | None, *, observe: bool = True) -> Federation:
    """Make the six nodes, or open those that an earlier run made, under one trust policy.

    A directory of a release that had no department yet goes on without one.

    Without `observe` the hub observes and reports nothing by itself, so that what is counted is what was imported.
    """
    first = _ports(directory, port)
    order = [samples.NATIONAL, samples.HUB, *samples.DISTRICTS]
    made: dict[str, Made] = {}
    for offset, key in enumerate(order):
        role = {samples.NATIONAL: "national", samples.HUB: "hub"}.get(key, "district")
        above = {"national": None, "hub": 0, "district": 1}[role]
        made[key] = provision.make_node(
            directory / key,
            role=role,
            division=key if key.isdigit() else "100000",
            title=samples.NODES[key] + ("公共资源交易中心" if key.isdigit() else ""),
            federation=FEDERATION,
            upstream_url="" if above is None else f"http://127.0.0.1:{first + above}",
            port=first + offset,
        )
        _move(directory / key, first + offset, None if above is None else first + above)
        _quicken(directory / key)
    _report(directory, samples.HUB, samples.NATIONAL, first)
    file = directory / POLICY_FILE
    if not file.exists() or (directory / DEPARTMENT / CONFIG_NAME).exists():
        made[DEPARTMENT] = provision.make_node(
            directory / DEPARTMENT,
            role="supervision",
            division=samples.HUB,
            title=DEPARTMENT_TITLE,
            department=DEPARTMENT_NAME,
            sectors=("工程建设",),
            federation=FEDERATION,
            upstream_url=f"http://127.0.0.1:{first + 1}",
            port=first + len(order),
        )
        _move(directory / DEPARTMENT, first + len(order), first + 1)
        _quicken(directory / DEPARTMENT)
    hub, national = made[samples.HUB].settings.name, made[samples.NATIONAL].settings.name
    above_of = {each.settings.name: hub for each in made.values()} | {hub: national, national: ""}
    if not file.exists():
        signer = keyring.policy_signer(directory / "federation-keys", FEDERATION, create=True)
        file.write_bytes(provision.first_policy(FEDERATION, signer, list(made.values()), above_of))
    policy = receipts.parse_policy(file.read_bytes())
    assert isinstance(policy, TrustPolicy)
    for each in made.values():
        provision.adopt(each.settings, [file.read_bytes()])
    settings = {key: load(directory / key) for key in (*samples.NODES, DEPARTMENT) if key in made}
    if not observe:
        settings = {
            key: each.model_copy(update={"observe_interval_s": 0.0, "uplink_url": ""}) for key, each in settings.items()
        }
    nodes = {key: Node(each) for key, each in settings.items()}
    return Federation(nodes, directory, policy)


def _report(directory: Path, hub: str, national: str, first: int) -> None:
    """The hub reports to the sandbox of the national node, which knows it as a sender; both made up."""
    file = directory / hub / CONFIG_NAME
    text = file.read_text("utf-8")
    address = f'uplink_url = "http://127.0.0.1:{first}/national/upload"'
    if "uplink_url" in text:
        file.write_text(re.sub(r'(?m)^uplink_url = ".*"$', address, text), "utf-8")
        return
    numbers = f'uplink_system_no = "{SENDER}"\nplatform_uscc = "{PLATFORM}"\nuplink_plat_no = "{PLATFORM[:11]}"\n'
    secret = secrets.token_hex(16)
    file.write_text(f'{text}{address}\n{numbers}uplink_secret = "{secret}"\nuplink_interval_s = 5\n', "utf-8")
    file = directory / national / CONFIG_NAME
    sender = f'\n[[intake_senders]]\nsystem_no = "{SENDER}"\nsecret = "{secret}"\nplatform_code = "{PLATFORM}"\n'
    file.write_text(file.read_text("utf-8") + sender, "utf-8")


def _quicken(directory: Path) -> None:
    """The demonstration syncs every two seconds instead of ten, so that a visitor sees it happen."""
    file = directory / CONFIG_NAME
    text = file.read_text("utf-8")
    if "sync_interval_s" not in text:
        file.write_text(text + "sync_interval_s = 2\nproject_interval_s = 2\n", "utf-8")


def _move(directory: Path, port: int, upstream: int | None) -> None:
    """Write the ports of this run into a node's settings; an earlier run may have had others."""
    file = directory / CONFIG_NAME
    old = file.read_text("utf-8")
    text = re.sub(r"(?m)^port = \d+$", f"port = {port}", old)
    if upstream is not None:
        text = re.sub(
            r'(?m)^upstream_url = "http://127\.0\.0\.1:\d+"$', f'upstream_url = "http://127.0.0.1:{upstream}"', text
        )
    if text != old:
        file.write_text(text, "utf-8")


def _ports(directory: Path, wanted: int | None) -> int:
    """First of six free ports in a row: those asked for, those of an earlier run, or the next free ones."""
    config = directory / samples.NATIONAL / CONFIG_NAME
    if wanted is not None:
        if not all(_free(wanted + offset) for offset in range(PORTS)):
            raise Unavailable(
                f"ports {wanted} to {wanted + PORTS - 1} are not all free",
                zh=f"端口 {wanted}–{wanted + PORTS - 1} 未全部空闲",
                advice_zh="请用 --port 换一组端口。",
                advice_en="Choose others with --port.",
            )
        return wanted
    if config.exists() and all(_free(load(config.parent).port + offset) for offset in range(PORTS)):
        return load(config.parent).port
    for first in range(FIRST_PORT, FIRST_PORT + 1000, PORTS):
        if all(_free(first + offset) for offset in range(PORTS)):
            return first
    raise Unavailable(
        f"no six free ports in a row from {FIRST_PORT} on",
        zh=f"从 {FIRST_PORT} 起没有连续六个空闲端口",
        advice_zh="请用 --port 指定首个端口。",
        advice_en="Name the first one with --port.",
    )


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
