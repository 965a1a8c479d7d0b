"""Commands between nodes: invite one, join, who waits, what is not as it should be."""

from __future__ import annotations

from typing import Annotated

import typer

from node.cli.options import HERE, AsJson, Config


def invite(
    division: Annotated[str, typer.Option(help="对方 GB/T 2260 代码 · six digits of the node that is invited.")],
    name: Annotated[str, typer.Option(help="对方中心名称 · the other centre's name.")],
    config: Config = HERE,
    zone: Annotated[str, typer.Option(help="无代码的开发区 · a development zone without a code.")] = "",
    url: Annotated[str, typer.Option(help="本节点网址 · address of this node (default: public_url).")] = "",
    hours: Annotated[int, typer.Option(min=1, max=720, help="有效小时 · hours that it is good for.")] = 72,
    department: Annotated[
        str, typer.Option(help="邀请监管部门节点 · invite the node of this supervising department.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """邀请下级节点 · Invite a node to join.

    Prints one line, good once, to be handed over by a way that you trust.
    """
    from node.cli import enrol as enrolment
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        enrolment.invite(
            config,
            division=division,
            title=name,
            zone=zone,
            url=url,
            hours=hours,
            department=department,
            as_json=as_json,
        )


def enrol(
    invitation: Annotated[str, typer.Argument(help="邀请（一行）· the invitation, one line.")],
    config: Config = HERE,
    as_json: AsJson = False,
) -> None:
    """凭邀请加入联邦 · Join a federation by an invitation.

    Checks the policy against it, hands in this node's card, prints the fingerprint to read out by telephone.
    """
    from node.cli import enrol as enrolment
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        enrolment.enrol(invitation, config, as_json=as_json)


def enrolments(config: Config = HERE, as_json: AsJson = False) -> None:
    """待确认的节点 · Nodes that were invited and wait."""
    from node.cli import enrol as enrolment
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        enrolment.enrolments(config, as_json=as_json)


def alarms(
    config: Config = HERE,
    ack: Annotated[int | None, typer.Option(help="确认一条告警 · acknowledge the alarm with this number.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="含已结束的 · also those that have ended.")] = False,
    as_json: AsJson = False,
) -> None:
    """告警 · What is not as it should be between nodes.

    Alarms end by themselves; a proven fork ends when somebody has acknowledged it.
    """
    from node.cli import evidence
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        evidence.alarms(config, ack=ack, everything=everything, as_json=as_json)
