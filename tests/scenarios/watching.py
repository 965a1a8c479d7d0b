"""Rounds of a net that watches itself: everybody syncs, observes and looks, then the clock moves by an interval."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from net import Net, Running
from typer.testing import CliRunner

from node.cli.main import app
from node.store import alarms
from node.store.alarms import AlarmState
from node.trusted import newest

INTERVAL_S = 10


async def rounds(net: Net, count: int = 1, *, seconds: float = INTERVAL_S) -> None:
    """`count` sync intervals: first the districts, then the hub, then the nodes above."""
    for _ in range(count):
        order = sorted(net.nodes, key=lambda name: {"hub": 1, "national": 2}.get(name, 0))
        for name in order:
            if net.nodes[name].node.settings.upstream_url:
                await net.sync(name)
            else:
                await net.nodes[name].node.projector.run()
        for name in order:
            await net.nodes[name].node.watch_over()
        net.clock.forward(seconds=seconds)


async def on(running: Running) -> list[AlarmState]:
    """Alarms that are on."""
    return await running.node.store.read(alarms.raised)


async def ever(running: Running) -> list[AlarmState]:
    """Alarms that were ever told of."""
    return await running.node.store.read(alarms.history)


async def codes(running: Running) -> dict[str, str]:
    """code -> severity of the alarms that are on."""
    return {each.code: each.severity for each in await on(running)}


async def export(running: Running, directory: Path, *, code: str) -> Path:
    """The evidence file of the alarm with this code, written as `ggzy evidence export` writes it."""
    (alarm,) = [each for each in await on(running) if each.code == code]
    assert alarm.evidence_id is not None, "the alarm has evidence"
    file = directory / f"{code}.json"
    config = str(running.node.settings.directory)
    done = CliRunner().invoke(app, ["evidence", "export", str(alarm.evidence_id), "-o", str(file), "--config", config])
    assert done.exit_code == 0, done.output
    return file


async def policy_file(running: Running, directory: Path) -> Path:
    """The newest trust policy, as anybody can download it."""
    note = await running.node.store.read(newest)
    assert note is not None
    file = directory / "policy.note"
    file.write_bytes(note)
    return file


def verify(file: Path, policy: Path) -> tuple[int, dict[str, Any], str]:
    """(exit status, last line of JSON, everything printed) of `ggzy verify`."""
    done = CliRunner().invoke(app, ["verify", str(file), "--policy", str(policy), "--json"])
    last = done.stdout.strip().splitlines()[-1]
    return done.exit_code, json.loads(last), done.output
