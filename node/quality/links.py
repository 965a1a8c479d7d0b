"""How records hang together: a result and its notice, candidates and their notice, two records that say the same.

Records of former centres belong together by project or section code, else by project name; acts by their trade. A code
that more than `MANY` records carry names no project (`无`, `0`): by it nothing is judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, case, func, select

from node.quality.items import Key, Row, items, key_of
from node.quality.measures import DUPLICATE, NO_NOTICE, NO_RESULT, ORDER

MANY: Final = 200
LINKED: Final = NO_NOTICE | NO_RESULT | ORDER | DUPLICATE
_CHUNK = 400
_COLUMNS: Final = ("code_key", "name_key", "same_key")
Named = tuple[str, int]
"""Which key, and the key."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the records with one key: `first` is the day of the first notice, empty for none."""

    number: int = 0
    notices: int = 0
    results: int = 0
    first: str = ""

    def and_of(self, item: Mapping[str, Any]) -> Facts:
        notice, result = item["step"] == "notice", item["step"] == "result"
        day = item["day"] if notice and len(item["day"]) == 10 else ""
        first = min(filter(None, (self.first, day)), default="")
        return Facts(self.number + 1, self.notices + notice, self.results + result, first)

    def tells(self, name: str) -> tuple[object, ...]:
        """What others look at: while it is the same, nobody else need be judged again."""
        if name == "same_key":
            return (self.number > 1,)
        return self.number > MANY, self.notices > 0, self.results > 0, self.first


NOTHING: Final = Facts()


def keys_of(rows: Iterable[Mapping[str, Any]]) -> set[Named]:
    return {(name, row[name]) for row in rows for name in _COLUMNS if row[name]}


def facts(conn: Connection, keys: Iterable[Named]) -> dict[Named, Facts]:
    """Of all items that are there."""
    found: dict[Named, Facts] = {}
    wanted = list(keys)
    notice, result = items.c.step == "notice", items.c.step == "result"
    whole = func.length(items.c.day) == 10
    for name in _COLUMNS:
        column = items.c[name]
        mine = sorted(key for each, key in wanted if each == name)
        for start in range(0, len(mine), _CHUNK):
            statement = (
                select(
                    column,
                    func.count(),
                    func.sum(case((notice, 1), else_=0)),
                    func.sum(case((result, 1), else_=0)),
                    func.min(case((notice & whole, items.c.day), else_=None)),
                )
                .where(column.in_(mine[start : start + _CHUNK]))
                .group_by(column)
            )
            for key, number, notices, results, first in conn.execute(statement):
                found[name, key] = Facts(number, int(notices), int(results), first or "")
    return found


def together(known: Mapping[Named, Facts], rows: Iterable[Mapping[str, Any]]) -> dict[Named, Facts]:
    """Facts with these items too."""
    found = dict(known)
    for row in rows:
        for named in keys_of([row]):
            found[named] = found.get(named, NOTHING).and_of(row)
    return found


def stirred(before: Mapping[Named, Facts], after: Mapping[Named, Facts]) -> set[Named]:
    """Keys of which others must be judged again."""
    return {
        (name, key)
        for name, key in {*before, *after}
        if before.get((name, key), NOTHING).tells(name) != after.get((name, key), NOTHING).tells(name)
    }


def partners(conn: Connection, keys: set[Named]) -> list[Row]:
    """The items that have one of these keys. A key that names nothing any more is looked at once, when it ceases to."""
    found: dict[Key, Row] = {}
    for name in _COLUMNS:
        mine = sorted(key for each, key in keys if each == name)
        for start in range(0, len(mine), _CHUNK):
            which = items.c[name].in_(mine[start : start + _CHUNK])
            for row in conn.execute(select(items).where(which)).mappings():
                found[key_of(row)] = dict(row)
    return list(found.values())


def judge(item: Row, known: Mapping[Named, Facts], today: str) -> None:
    """Set what the item's neighbours say of it. A notice waits for its result up to `due_day`, and is then judged."""
    waits = bool(item["due_day"]) or bool(item["judged"] & NO_RESULT)
    judged = bad = 0
    told = [known.get((name, item[name]), NOTHING) for name in ("code_key", "name_key") if item[name]]
    usable = [each for each in told if each.number <= MANY]
    notices, results = any(each.notices for each in usable), any(each.results for each in usable)
    first = min((each.first for each in usable if each.first), default="")
    if item["step"] in ("result", "candidates") and usable:
        judged |= NO_NOTICE
        bad |= 0 if notices else NO_NOTICE
        if first and len(item["day"]) == 10:
            judged |= ORDER
            bad |= ORDER if item["day"] < first else 0
    past = not item["due_day"] or item["due_day"] < today
    if waits and usable and (results or past):
        judged |= NO_RESULT
        bad |= 0 if results else NO_RESULT
    if waits and past:
        item["due_day"] = ""
    if item["same_key"]:
        judged |= DUPLICATE
        bad |= DUPLICATE if known.get(("same_key", item["same_key"]), NOTHING).number > 1 else 0
    item["judged"] = item["judged"] & ~LINKED | judged
    item["bad"] = item["bad"] & ~LINKED | bad


def due(conn: Connection, today: str, limit: int) -> Sequence[Row]:
    """Items whose day has passed."""
    which = (items.c.due_day != "") & (items.c.due_day < today)
    return [dict(row) for row in conn.execute(select(items).where(which).limit(limit)).mappings()]


def held(conn: Connection, keys: Sequence[Key]) -> dict[Key, Row]:
    """The items under these keys."""
    found: dict[Key, Row] = {}
    for log_id in {log_id for log_id, _ in keys}:
        mine = [record_id for each, record_id in keys if each == log_id]
        for start in range(0, len(mine), _CHUNK):
            which = (items.c.log_id == log_id) & items.c.record_id.in_(mine[start : start + _CHUNK])
            found |= {key_of(row): dict(row) for row in conn.execute(select(items).where(which)).mappings()}
    return found
