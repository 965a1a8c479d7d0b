"""Items as rows, and the sums that follow: an item that changes takes its old counts away and brings new ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, func, select, true, tuple_

from node.quality.lags import LAGS
from node.quality.measures import MASKS, counted
from node.store.bulk import insert_many
from node.store.tables import table
from node.store.tables_quality import QualityItem, QualitySum
from node.store.upsert import insert_or_add

Row = dict[str, Any]
Key = tuple[int, bytes]
DUES = ("due_owed", "due_done", "due_in_time", "due_late")
items, sums = table(QualityItem), table(QualitySum)
_CHUNK = 400
_COLUMNS = [column.name for column in items.c]


def empty(**known: Any) -> Row:
    """A row of `quality_item` with what is known of it."""
    row: Row = dict.fromkeys(("sort", "kind", "step", "category", "division", "day", "title", "trade", "due_day"), "")
    row |= dict.fromkeys(("idx", "first_idx", "version", "claimed_ms", "code_key", "name_key", "same_key"), 0)
    row |= dict.fromkeys(("judged", "bad", "ever", "doc"), 0) | dict.fromkeys(LAGS, -1) | dict.fromkeys(DUES, 0)
    return row | known


def held(conn: Connection, keys: Iterable[Key]) -> dict[Key, Row]:
    """The items under these keys."""
    wanted = sorted(set(keys))
    found: dict[Key, Row] = {}
    for start in range(0, len(wanted), _CHUNK):
        which = tuple_(items.c.log_id, items.c.record_id).in_(wanted[start : start + _CHUNK])
        for row in conn.execute(select(items).where(which)).mappings():
            found[row["log_id"], row["record_id"]] = dict(row)
    return found


def of_keys(conn: Connection, column: str, keys: Iterable[int], limit: int) -> dict[int, list[Row] | None]:
    """Items by one of their join keys; None for a key that far more than `limit` items have.

    A key that has just come to have too many is still given whole, so that all of its items learn of it.
    """
    wanted = sorted({key for key in keys if key})
    found: dict[int, list[Row] | None] = {key: [] for key in wanted}
    for start in range(0, len(wanted), _CHUNK):
        some = wanted[start : start + _CHUNK]
        by = items.c[column]
        counts = conn.execute(select(by, func.count()).where(by.in_(some)).group_by(by)).all()
        few = [key for key, number in counts if number <= 2 * limit]
        found |= {key: None for key, number in counts if number > 2 * limit}
        for row in conn.execute(select(items).where(by.in_(few))).mappings() if few else ():
            found.setdefault(row[column], []).append(dict(row))  # type: ignore[union-attr] # these are lists
    return found


def put(conn: Connection, old: Mapping[Key, Row], new: Mapping[Key, Row | None]) -> None:
    """Write items as they are now (None: gone) where they differ from what was held, and carry the sums on."""
    changed = {key: row for key, row in new.items() if row != old.get(key)}
    if not changed:
        return
    gone = [{"of_log": log_id, "of_record": record_id} for log_id, record_id in changed if (log_id, record_id) in old]
    if gone:
        of = and_(items.c.log_id == bindparam("of_log"), items.c.record_id == bindparam("of_record"))
        conn.execute(delete(items).where(of), gone)
    rows = [row for row in changed.values() if row is not None]
    if rows:
        insert_many(conn, items, _COLUMNS, [tuple(row[name] for name in _COLUMNS) for row in rows], ignore=False)
    _carry(conn, [old[key] for key in changed if key in old], rows)


def clear(conn: Connection) -> None:
    conn.execute(delete(items))
    conn.execute(delete(sums))


def counts_of(row: Row) -> Iterable[tuple[tuple[Any, ...], int, int]]:
    """What an item counts for: (place in `quality_sum`, judged, bad)."""
    place = row["log_id"], row["division"], row["category"], row["step"]
    for measure, judged, bad in counted(row["judged"], row["bad"]):
        yield (*place, measure), judged, bad
    for lag in LAGS:
        if row[lag] >= 0:
            yield (*place, f"{lag}.{row[lag]}"), 1, 0
    for due in DUES:
        if row[due]:
            yield (*place, due), row[due], 0


def fits(mask: int, *, all_of_them: bool) -> Any:
    """Items that are not right by a measure, or all that were judged by it."""
    column = items.c.judged if all_of_them else items.c.bad
    return true() if mask == MASKS["any"] and all_of_them else column.op("&")(mask) != 0


def _carry(conn: Connection, old: Sequence[Row], new: Sequence[Row]) -> None:
    judged: Counter[tuple[Any, ...]] = Counter()
    bad: Counter[tuple[Any, ...]] = Counter()
    for rows, sign in ((new, 1), (old, -1)):
        for row in rows:
            for place, number, wrong in counts_of(row):
                judged[place] += sign * number
                bad[place] += sign * wrong
    names = ("log_id", "division", "category", "step", "measure")
    changes = [
        {**dict(zip(names, place, strict=True)), "judged": judged[place], "bad": bad[place]}
        for place in sorted(judged)
        if judged[place] or bad[place]
    ]
    if not changes:
        return
    insert_or_add(conn, sums, changes)
    if any(change["judged"] < 0 for change in changes):
        conn.execute(delete(sums).where(sums.c.judged <= 0))
