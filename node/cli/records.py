"""Commands about records: import, export and receipt."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

from sqlalchemy import Connection

from node.app import Node
from node.cli.opening import load, quiet_logs, tell_of_upstream
from node.cli.output import result, say
from node.cli.progress import counter
from node.domain.audience import HOLDINGS
from node.domain.dumps import DumpFile
from node.errors import Malformed
from node.importing.run import Tally, import_file
from node.opendata.export import FORMS, About, write
from node.publishing.receipts import issue
from node.store import logs, payloads, view_record
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


def export(form: str, output: Path, config: Path, *, by_trade: bool, history: bool, as_json: bool) -> None:
    if form not in FORMS:
        raise Malformed(
            f"there is no form {form!r}; known are {', '.join(FORMS)}",
            field="form",
            zh=f"没有 {form} 这种格式",
            advice_zh=f"请用其中一个：{'、'.join(FORMS)}。",
            advice_en=f"Name one of {', '.join(FORMS)}.",
        )
    settings = load(config)

    async def work() -> DumpFile:
        node = Node(settings)
        try:
            await node.open()
            await node.projector.run()
            about = About(settings.url, settings.title, settings.ocds_prefix, node.clock())
            made = partial(write, form=form, path=output, about=about, records=by_trade, history=history)
            return await node.store.read(made)
        finally:
            await node.close()

    with quiet_logs():
        made = asyncio.run(work())
    say(f"已写入 {output}：{made.rows} 条，{made.size} 字节 · wrote {made.rows} rows, {made.size} bytes")
    say(f"SHA-256 {made.sha256}")
    if as_json:
        result({"file": str(output), "rows": made.rows, "size": made.size, "sha256": made.sha256})


def receipt(record_id: str, output: Path, config: Path, *, version: int | None, as_json: bool) -> None:
    wanted = read_record_id(record_id)

    async def work() -> tuple[bytes, bytes, dict[str, bytes], str, int]:
        node = Node(load(config))
        try:
            await node.open()
            await node.projector.run()
            history = await node.store.read(partial(view_record.record, record_id=wanted, version=version))
            found = history.version(version)
            log = found.log
            proof = await issue(
                node.store,
                node.trusted,
                log,
                found.index,
                # Whoever may read this node's disk may see all that it holds.
                audiences=HOLDINGS,
                ours=node.custodian.custody,
                outside=[witness.verifier.name for witness in node.settings.witnesses],
            )

            def read(conn: Connection) -> tuple[bytes, dict[str, bytes]]:
                held = {
                    section.ref.name: payload[1]
                    for section in found.sections
                    if (payload := payloads.get(conn, log.id, found.index, section.ref.name)) is not None
                }
                return logs.entry(conn, log.id, found.index), held

            return (proof, *await node.store.read(read), log.origin, found.index)
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
