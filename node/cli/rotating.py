"""What `ggzy key` does."""

from __future__ import annotations

from pathlib import Path

import typer

from node import keyring
from node.cli.opening import load
from node.cli.output import say
from node.errors import Malformed, Refused
from node.keyring import SUFFIX
from node.settings import Settings
from node.store import logs
from node.store.db import Store
from node.tlog.note import Ed25519Signer, KeyType
from node.wire import card as cards
from node.wire.trust import KeyGrant, Member

LEAD = 64
"""Sizes between the head of today and the first that a new log key signs: time for the policy to arrive."""


def rotate(use: str, config: Path, output: Path | None, from_size: int | None) -> None:
    settings = load(config)
    if use != "log" and use not in SUFFIX:
        raise Malformed(
            f"there is no rotation of {use}",
            zh=f"不能更换 {use} 密钥",
            field="USE",
            advice_zh=f"可用 log、{'、'.join(SUFFIX)}。",
            advice_en=f"Use log, {', '.join(SUFFIX)}.",
        )
    keys = keyring.load(settings.keys, settings.name, settings.epoch, settings.suite)
    if use == "log":
        file, new = keyring.new_log_key(settings.keys, settings.name, settings.epoch)
        first = _head_size(settings) + LEAD if from_size is None else from_size
        grant = KeyGrant(settings.name, "log", new.verifier, first)
    else:
        file, new = keyring.new_key(settings.keys, settings.name, use)
        grant = KeyGrant(settings.name, use, new.verifier)
    more = [new] if new.verifier.type == KeyType.ED25519 else []
    member = Member(settings.name, settings.role, settings.division, "", settings.title)
    card = cards.make(member, [*keys.grants(), grant], [*keys.card_signers(), *more])
    target = output or settings.directory / f"card-{use}.note"
    target.write_bytes(card.encode())
    say(f"新密钥 {file}；名片 {target} · new key {file}, card {target}")
    say(f"指纹 fingerprint: {cards.fingerprint(card)}")
    say(f"请交策略签署方，核对指纹后运行：ggzy policy draft --card {target.name}")
    say(f"Hand it to whoever signs the policy, who compares and runs: ggzy policy draft --card {target.name}")
    if use == "log":
        say("新版策略到达本节点后自动启用新密钥，无需重启。 The new key signs by itself once that policy arrives.")
    else:
        old = {"witness": keys.witness, "mirror": keys.mirror, "custody": keys.custody, "request": keys.request}[use]
        say("新版策略到达本节点后，重启服务即启用新密钥；随后由签署方停用旧密钥：")
        say("Once that policy has arrived, restart the service to use the new key; then have the old one retired:")
        say(f"  ggzy policy retire {old.name}+{old.verifier.key_id.hex()}")


def signer(name: str, output: Path) -> None:
    if output.exists():
        raise Refused(
            f"{output} is there already",
            zh=f"文件 {output} 已存在",
            advice_zh="请换一个文件名；已有的密钥不会被覆盖。",
            advice_en="Choose another file: a key is never overwritten.",
        )
    Ed25519Signer(name, KeyType.ED25519, bytes(32))  # the name first: no file for one that cannot stand in a note
    keyring.make_key(output)
    typer.echo(keyring.named_signer(output, name).verifier.vkey())
    say(f"私钥在 {output}（0600），请妥善保管；上一行为公钥 · private key in {output}; the line is the public key")


def _head_size(settings: Settings) -> int:
    store = Store(settings.database)
    try:
        return max((state.head_size for state in store.read_now(logs.all_logs) if state.own), default=0)
    finally:
        store.close()
