"""What `ggzy policy` does."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from node import keyring, provision
from node.cli import changes
from node.cli.drafting import SIGNER_FILES, finish, held_policy, read, write_versions
from node.cli.opening import load
from node.cli.output import explain, say, warn
from node.errors import NodeError, NotFound, Refused
from node.settings import Settings
from node.store import invitations, logs
from node.store.db import Store
from node.tlog.note import Note, parse_note
from node.tlog.policy import PolicyWitness
from node.wire import card as cards
from node.wire import trust
from node.wire.trust import KeyGrant, Member, TrustPolicy
from node.wire.trust_edit import following, with_nodes
from node.wire.trust_plain import plain_policy
from node.wire.trust_steps import NO_REGISTRAR


def show(config: Path) -> None:
    policy, notes = held_policy(load(config))
    typer.echo(policy.text(), nl=False)
    say(f"现行版本（第 {policy.version} 版）指纹 fingerprint of the version held: {policy.hash()}")
    say(f"第 1 版指纹（adopt 时用） fingerprint of version 1, for adopt: {_first_hash(notes)}")


def export(config: Path, origin: str, output: Path | None, witnesses: int = 0) -> None:
    settings = load(config)
    policy, notes = held_policy(settings)
    # The witnesses of the settings cosign this node's own log and no other; one of the federation is listed already.
    listed = {key.public for key in policy.cosigner_keys()}
    mine = settings.witnesses if origin == settings.origin else ()
    outside = [each for each in mine if each.verifier.public not in listed]
    if witnesses > len(outside):
        raise Refused(
            f"{witnesses} independent witnesses asked for, {len(outside)} cosign this log",
            field="--witnesses",
            zh=f"要求 {witnesses} 家独立见证方，而该日志只有 {len(outside)} 家",
            advice_zh="请减小 --witnesses，或在 config.toml 增加 [[witnesses]]；只用于本节点自己的日志。",
            advice_en="Ask for fewer, or add [[witnesses]] to config.toml; only for this node's own log.",
        )
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
    more = [PolicyWitness(each.verifier.name, each.verifier, each.url) for each in outside]
    _write(output, plain.with_witnesses(more, needed=witnesses).format())


def card(config: Path, output: Path | None) -> None:
    settings = load(config)
    keyring.complete(settings.keys)
    keys = keyring.load(settings.keys, settings.name, settings.epoch, settings.suite)
    made = cards.make(
        Member(settings.name, settings.role, settings.division, "", settings.title),
        keys.grants(),
        keys.card_signers(),
    )
    _write(output, made.encode())
    say(f"指纹 fingerprint: {cards.fingerprint(made)}")


def enrol(
    file: Path | None, config: Path, *, above: bool, fingerprint: str, waiting: str = "", output: Path | None = None
) -> None:
    settings = load(config)
    policy, notes = held_policy(settings)
    if not any((settings.keys / name).exists() for name in SIGNER_FILES):
        keyring.policy_signer(settings.keys, settings.name)
    note, member, grants = _waiting(settings, waiting) if file is None else _card(file)
    what = waiting if file is None else file
    if fingerprint and _plain(fingerprint) != cards.fingerprint(note):
        raise Refused(
            f"the fingerprint of {what} is not the one read out",
            field="--fingerprint",
            zh=f"名片 {what} 的指纹与报出的不一致",
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
    known = {(grant.node, grant.use, grant.key) for grant in policy.keys}
    grants = _grantable(settings, [grant for grant in grants if (grant.node, grant.use, grant.key) not in known])
    if all(policy.member(each.name) == each for each in members) and not grants:
        say(f"已登记，无变化，现行策略第 {policy.version} 版 · already enrolled, nothing changed: {policy.version}")
    else:
        if not fingerprint:
            typer.confirm("与对方报出的指纹一致？ Is it the fingerprint that the other side reads out?", abort=True)
        draft = with_nodes(following(policy), members, [])
        draft = changes.with_card(draft, members[0], grants, under=settings.name, overlap=changes.OVERLAP)
        if not finish(settings, policy, draft, output=output, sure=True):
            return
        say(f"已登记，现行策略第 {draft.version} 版 · enrolled in policy version {draft.version}")
    notes = write_versions(settings)
    if file is None:
        say("对方运行 ggzy sync 即可取得新版策略并开始同步。")
        say("The other node gets the new version with its next ggzy sync, and begins.")
        return
    say(f"请把 {settings.directory}/trust-policy-*.note 交给对方，由对方运行：")
    say("Hand the files trust-policy-*.note to the other node, which runs:")
    say(f"  ggzy policy adopt trust-policy-*.note --fingerprint {_first_hash(notes)}")


def _grantable(settings: Settings, grants: list[KeyGrant]) -> list[KeyGrant]:
    """What the keys here can grant: a registrar leaves out what only the threshold may."""
    left = [grant for grant in grants if grant.use in NO_REGISTRAR]
    if not left or (settings.keys / SIGNER_FILES[0]).exists():
        return grants
    warn(
        "登记员密钥不能授予删除（erasure）密钥，已略去；如需要，请由策略签署方另行授予。",
        "a registrar cannot grant erasure keys: left out; have the policy's signers grant them if they are needed.",
    )
    return [grant for grant in grants if grant not in left]


def _waiting(settings: Settings, name: str) -> tuple[Note, Member, list[KeyGrant]]:
    """The card of a node that has answered an invitation."""
    store = Store(settings.database)
    try:
        rows = store.read_now(invitations.all_rows)
    finally:
        store.close()
    found = [row for row in rows if row.card and name in (row.node, row.node.rpartition("/")[2])]
    if not found:
        raise NotFound(
            f"no node {name} has answered an invitation",
            zh=f"没有待确认的节点 {name}",
            field="--waiting",
            advice_zh="请运行 ggzy enrolments 查看待确认的节点。",
            advice_en="See ggzy enrolments for the nodes that wait.",
        )
    note = parse_note(found[-1].card.encode())
    return note, *cards.open_card(note)


def adopt(files: list[Path], config: Path, fingerprint: str | None) -> None:
    settings = load(config)
    given = sorted(((_policy(file), file) for file in files), key=lambda pair: pair[0][0].version)
    expected = None if fingerprint is None else _plain(fingerprint)
    before, kept = held_policy(settings)
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
    follows = first.version == before.version + 1 and first.previous == before.hash()
    joins = alone and not follows and first.hash() != before.hash()
    if joins:
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
    policy, held = held_policy(settings)
    (settings.directory / "trust-policy.note").write_bytes(held[-1])
    say(f"采用 {taken} 个版本，现行第 {policy.version} 版 · {taken} taken over, now version {policy.version}")
    if policy.member(settings.name) is None:
        warn(
            f"现行策略中没有本节点 {settings.name}，上级不会接收其记录；请把 ggzy policy card 的输出交给上级登记。",
            f"the policy does not name this node {settings.name}: hand the output of ggzy policy card to the hub.",
        )
    published = _published(settings)
    if taken and joins and published:
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
    data = read(file)
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
    data = read(file)
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


def _write(output: Path | None, data: bytes) -> None:
    if output is None:
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
    else:
        output.write_bytes(data)
        say(str(output))
