"""Import a file: read its rows, adapt them, publish them in batches, give back what could not be taken."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from node.domain import dates
from node.domain.record import Amendment, Draft, Outcome
from node.errors import Malformed, Rejected
from node.importing.columns import unit_above
from node.importing.facts import Context
from node.importing.kinds import Adapter, import_kind
from node.importing.reading import Table, open_table
from node.importing.rejects import RejectsFile, default_path
from node.importing.rows import Row, clean_value

Publish = Callable[[Sequence[Draft | Amendment]], Awaitable[list[Outcome]]]
Progress = Callable[[int, int], None]

# So many first lines of a JSONL file may be foreign before the whole file is taken for another kind.
_PEEK = 20


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of a file's rows: `read` is the sum of the three others."""

    read: int = 0
    published: int = 0
    unchanged: int = 0
    rejected: int = 0
    rejects_path: Path | None = None


async def import_file(
    kind: str,
    path: Path,
    publish: Publish,
    *,
    as_of: str = "",
    rejects: Path | None = None,
    progress: Progress | None = None,
    batch: int = 500,
) -> Tally:
    """Import one file.

    A batch is handed to `publish` in the order of the file and is one durable transaction of its own; an import that
    breaks off is simply run again, since rows that were published come back as unchanged.

    Args:
        as_of: the day the facts hold for where the rows do not say it; else eight digits in the file's name count.
        rejects: where rejected rows go; by default beside the file, see `rejects.default_path`.
        progress: called after each batch with the rows done and the rows expected.

    Raises:
        Malformed: unknown kind, unreadable file, or columns that fit no form of the kind.
        NotFound, TooLarge: see `reading.open_table`.
    """
    chosen = import_kind(kind)
    if as_of and dates.iso(as_of) is None:
        raise Malformed(
            f"{as_of!r} is no date",
            field="--as-of",
            zh=f"日期无法识别：{as_of}",
            advice_zh="请写作年-月-日，如 2025-11-02。",
            advice_en="Write it as year-month-day, such as 2025-11-02.",
        )
    day = (dates.iso(as_of) or "") if as_of else dates.day_in_name(path.name)
    context = Context(file_name=path.name, as_of=day, as_of_given=bool(as_of))
    adapter = Adapter(chosen, context)
    table = await asyncio.to_thread(open_table, path, lambda names: adapter.form_of(names) is not None)
    adapter = Adapter(chosen, context, unit=unit_above(table.above))
    try:
        with RejectsFile(rejects or default_path(path), path, table.columns) as back:
            rows = await asyncio.to_thread(_checked, table, adapter)
            tally = await _publish_all(rows, adapter, publish, back.add, progress, table.expected, batch)
            rejects_path = await asyncio.to_thread(back.finish)
    finally:
        table.close()
    return Tally(tally.read, tally.published, tally.unchanged, tally.rejected, rejects_path)


async def import_rows(
    kind: str,
    rows: Iterable[Mapping[str, Any]],
    publish: Publish,
    *,
    as_of: str = "",
    name: str = "",
    on_reject: Callable[[Row, Rejected], None] | None = None,
    batch: int = 500,
) -> Tally:
    """Import rows that are already in memory, such as the sample's; `name` stands for the file's name."""
    adapter = Adapter(import_kind(kind), Context(file_name=name, as_of=as_of, as_of_given=bool(as_of)))
    numbered = (_row(number, row) for number, row in enumerate(rows, 1))
    return await _publish_all(numbered, adapter, publish, on_reject or _ignore, None, 0, batch)


def _row(number: int, values: Mapping[str, Any]) -> Row:
    plain = {column: clean_value(value)[0] for column, value in values.items() if column[:1] != "_"}
    return Row(number, plain, raw=values)


def _ignore(row: Row, error: Rejected) -> None:
    pass


def _checked(table: Table, adapter: Adapter) -> Iterator[Row]:
    """The rows of a table whose columns fit. Raises Malformed before anything is published when they do not."""
    rows = table.rows()
    if table.columns is not None:
        if adapter.form_of(table.columns) is None:
            raise adapter.no_form(table.columns)
        return rows
    first = list(islice(rows, _PEEK))
    readable = [row for row in first if row.error is None]
    if readable and all(adapter.form_of(row.values) is None for row in readable):
        raise adapter.no_form(readable[0].values)
    return chain(first, rows)


async def _publish_all(
    rows: Iterator[Row],
    adapter: Adapter,
    publish: Publish,
    on_reject: Callable[[Row, Rejected], None],
    progress: Progress | None,
    expected: int,
    batch: int,
) -> Tally:
    def take() -> list[tuple[Row, Draft | Amendment | Rejected]]:
        return [(row, adapter.adapt(row)) for row in islice(rows, batch)]

    read = published = unchanged = rejected = 0
    while adapted := await asyncio.to_thread(take):  # reading and parsing leave the event loop free
        items = [item for _, item in adapted if not isinstance(item, Rejected)]
        answers = await publish(items) if items else []
        if len(answers) != len(items):
            raise RuntimeError(f"{len(items)} records were handed over, {len(answers)} outcomes came back")
        outcomes = iter(answers)
        for row, item in adapted:
            error = item if isinstance(item, Rejected) else None
            if error is None:
                outcome = next(outcomes)
                published += outcome.state == "published"
                unchanged += outcome.state == "unchanged"
                if outcome.state == "rejected":
                    error = outcome.error or Rejected()
            if error is not None:
                rejected += 1
                on_reject(row, error)
        read += len(adapted)
        if progress is not None:
            progress(read, max(expected, read))
    return Tally(read, published, unchanged, rejected)
