"""Rules as the text of a file (TOML): what a person edits, and what is read back to the same rules."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, time
from typing import Any

import msgspec

from node.domain import ruletables
from node.domain.rulebook import Package
from node.domain.ruletables import RuleTable
from node.errors import Malformed

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_WIDE = 110


def plain(body: Package | RuleTable) -> dict[str, Any]:
    """What the file of these rules holds, the head first."""
    values: dict[str, Any] = ruletables.plain(body) if isinstance(body, RuleTable) else msgspec.to_builtins(body)
    return values


def dumps(values: Mapping[str, Any]) -> str:
    """The text of a file with these values: rows as `[[name]]`, what lies in a row on its line or lines.

    >>> print(dumps({"id": "a", "row": [{"id": "b", "value": 3, "on": True}]}), end="")
    id = "a"
    <BLANKLINE>
    [[row]]
    id = "b"
    value = 3
    on = true
    """
    lines = [f"{_key(name)} = {_value(value)}" for name, value in values.items() if not _apart(value)]
    for name, value in values.items():
        if _apart(value):
            lines += _rows(_key(name), value)
    return "\n".join(lines) + "\n"


def _rows(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from ("", f"[{name}]", *(f"{_key(key)} = {_value(each)}" for key, each in value.items()))
        return
    for row in value:
        yield from ("", f"[[{name}]]", *(f"{_key(key)} = {_value(each)}" for key, each in row.items()))


def _apart(value: Any) -> bool:
    """Whether a value of the head is written below it, as rows of its own."""
    return isinstance(value, Mapping) or (isinstance(value, list) and bool(value) and _are_rows(value))


def _are_rows(value: list[Any]) -> bool:
    return all(isinstance(each, Mapping) for each in value)


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return _long(value) if "\n" in value else _text(value)
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(name)} = {_line(each)}" for name, each in value.items()) + " }"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if not isinstance(value, list | tuple):
        raise Malformed(f"no file of rules holds {value}", zh=f"规则文件中不能有 {value}", field="text")
    items = [_line(each) for each in value]
    whole = f"[{', '.join(items)}]"
    if len(whole) <= _WIDE:
        return whole
    return "[\n" + "".join(f"  {each},\n" for each in items) + "]"


def _line(value: Any) -> str:
    """A value on one line: within braces there is no other way."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_line, value))}]"
    if isinstance(value, str):
        return _text(value)
    return _value(value)


def _text(value: str) -> str:
    # A basic string of TOML is one of JSON, but for the character DEL.
    return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")


def _long(value: str) -> str:
    r"""Several lines between three quotes; backslashes, quotes and marks that do not print are escaped."""
    lines = [_text(line)[1:-1].replace('\\"\\"\\"', '""\\"') for line in value.split("\n")]
    return '"""\n' + "\n".join(lines) + '"""'
