"""`scripts/fuzz-api`: schemathesis over every operation that a real node describes, without and with a signature.

The node has real sample records and a district below it. Operations and parameters come from its `/openapi.json`; what
no description can tell, such as the hashes of its logs and right bodies, is laid beside it for `fuzz_hooks`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import sys
import tempfile
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import schemathesis
import structlog
from sqlalchemy import Connection

from node import samples
from node.clock import Clock, utc_ms
from node.importing.run import import_rows
from node.store import checkpoints, logs
from node.tlog.mirror import AddEntriesHeader, encode_package
from node.wire import pack, paths
from tests.web.api_node import EAST, HUB, Served, policy_note, served

ROOT = Path(__file__).resolve().parents[2]
ORIGIN = f"{EAST}/1"
ROWS = 12
# A schema cannot say all that an answer of 400 is about (docs/api.md), and the hooks put right bodies for wrong ones.
NOT_CHECKED = "positive_data_acceptance,negative_data_rejection"
HOW_OFTEN = 0.8


@dataclass(frozen=True, slots=True)
class Told:
    """What a run gave: the exit status of schemathesis, what it printed, and operationId -> status -> how often."""

    status: int
    output: str
    answers: dict[str, dict[int, int]]


async def fuzz(
    folder: Path,
    *,
    signed: bool,
    seed: int,
    examples: int,
    clock: Clock = utc_ms,
    phases: str = "",
    only: str = "",
) -> Told:
    """Start a node in `folder`, let schemathesis at it, and stop it.

    Args:
        signed: whether each request carries a signature of the district below the node.
        examples: requests for each operation in the fuzzing phase; more come from the other phases.
        phases: of schemathesis, with commas; all without it.
        only: one operationId, all without it.
    """
    async with served(folder, clock=clock, max_log_requests_per_s=1e6) as node:
        for sample in samples.MANIFEST:
            rows = islice(samples.read(sample), ROWS)
            await import_rows(sample.kind, rows, node.hub.publisher.publish, name=sample.file)
        await node.hub.projector.run()
        laid = folder / "fuzz"
        await _lay(node, laid)
        if signed:
            created_s = None if clock is utc_ms else clock() // 1000
            signer = {"keys": str(node.east.settings.keys), "node": EAST, "to": HUB, "created_s": created_s}
            (laid / "signer.json").write_text(json.dumps(signer))
        status, output = await _schemathesis(
            node,
            laid,
            f"--seed={seed}",
            f"--max-examples={examples}",
            *([f"--phases={phases}"] if phases else []),
            *([f"--include-operation-id={only}"] if only else []),
        )
        await _still_well(node)
    answers = json.loads((laid / "answers.json").read_text())
    return Told(status, output, {name: {int(s): n for s, n in each.items()} for name, each in answers.items()})


async def _lay(node: Served, laid: Path) -> None:
    bodies, values = await _known(node)
    for name, each in bodies.items():
        (laid / "bodies" / name).mkdir(parents=True)
        for number, body in enumerate(each):
            (laid / "bodies" / name / str(number)).write_bytes(body)
    lines = []
    for number, (place, known) in enumerate(values.items()):
        lines += [f"[dictionaries.d{number}]", f"values = {json.dumps(known)}"]
        lines += [f"[parameters.{json.dumps(place)}]", f'dictionary = "d{number}"', f"probability = {HOW_OFTEN}"]
    (laid / "schemathesis.toml").write_text("\n".join(lines))


async def _known(node: Served) -> tuple[dict[str, list[bytes]], dict[str, list[Any]]]:
    """Right bodies by operation, and values that this node knows by place and name of the parameter."""

    def read(conn: Connection) -> tuple[int, bytes, list[bytes]]:
        state = logs.get(conn, ORIGIN)
        note = checkpoints.note(conn, state.id, state.head_size, ORIGIN).encode()
        return state.head_size, note, logs.entries(conn, state.id, 0, state.head_size)

    size, note, entries = await node.hub.store.read(read)
    target = f"{paths.payloads(ORIGIN)}?start=0&end={size}"
    packs = await (await node.client.get(target, headers=node.signed("GET", target))).read()
    feed = await (await node.client.get(paths.RECORDS, params={"limit": "500"})).json()
    told = await (await node.client.get(paths.LOGS)).json()
    bodies = {
        "addCheckpoint": [f"old {size}\n\n".encode() + note, b"old 0\n\n" + note],
        "addEntries": [
            AddEntriesHeader(ORIGIN, 0, size).encode() + encode_package(entries, []),
            AddEntriesHeader(ORIGIN, size, size).encode(),
        ],
        "putPayloads": [packs, pack.frame([])],
        "putPolicy": [policy_note(node.policy, node.signer)],
        "putWraps": [b'{"wraps": []}'],
    }
    values: dict[str, list[Any]] = {
        # The district's own log first: it may hand over most there.
        "path.origin_hash": [paths.origin_hash(ORIGIN)] * 2 + [log["origin_hash"] for log in told["logs"]],
        "path.tile": ["tile/0/000.p/3", "tile/entries/000.p/3"],
        "path.cosigner": [f"{HUB}/mirror", f"{HUB}/witness", *(log["origin"] for log in told["logs"])],
        "path.record_id": sorted({row["record_id"] for row in feed["records"]}),
        "path.section": ["main", "employment"],
        "path.version": [1],
        "path.name": ["mark.svg", "portal.css"],
        "query.version": [1, 2],
        "query.start": [0, 1],
        "query.end": [size - 1, size],
        "query.from": [1, 3, "2025-01-01"],
        "query.to": [size, size - 1, "2025-12-31"],
        "query.origin": ["", *(log["origin"] for log in told["logs"])],
        "query.cursor": ["", feed["cursor"], feed["cursor"].partition(".")[0] + ".3"],
    }
    return bodies, values


async def _schemathesis(node: Served, laid: Path, *more: str) -> tuple[int, str]:
    program = (sys.executable, "-m", "schemathesis.cli", "--config-file", str(laid / "schemathesis.toml"), "run")
    url = str(node.client.make_url("/openapi.json"))
    options = ["--checks=all", f"--exclude-checks={NOT_CHECKED}", "--workers=1", "--no-color", "--warnings=off"]
    options += ["--generation-database=none", "--request-timeout=60", "--suppress-health-check=all"]
    known = {"GGZY_FUZZ": str(laid), "SCHEMATHESIS_HOOKS": "tests.web.fuzz_hooks", "PYTHONPATH": str(ROOT)}
    process = await asyncio.create_subprocess_exec(
        *program,
        url,
        *options,
        *more,
        cwd=laid,
        env=os.environ | known,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return await process.wait(), output.decode(errors="replace")


async def _still_well(node: Served) -> None:
    """The node is none the worse for it."""
    answer = await node.client.get("/readyz")
    assert answer.status == 200, await answer.text()
    assert not node.hub.store.failed


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/fuzz-api", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--max-examples", type=int, default=200, help="requests for each operation and phase")
    given = parser.parse_args()
    # Of what is no HTTP the server tells on a logger of its own; a fault of ours comes through structlog.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    failed = 0
    for signed in (False, True):
        with tempfile.TemporaryDirectory() as name:
            told = asyncio.run(fuzz(Path(name), signed=signed, seed=given.seed, examples=given.max_examples))
        print(told.output)
        for operation, statuses in sorted(told.answers.items()):
            print(f"{operation:24}", *(f"{status}: {count}" for status, count in sorted(statuses.items())))
        print(f"{'signed' if signed else 'unsigned'}: exit {told.status}, schemathesis {schemathesis.__version__}")
        failed |= told.status
    if failed:
        print(f"broken; again with: scripts/fuzz-api --seed {given.seed} --max-examples {given.max_examples}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
