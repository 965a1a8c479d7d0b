"""What `ggzy policy` does."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import typer

from node import keyring, provision
from node.cli.opening import load
from node.cli.output import explain, say, warn
from node.errors import NodeError, NotFound, Refused
from node.settings import Settings
from node.store import logs
from node.store.db import Store
from node.tlog.note import Note, parse_note
from node.trusted import newest, versions_above
from node.wire import card as cards
from node.wire import trust
from node.wire.trust import KeyGrant, Member, TrustPolicy, plain_policy


def show(config: Path) -> None:
    policy, notes = _held(load(config))
    typer.echo(policy.text(), nl=False)
    say(f"现行版本（第 {policy.version} 版）指纹 fingerprint of the version held: {policy.hash()}")
    say(f"第 1 版指纹（adopt 时用） fingerprint of version 1, for adopt: {_first_hash(notes)}")


def export(config: Path, origin: str, output: Path | None) -> None:
    policy, notes = _held(load(config))
    if not origin:
        _write(output, notes[-1])
        return
    try:
        plain = plain_policy(policy, origin)
    except NotFound as error:
        raise explain(
            error,
            zh=f"信任策略中没有日志 {origin}",
            advice_zh=f"可用的日志名称：{'、'.join(policy.origins())}。",
            advice_en=f"Use one of: {', '.join(policy.origins())}.",
            field="--origin",
        ) from None
    _write(output, plain.format())


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
    policy, notes = _held(settings)
    signer = keyring.policy_signer(settings.keys, settings.name)
    note, member, grants = _card(file)
    if fingerprint and _plain(fingerprint) != cards.fingerprint(note):
        raise Refused(
            f"the fingerprint of {file} is not the one read out",
            field="--fingerprint",
            zh=f"名片 {file} 的指纹与报出的不一致",
            advice_zh="请与对方当面或电话重新核对；仍不一致则不要登记，请对方重新出具名片。",
            advice_en="Compare again by telephone or in person; if it still differs, do not enrol, ask for a new card.",
        )
    say(f"{member.name} {member.title} 指纹 fingerprint: {cards.fingerprint(note)}")
    members = [Member(member.name, member.role, member.division, "" if above else settings.name, member.title)]
    if above:
        me = policy.member(settings.name)
        if me is None:
            raise NotFound(
                f"{settings.name} is not in its own policy",
                zh="本节点不在自己的信任策略中",
                advice_zh="请先由策略签署方登记本节点（ggzy policy card）。",
                advice_en="Have this node enrolled first, by whoever signs the policy (ggzy policy card).",
            )
        members.append(Member(me.name, me.role, me.division, member.name, me.title))
    if all(policy.member(each.name) == each for each in members) and set(grants) <= set(policy.keys):
        say(f"已登记，无变化，现行策略第 {policy.version} 版 · already enrolled, nothing changed: {policy.version}")
    else:
        if not fingerprint:
            typer.confirm("与对方报出的指纹一致？ Is it the fingerprint that the other side reads out?", abort=True)
        provision.adopt(settings, [provision.next_policy(policy, signer, members, grants)])
        _, notes = _held(settings)
        say(f"已登记，现行策略第 {len(notes)} 版 · enrolled in policy version {len(notes)}")
    for number, data in enumerate(notes, 1):
        (settings.directory / f"trust-policy-{number}.note").write_bytes(data)
    (settings.directory / "trust-policy.note").write_bytes(notes[-1])
    say(f"请把 {settings.directory}/trust-policy-*.note 交给对方，由对方运行：")
    say("Hand the files trust-policy-*.note to the other node, which runs:")
    say(f"  ggzy policy adopt trust-policy-*.note --fingerprint {_first_hash(notes)}")


def adopt(files: list[Path], config: Path, fingerprint: str | None) -> None:
    settings = load(config)
    given = sorted(((_policy(file), file) for file in files), key=lambda pair: pair[0][0].version)
    expected = None if fingerprint is None else _plain(fingerprint)
    before, kept = _held(settings)
    alone = before.version == 1 and [member.name for member in before.members] == [settings.name]
    (first, _), file = given[0]
    if expected is not None and first.version == 1 and first.hash() != expected:
        raise Refused(
            f"version 1 in {file} does not have the fingerprint that was given",
            field="--fingerprint",
            zh=f"{file} 中第 1 版的指纹与所给的不一致",
            advice_zh="请向上级重新核对（对方运行 ggzy policy show，报出“第 1 版指纹”）；仍不一致则不要采用。",
            advice_en="Ask the hub again (ggzy policy show prints it there); if it still differs, do not adopt.",
        )
    if alone and first.hash() != before.hash():
        if first.version != 1:
            raise Refused(
                f"the files begin with version {first.version}",
                zh=f"所给文件从第 {first.version} 版开始",
                advice_zh="首次加入须给出从第 1 版起的全部 trust-policy-*.note。",
                advice_en="To join, give all files trust-policy-*.note from version 1 on.",
            )
        if expected is None:
            raise Refused(
                "joining a federation needs the fingerprint of its version 1",
                field="--fingerprint",
                zh="首次加入联邦须给出第 1 版的指纹",
                advice_zh="请加上 --fingerprint 和上级当面或电话报出的 64 位指纹（上级运行 ggzy policy show）。",
                advice_en="Add --fingerprint with the 64 digits that the hub reads out (ggzy policy show there).",
            )
    elif first.version == 1 and first.hash() != _first_hash(kept):
        raise Refused(
            f"this node belongs to a federation whose version 1 is not {file}",
            zh=f"本节点已加入联邦，其第 1 版策略与 {file} 不同",
            advice_zh="请核对文件；一个节点只能属于一个联邦。",
            advice_en="Check the files: a node belongs to one federation.",
        )
    taken = provision.adopt(settings, [data for (_, data), _ in given], expected_hash=expected)
    policy, held = _held(settings)
    (settings.directory / "trust-policy.note").write_bytes(held[-1])
    say(f"采用 {taken} 个版本，现行第 {policy.version} 版 · {taken} taken over, now version {policy.version}")
    if policy.member(settings.name) is None:
        warn(
            f"现行策略中没有本节点 {settings.name}，上级不会接收其记录；请把 ggzy policy card 的输出交给上级登记。",
            f"the policy does not name this node {settings.name}: hand the output of ggzy policy card to the hub.",
        )
    published = _published(settings)
    if taken and alone and first.hash() != before.hash() and published:
        say(f"本节点加入前已发布 {published} 条记录：日志不变，将随首次同步全部报送，由上级保存。")
        say(f"This node had published {published} entries before: its log stays and goes up whole with the first sync.")


def _published(settings: Settings) -> int:
    store = Store(settings.database)
    try:
        return sum(state.stored_size for state in store.read_now(logs.all_logs) if state.own)
    finally:
        store.close()


def _plain(fingerprint: str) -> str:
    """A fingerprint as people type it, without spaces and colons."""
    return "".join(fingerprint.split()).replace(":", "").lower()


def _first_hash(notes: list[bytes]) -> str:
    return trust.parse(parse_note(notes[0])).hash()


def _policy(file: Path) -> tuple[TrustPolicy, bytes]:
    data = _read(file)
    try:
        return trust.parse(parse_note(data)), data
    except NodeError as error:
        raise explain(
            error,
            zh=f"{file} 不是信任策略文件",
            detail=f"{file} is no trust policy: {error.detail}",
            advice_zh="请给出上级交来的 trust-policy-*.note 原文件。",
            advice_en="Give the files trust-policy-*.note as they came from the hub.",
        ) from None


def _card(file: Path) -> tuple[Note, Member, list[KeyGrant]]:
    data = _read(file)
    try:
        note = parse_note(data)
        return note, *cards.open_card(note)
    except NodeError as error:
        raise explain(
            error,
            zh=f"{file} 不是有效的节点名片",
            detail=f"{file} is no valid card: {error.detail}",
            advice_zh="请让对方重新运行 ggzy policy card -o 文件 并原样交来。",
            advice_en="Have the other side run ggzy policy card -o FILE again and hand the file over unchanged.",
        ) from None


def _held(settings: Settings) -> tuple[TrustPolicy, list[bytes]]:
    store = Store(settings.database)
    try:
        if store.read_now(newest) is None:
            raise NotFound(
                "this node holds no trust policy",
                zh="本节点尚无信任策略",
                advice_zh="请对本目录重新运行 ggzy init。",
                advice_en="Run ggzy init on this directory again.",
            )
        notes = store.read_now(partial(versions_above, number=0, limit=10_000))
    finally:
        store.close()
    return trust.parse(parse_note(notes[-1])), notes


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except (FileNotFoundError, IsADirectoryError):
        raise NotFound(
            f"no file {file}",
            zh=f"没有文件 {file}",
            advice_zh="请核对路径与文件名。",
            advice_en="Check path and name.",
        ) from None


def _write(output: Path | None, data: bytes) -> None:
    if output is None:
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
    else:
        output.write_bytes(data)
        say(str(output))
