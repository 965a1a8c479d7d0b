"""`ggzy policy …`: look at the trust policy, hand over this node's card, enrol others, take policies over."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from node.cli.options import HERE, Config

app = typer.Typer(
    help="信任策略 · The trust policy: members and keys.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Output = Annotated[
    Path | None, typer.Option("-o", "--output", help="输出文件 · file to write (default: standard output).")
]
Keys = Annotated[list[str] | None, typer.Option(help="密钥，可多次 · a vkey; to remove: also name+id.")]
On = Annotated[Path | None, typer.Option("--on", help="在此草案上继续 · go on from this draft.")]
Sure = Annotated[bool, typer.Option("--yes", help="不再询问 · do not ask again.")]


@app.command()
def show(config: Config = HERE) -> None:
    """显示现行策略 · Print the policy and its fingerprints."""
    from node.cli import trust
    from node.cli.output import errors

    with errors(config=config):
        trust.show(config)


@app.command()
def export(
    config: Config = HERE,
    origin: Annotated[str, typer.Option(help="日志名称 · log for which a plain c2sp tlog-policy is written.")] = "",
    output: Output = None,
    witnesses: Annotated[
        int, typer.Option(min=0, help="所需独立见证方数 · independent witnesses that must have cosigned.")
    ] = 0,
) -> None:
    """导出 · Write the policy to a file.

    As it is signed, or with --origin as a plain tlog-policy for outside verifiers; this node's independent witnesses
    are listed in it.
    """
    from node.cli import trust
    from node.cli.output import errors

    with errors(config=config):
        trust.export(config, origin, output, witnesses)


@app.command()
def card(config: Config = HERE, output: Output = None) -> None:
    """本节点名片 · Name and public keys, for the hub.

    Signed by the keys themselves; hand it to whoever signs the trust policy.
    """
    from node.cli import trust
    from node.cli.output import errors

    with errors(config=config):
        trust.card(config, output)


@app.command()
def enrol(
    card: Annotated[Path | None, typer.Argument(help="对方名片 · the other node's card.")] = None,
    config: Config = HERE,
    above: Annotated[bool, typer.Option("--above", help="对方是上级 · the other node stands above this one.")] = False,
    fingerprint: Annotated[
        str, typer.Option(help="对方报出的指纹 · fingerprint that a person on the other side reads out.")
    ] = "",
    waiting: Annotated[
        str, typer.Option(help="待确认的节点 · a node that answered an invitation, see ggzy enrolments.")
    ] = "",
    output: Output = None,
) -> None:
    """登记节点 · Take another node into the policy.

    Signs the next version of the policy with the other node in it.
    """
    from node.cli import trust
    from node.cli.output import errors

    if (card is None) == (not waiting):
        raise typer.BadParameter("请给出名片文件，或 --waiting 名称 · give a card's file, or --waiting NAME")
    with errors(config=config):
        trust.enrol(card, config, above=above, fingerprint=fingerprint, waiting=waiting, output=output)


@app.command()
def draft(
    config: Config = HERE,
    add_signer: Keys = None,
    remove_signer: Keys = None,
    add_registrar: Keys = None,
    remove_registrar: Keys = None,
    threshold: Annotated[int | None, typer.Option(min=1, help="签署门限 · signatures needed.")] = None,
    quorum: Annotated[
        int | None, typer.Option(min=1, help="吊销后所需上级数 · nodes above needed under a revoked key.")
    ] = None,
    expires_days: Annotated[
        int | None, typer.Option(min=0, help="有效天数，0 为不限 · days until the policy is stale, 0 for never.")
    ] = None,
    card: Annotated[list[Path] | None, typer.Option(help="名片，可多次 · card with a new node or new keys.")] = None,
    under: Annotated[str, typer.Option(help="新节点的上级 · node above a new one (default: this node).")] = "",
    overlap: Annotated[int, typer.Option(min=0, help="新旧日志密钥并用的大小 · sizes that both log keys sign.")] = 256,
    on: On = None,
    output: Output = None,
    yes: Sure = False,
) -> None:
    """起草新版 · Make the next version of the policy.

    Shows what changes, signs with the keys here; in force at once if that is enough, else a draft for other signers.
    """
    from node.cli import changes
    from node.cli.output import errors

    edits = changes.Edits(
        add_signers=add_signer or (),
        remove_signers=remove_signer or (),
        add_registrars=add_registrar or (),
        remove_registrars=remove_registrar or (),
        threshold=threshold,
        quorum=quorum,
        expires_days=expires_days,
        cards=card or (),
        under=under,
        overlap=overlap,
    )
    with errors(config=config):
        changes.draft(edits, changes.Way(config, on, output, yes))


@app.command()
def sign(
    file: Annotated[Path, typer.Argument(help="草案文件 · the draft.")],
    config: Config = HERE,
    previous: Annotated[
        Path | None, typer.Option(help="上一版（不在节点目录时）· the version before, when run outside a node.")
    ] = None,
    key: Annotated[list[Path] | None, typer.Option(help="签署密钥文件 · file with a signer's private key.")] = None,
    output: Output = None,
    yes: Sure = False,
) -> None:
    """签署草案 · Sign a version that others have drawn up.

    Shows what it changes and asks. In a node's directory, or anywhere with --previous and --key.
    """
    from node.cli import changes
    from node.cli.output import errors

    with errors(config=config if previous is None else None):
        changes.sign(file, previous, key or (), changes.Way(config, None, output, yes))


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(help="日志密钥（vkey，或名称+编号）· the log key.")],
    config: Config = HERE,
    size: Annotated[int | None, typer.Option(min=0, help="最后可信的大小 · last size beyond doubt.")] = None,
    root: Annotated[str, typer.Option(help="该大小的根 · root at that size, base64.")] = "",
    on: On = None,
    output: Output = None,
    yes: Sure = False,
) -> None:
    """吊销日志密钥 · Revoke a log key from a size on.

    Older receipts stay good, later ones do not. Without --size: the newest head here that the quorum has cosigned.
    """
    from node.cli import changes
    from node.cli.output import errors

    with errors(config=config):
        changes.revoke(key, size, root, changes.Way(config, on, output, yes))


@app.command()
def retire(
    key: Annotated[str, typer.Argument(help="密钥（vkey，或名称+编号）· the key.")],
    config: Config = HERE,
    at: Annotated[
        int | None, typer.Option(min=0, help="自此时刻起（POSIX 秒）· from this moment (default: now).")
    ] = None,
    on: On = None,
    output: Output = None,
    yes: Sure = False,
) -> None:
    """停用密钥 · Retire a key that is no log's.

    A witness, mirror, custody, request, seal or erasure key: what it states later does not count; a witness
    or mirror that lost its state retires its key.
    """
    from node.cli import changes
    from node.cli.output import errors

    with errors(config=config):
        changes.retire(key, at, changes.Way(config, on, output, yes))


@app.command()
def close(
    origin: Annotated[str, typer.Argument(help="日志名称 · the log that has ended.")],
    config: Config = HERE,
    size: Annotated[int | None, typer.Option(min=0, help="终止大小 · its last size.")] = None,
    root: Annotated[str, typer.Option(help="该大小的根 · root at that size, base64.")] = "",
    successor: Annotated[str, typer.Option(help="后继日志 · the log that goes on from it.")] = "",
    card: Annotated[
        Path | None, typer.Option(help="后继日志的名片 · card with the key of the log that goes on.")
    ] = None,
    on: On = None,
    output: Output = None,
    yes: Sure = False,
) -> None:
    """关闭日志 · End a log at its last fully mirrored head.

    Without --size: the head that is mirrored here. See docs/recovery.md.
    """
    from node.cli import changes
    from node.cli.output import errors

    with errors(config=config):
        changes.close(origin, size, root, successor, card, changes.Way(config, on, output, yes))


@app.command()
def adopt(
    files: Annotated[list[Path], typer.Argument(help="策略文件，按版本顺序 · policy files in the order of versions.")],
    config: Config = HERE,
    fingerprint: Annotated[
        str | None, typer.Option(help="第 1 版指纹 · fingerprint of version 1, when joining a federation.")
    ] = None,
) -> None:
    """采用策略 · Take over policy files.

    Each version is checked against the one before.
    """
    from node.cli import trust
    from node.cli.output import errors

    with errors(config=config):
        trust.adopt(files, config, fingerprint)
