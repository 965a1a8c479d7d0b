"""The next version of the trust policy as commands make it: shown, asked about, signed by the keys here, taken over.

Where one signature is enough and its key is here, one command does all; else the draft goes from signer to signer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import typer

from node import keyring
from node.app import Node
from node.cli.opening import load, quiet_logs
from node.cli.output import explain, say
from node.errors import BadSignature, NodeError, NotFound, Refused
from node.settings import Settings
from node.store.db import Store
from node.tlog.note import Ed25519Signer, Note, VerifierKey, parse_note
from node.trusted import newest, versions_above
from node.wire import trust
from node.wire.trust import TrustPolicy
from node.wire.trust_edit import differences, following
from node.wire.trust_steps import check_only_adds_nodes, check_step, open_next, signed_by

SIGNER_FILES = ("policy-signer.key", "registrar.key")


def held_policy(settings: Settings) -> tuple[TrustPolicy, list[bytes]]:
    """The policy of a node and the notes of all its versions. Raises NotFound before there is one."""
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


def start(config: Path, on: Path | None) -> tuple[Settings, TrustPolicy, TrustPolicy]:
    """Settings, the policy held, and the version to change: the one after it, or an unfinished one from a file."""
    settings = load(config)
    held, _ = held_policy(settings)
    return settings, held, following(held) if on is None else trust.parse(read_draft(on))


def read_draft(file: Path) -> Note:
    """A version on its way: a signed note, or its bare text before anybody signed. Raises NotFound, Malformed."""
    data = read(file)
    try:
        note = parse_note(data) if b"\n\n" in data else Note(data.decode("utf-8"), ())
        trust.parse(note)
    except (NodeError, UnicodeDecodeError) as error:
        failure = error if isinstance(error, NodeError) else BadSignature("not UTF-8")
        raise explain(
            failure,
            zh=f"{file} 不是信任策略草案",
            detail=f"{file} is no draft of a trust policy: {failure.detail}",
            advice_zh="请给出 ggzy policy draft 写出的文件。",
            advice_en="Give a file that ggzy policy draft wrote.",
        ) from None
    return note


def read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except (FileNotFoundError, IsADirectoryError):
        raise NotFound(
            f"no file {file}",
            zh=f"没有文件 {file}",
            advice_zh="请核对路径与文件名。",
            advice_en="Check path and name.",
        ) from None


def show_changes(held: TrustPolicy, draft: TrustPolicy) -> None:
    """What a version changes, for the person who is asked to sign it."""
    say(f"第 {held.version} 版 → 第 {draft.version} 版，变更如下 · what version {draft.version} changes:")
    for line in differences(held, draft) or ["（无变化 no change）"]:
        say(f"  {line}")
    say(f"  指纹 fingerprint: {draft.hash()}")


def finish(settings: Settings, held: TrustPolicy, draft: TrustPolicy, *, output: Path | None, sure: bool) -> bool:
    """Show a version, ask, sign it with the keys here; take it over if that is enough, else write it for the others.

    Gives whether it was taken over. Raises Refused for a step that nobody may take, Malformed for a policy that says
    what none may say.
    """
    checked = trust.parse(Note(draft.text(), ()))
    check_step(checked, held)
    show_changes(held, checked)
    if not sure:
        typer.confirm("签署这一版？ Sign this version?", abort=True)
    note = with_signatures(Note(draft.text(), ()), own_signers(settings, held, checked))
    if not _enough(note, held):
        file = output or settings.directory / f"policy-v{draft.version}.draft.note"
        write_draft(file, note)
        tell_missing(note, held, checked, file)
        return False
    take_over(settings, note.encode())
    if output is not None:
        output.write_bytes(note.encode())
    say(f"已签署并采用第 {draft.version} 版 · version {draft.version} is signed and in force here")
    return True


def _enough(note: Note, held: TrustPolicy) -> bool:
    try:
        return bool(note.signatures) and open_next(note.encode(), held).version > held.version
    except BadSignature:
        return False


def write_draft(file: Path, note: Note) -> None:
    file.write_bytes(note.encode() if note.signatures else note.text.encode())


def tell_missing(note: Note, held: TrustPolicy, draft: TrustPolicy, file: Path) -> None:
    """How many signatures a draft still needs, and what to do with it."""
    for policy, zh, en in ((held, "原", "old"), (draft, "新", "new")):
        count = len(signed_by(note, policy.signers))
        say(f"  {zh}门限 {en} threshold: {count}/{policy.threshold}")
    say(f"草案写入 {file}；请各签署方运行 ggzy policy sign {file.name}，齐后运行 ggzy policy adopt {file.name}")
    say(f"Draft in {file}: each signer runs ggzy policy sign {file.name}; when complete, ggzy policy adopt {file.name}")


def own_signers(
    settings: Settings, held: TrustPolicy, draft: TrustPolicy, more: Sequence[Path] = ()
) -> list[Ed25519Signer]:
    """The keys in this node's directory, and in files besides, that the old or the new version lets sign this step."""
    files = [*(settings.keys / name for name in SIGNER_FILES if (settings.keys / name).exists()), *more]
    return named_signers(files, held, draft)


def named_signers(files: Sequence[Path], held: TrustPolicy, draft: TrustPolicy) -> list[Ed25519Signer]:
    """Keys under the names that the policy gives them. A registrar's signs only what a registrar may do."""
    may: list[VerifierKey] = [*held.signers, *draft.signers]
    try:
        check_only_adds_nodes(draft, held)
    except Refused:
        pass
    else:
        may += held.registrars
    found = []
    for file in files:
        for key in dict.fromkeys(may):
            signer = keyring.named_signer(file, key.name)
            if signer.verifier == key:
                found.append(signer)
    return found


def with_signatures(note: Note, signers: Sequence[Ed25519Signer]) -> Note:
    return note.with_signatures(*(signer.sign_note(note.text) for signer in signers))


def take_over(settings: Settings, data: bytes) -> None:
    """Log a version where this node logs the policy, adopt it, and write the files that are handed to others."""

    async def work() -> None:
        node = Node(settings)
        try:
            await node.open()
            # Logged before it counts (L20).
            await node.log_policy(data)
            await node.trusted.adopt([data])
            await node.log_policy()
        finally:
            await node.close()

    with quiet_logs():
        asyncio.run(work())
    write_versions(settings)


def write_versions(settings: Settings) -> list[bytes]:
    """Every version held as a file `trust-policy-<n>.note`, the newest as `trust-policy.note` too; gives the notes."""
    _, notes = held_policy(settings)
    for number, data in enumerate(notes, 1):
        (settings.directory / f"trust-policy-{number}.note").write_bytes(data)
    (settings.directory / "trust-policy.note").write_bytes(notes[-1])
    return notes
