"""What `ggzy policy` does."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import typer

from node import keyring, provision
from node.cli.output import say
from node.errors import NotFound, Refused
from node.settings import Settings, load
from node.store.db import Store
from node.tlog.note import parse_note
from node.trusted import newest, versions_above
from node.wire import card as cards
from node.wire import trust
from node.wire.trust import Member, TrustPolicy, plain_policy


def show(config: Path) -> None:
    policy, _ = _held(load(config))
    typer.echo(policy.text(), nl=False)
    say(f"指纹 fingerprint: {policy.hash()}")


def export(config: Path, origin: str, output: Path | None) -> None:
    policy, notes = _held(load(config))
    _write(output, plain_policy(policy, origin).format() if origin else notes[-1])


def card(config: Path, output: Path | None) -> None:
    settings = load(config)
    keys = keyring.load(settings.keys, settings.name, settings.epoch)
    made = cards.make(
        Member(settings.name, settings.role, settings.division, "", settings.title),
        keys.grants(),
        (keys.log, keys.custody, keys.request),
    )
    _write(output, made.encode())
    say(f"指纹 fingerprint: {cards.fingerprint(made)}")


def enrol(file: Path, config: Path, *, above: bool, fingerprint: str) -> None:
    settings = load(config)
    policy, _ = _held(settings)
    signer = keyring.policy_signer(settings.keys, settings.name)
    note = parse_note(_read(file))
    member, grants = cards.open_card(note)
    if fingerprint and fingerprint.replace(" ", "").lower() != cards.fingerprint(note):
        raise Refused("the card's fingerprint is not the one read out", field="fingerprint", zh="指纹不一致")
    say(f"{member.name} {member.title} 指纹 fingerprint: {cards.fingerprint(note)}")
    if not fingerprint:
        typer.confirm("与对方报出的指纹一致？ Is it the fingerprint that the other side reads out?", abort=True)
    members = [Member(member.name, member.role, member.division, "" if above else settings.name, member.title)]
    if above:
        me = policy.member(settings.name)
        if me is None:
            raise NotFound("this node is not in its own policy")
        members.append(Member(me.name, me.role, me.division, member.name, me.title))
    made = provision.next_policy(policy, signer, members, grants)
    provision.adopt(settings, [made])
    _, notes = _held(settings)
    for number, data in enumerate(notes, 1):
        (settings.directory / f"trust-policy-{number}.note").write_bytes(data)
    (settings.directory / "trust-policy.note").write_bytes(notes[-1])
    first = trust.parse(parse_note(notes[0]))
    say(f"已登记，现行策略第 {len(notes)} 版。请把 {settings.directory}/trust-policy-*.note 交给对方，由对方运行：")
    say(f"Enrolled in policy version {len(notes)}. Hand the files trust-policy-*.note to the other node, which runs:")
    say(f"  ggzy policy adopt trust-policy-*.note --fingerprint {first.hash()}")


def adopt(files: list[Path], config: Path, fingerprint: str | None) -> None:
    settings = load(config)
    notes = sorted((_read(file) for file in files), key=lambda data: trust.parse(parse_note(data)).version)
    taken = provision.adopt(settings, notes, expected_hash=fingerprint)
    policy, held = _held(settings)
    (settings.directory / "trust-policy.note").write_bytes(held[-1])
    say(f"采用 {taken} 个版本，现行第 {policy.version} 版 · {taken} taken over, now version {policy.version}")


def _held(settings: Settings) -> tuple[TrustPolicy, list[bytes]]:
    store = Store(settings.database)
    try:
        if store.read_now(newest) is None:
            raise NotFound("this node holds no trust policy")
        notes = store.read_now(partial(versions_above, number=0, limit=10_000))
    finally:
        store.close()
    return trust.parse(parse_note(notes[-1])), notes


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except (FileNotFoundError, IsADirectoryError):
        raise NotFound(f"no file {file}", zh=f"没有文件 {file}") from None


def _write(output: Path | None, data: bytes) -> None:
    if output is None:
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
    else:
        output.write_bytes(data)
        say(str(output))
