"""Make a node's directory: settings, keys, database, and a trust policy of version 1 that knows this node alone."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from node import keyring
from node.clock import Clock, utc_ms
from node.domain import divisions
from node.domain.powers import SUPERVISION
from node.errors import Malformed, Refused
from node.keyring import Keyring
from node.settings import CONFIG_NAME, Settings, build, load
from node.store import migrate
from node.store.db import Store, require_database
from node.tlog import suites
from node.tlog.note import Ed25519Signer, Note
from node.trusted import Trusted
from node.wire.trust import KeyGrant, Member, TrustPolicy
from node.wire.trust_edit import following, with_nodes

ZONES = divisions.ZONE_SLUGS


@dataclass(frozen=True)
class Made:
    """A node just made: its settings, its keys, and the line by which a policy names it."""

    settings: Settings
    keys: Keyring
    member: Member


DEPARTMENTS = {
    "发展改革": "reform",
    "住房城乡建设": "housing",
    "城乡建": "housing",
    "财政": "finance",
    "规划自然资源": "resources",
    "国有资产": "assets",
    "国资": "assets",
    "交通": "transport",
    "水利": "water",
    "审计": "audit",
    "监察": "discipline",
    "监委": "discipline",
    "公共资源交易监督": "trading",
}
"""Part of a department's name -> the letters that stand for it in its node's name."""


def node_name(federation: str, role: str, division: str, zone: str, department: str = "") -> str:
    """Key name base of a node, such as `ggzy.example/cq/500103` or `ggzy.example/cq/500112-liangjiang`.

    A development zone has no code of its own in GB/T 2260: it is named under its parent division, in letters that
    every tool can carry.
    So is a supervising department: `…/500000-sup-housing`.
    """
    if role == "national":
        return f"{federation}/national"
    if role == SUPERVISION:
        known = next((slug for word, slug in DEPARTMENTS.items() if word in department), "")
        slug = known or re.sub(r"[^a-z0-9]+", "-", department.lower()).strip("-")
        return f"{federation}/{division}-sup-{slug or hashlib.sha256(department.encode()).hexdigest()[:8]}"
    if not zone:
        return f"{federation}/{division}"
    slug = ZONES.get(zone) or re.sub(r"[^a-z0-9]+", "-", zone.lower()).strip("-")
    return f"{federation}/{division}-{slug or 'zone-' + hashlib.sha256(zone.encode()).hexdigest()[:8]}"


def make_node(
    directory: Path,
    *,
    role: str,
    division: str,
    title: str,
    federation: str = "ggzy.example/cq",
    zone: str = "",
    upstream_url: str = "",
    host: str = "127.0.0.1",
    port: int = 8300,
    suite: str = "",
    department: str = "",
    sectors: Sequence[str] = (),
) -> Made:
    """Make a node's directory, or finish one whose making was interrupted.

    `department` and `sectors` are for the role `supervision`. `suite` empty means what the node has, or the default.
    Raises Refused when the directory holds another node or one of another suite, Malformed when a value is out of
    range, NotFound when the node's database is gone, Unavailable when this machine cannot sign with the suite.
    """
    file = directory / CONFIG_NAME
    # Keys and content that is not public lie in here, for the node's own user alone.
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    if (role == SUPERVISION) != bool(department):
        raise Malformed(
            "a node of the role supervision, and no other, has a department",
            field="department",
            zh="监管部门节点须写明部门，其他节点不写",
            advice_zh="请用 --role supervision --department 部门名称。",
            advice_en="Use --role supervision --department NAME.",
        )
    name = node_name(federation, role, division, zone, department)
    if file.exists():
        settings = load(directory)
        if (settings.name, settings.role) != (name, role):
            raise Refused(
                f"{directory} already holds the node {settings.name} ({settings.role})",
                zh=f"目录 {directory} 已有节点 {settings.name}（{settings.role}）",
                advice_zh="请为新节点另选一个空目录。",
                advice_en="Choose another, empty directory for the new node.",
            )
        _same_suite(settings, suite)
        require_database(settings.database)
    else:
        values = {
            "name": name,
            "title": title,
            "role": role,
            "division": division,
            "zone": zone,
            "department": department,
            **({"sectors": list(sectors)} if sectors else {}),
            "upstream_url": upstream_url,
            "host": host,
            "port": port,
            **({"suite": suite} if suite else {}),
        }
        _check(directory, values)
        settings = build(directory.resolve(), dict(values))
        suites.require(settings.suite)
        if settings.database.startswith("sqlite:///"):
            os.close(os.open(settings.database.removeprefix("sqlite:///"), os.O_CREAT | os.O_RDWR, 0o600))
        migrate.upgrade(settings.database)
        keyring.make(settings.keys, settings.name, settings.epoch, settings.suite)
        # Last: a directory with a configuration has had its database, so one that is gone is never made anew.
        partial_file = file.with_suffix(".toml.new")
        partial_file.write_text(_toml(values), "utf-8")
        partial_file.replace(file)
        settings = load(directory)
    keys = keyring.make(settings.keys, settings.name, settings.epoch, settings.suite)
    migrate.upgrade(settings.database)
    return Made(settings, keys, Member(name, role, division, "", settings.title))


def _same_suite(settings: Settings, suite: str) -> None:
    if suite not in ("", settings.suite):
        raise Refused(
            f"{settings.directory} holds a node of the suite {settings.suite}, not {suite}",
            field="suite",
            zh=f"该节点的签名套件是 {settings.suite}，不是 {suite}",
            advice_zh=f'如要更改，请在 config.toml 中设 suite = "{suite}"，再运行一次 ggzy init。',
            advice_en=f'To change it, set suite = "{suite}" in config.toml and run ggzy init again.',
        )


def first_policy(federation: str, signer: Ed25519Signer, made: Sequence[Made], above: dict[str, str]) -> bytes:
    """Trust policy version 1 over these nodes; `above` maps a node's name to its upstream's."""
    policy = TrustPolicy(
        federation=federation,
        version=1,
        previous="none",
        threshold=1,
        signers=(signer.verifier,),
        members=tuple(
            Member(m.member.name, m.member.role, m.member.division, above.get(m.member.name, ""), m.member.title)
            for m in made
        ),
        keys=tuple(grant for m in made for grant in (*m.keys.grants(), *m.keys.added_grants())),
    )
    return sign_policy(policy, signer)


def next_policy(
    held: TrustPolicy, signer: Ed25519Signer, members: Sequence[Member], grants: Sequence[KeyGrant]
) -> bytes:
    """The version after `held` with more members, or members changed; signed by one signer."""
    return sign_policy(with_nodes(following(held), members, grants), signer)


def sign_policy(policy: TrustPolicy, signer: Ed25519Signer) -> bytes:
    text = policy.text()
    return Note(text, (signer.sign_note(text),)).encode()


def adopt(
    settings: Settings, notes: Sequence[bytes], *, clock: Clock = utc_ms, expected_hash: str | None = None
) -> int:
    """Take trust policies over into a node's database; gives how many were new."""

    async def work() -> int:
        store = Store(settings.database)
        try:
            trusted = Trusted(store, settings.name, clock)
            await trusted.open()
            return await trusted.adopt(list(notes), expected_hash=expected_hash)
        finally:
            store.close()

    return asyncio.run(work())


def _check(directory: Path, values: dict[str, object]) -> None:
    if any("\n" in str(value) or '"' in str(value) or "\\" in str(value) for value in values.values()):
        raise Malformed("a setting must not hold quotes, backslashes or line breaks")
    build(directory, dict(values))


def _toml(values: dict[str, object]) -> str:
    lines = ["# Settings of this node; docs/configuration.md describes every one."]
    for name, value in values.items():
        if value != "":
            # A list of texts in JSON is one in TOML too.
            given = json.dumps(value, ensure_ascii=False) if isinstance(value, list) else f'"{value}"'
            lines.append(f"{name} = {value if isinstance(value, int) else given}")
    return "\n".join(lines) + "\n"
