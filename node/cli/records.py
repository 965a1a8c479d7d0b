"""Commands about records: import and receipt."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

from sqlalchemy import Connection

from node.app import Node
from node.cli.opening import load, quiet_logs, tell_of_upstream
from node.cli.output import result, say
from node.cli.progress import counter
from node.domain.audience import AUDIENCES
from node.importing.run import Tally, import_file
from node.publishing.receipts import assemble
from node.store import logs, payloads, peers, view_record
from node.tlog.proof import FILE_EXTENSION
from node.wire.ids import read_record_id


def import_records(kind: str, file: Path, config: Path, *, as_of: str, rejects: Path | None, as_json: bool) -> None:
    settings = load(config)

    async def work() -> Tally:
        node = Node(settings)
        try:
            await node.open()
            with counter(f"导入 import {file.name}") as show:
                return await import_file(
                    kind, file, node.publisher.publish, as_of=as_of, rejects=rejects, progress=show
                )
        finally:
            await node.close()

    with quiet_logs() as heard:
        tally = asyncio.run(work())
    tell_of_upstream(settings, heard)
    say(
        f"读取 {tally.read}，发布 {tally.published}，未变 {tally.unchanged}，退回 {tally.rejected} · "
        f"read {tally.read}, published {tally.published}, unchanged {tally.unchanged}, rejected {tally.rejected}"
    )
    if tally.rejects_path is not None:
        say(f"退回的行及原因见 {tally.rejects_path}，改正后可直接再次导入")
        say(f"Rejected rows with their reasons are in {tally.rejects_path}; correct it and import it again.")
    if as_json:
        result(
            {
                "read": tally.read,
                "published": tally.published,
                "unchanged": tally.unchanged,
                "rejected": tally.rejected,
                "rejects": str(tally.rejects_path) if tally.rejects_path else None,
            }
        )


def receipt(record_id: str, output: Path, config: Path, *, version: int | None, as_json: bool) -> None:
    wanted = read_record_id(record_id)

    async def work() -> tuple[bytes, bytes, dict[str, bytes], str, int]:
        node = Node(load(config))
        try:
            await node.open()
            await node.projector.run()
            history = await node.store.read(partial(view_record.record, record_id=wanted, version=version))
            found = history.version(version)
            policy, log = node.trusted.policy, history.log
            custody = b""
            if not log.own:
                custody = (await node.custodian.custody(log.origin)).encode()
            elif above := policy.path_up(node.settings.name):
                standing = await node.store.read(partial(peers.get, peer=above[0], log_id=log.id, direction="push"))
                custody = standing.custody.encode()

            def read(conn: Connection) -> tuple[bytes, bytes, dict[str, bytes]]:
                # Whoever may read this node's disk may see all that it holds.
                proof = assemble(conn, policy, log.id, found.index, audiences=AUDIENCES, custody=custody)
                held = {
                    section.ref.name: payload[1]
                    for section in found.sections
                    if (payload := payloads.get(conn, log.id, found.index, section.ref.name)) is not None
                }
                return proof, logs.entry(conn, log.id, found.index), held

            return (*await node.store.read(read), log.origin, found.index)
        finally:
            await node.close()

    with quiet_logs():
        proof, entry, held, origin, index = asyncio.run(work())
    base = output.with_suffix("") if output.suffix == FILE_EXTENSION else output
    files = {output: proof, base.with_name(base.name + ".entry"): entry}
    files |= {base.with_name(f"{base.name}.{name}.payload"): data for name, data in held.items()}
    for file, data in files.items():
        file.write_bytes(data)
        say(str(file))
    if as_json:
        result({"origin": origin, "index": index, "files": [str(file) for file in files]})
