"""JSONL: one object a line. A line that is no object is a rejected row, never the end of the file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from node.errors import Rejected
from node.importing.rows import MAX_ROW_BYTES, Row, clean_value, too_long


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")


_DECODER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=_refuse)
_SPACE = re.compile(r"[ \t\n\r]*")


def parse(text: str) -> Any:
    """A JSON value in which numbers are text with the digits they were written with.

    Raises ValueError on what is no JSON.

    >>> parse('{"price": 1.50, "rank": 1}')
    {'price': '1.50', 'rank': '1'}
    """
    try:
        return _DECODER.decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def members(text: str) -> Iterator[tuple[str, str]]:
    """The members of a JSON object as (name, the very text of the value): for writing a row back as it was."""
    at = _after_space(text, text.index("{") + 1)
    while text[at] != "}":
        name, end = _DECODER.raw_decode(text, at)
        start = _after_space(text, _after_space(text, end) + 1)  # over the colon
        _, end = _DECODER.raw_decode(text, start)
        yield name, text[start:end]
        at = _after_space(text, end)
        if text[at] == ",":
            at = _after_space(text, at + 1)


def items(text: str, at: int = 0) -> Iterator[tuple[Any, str]]:
    """The items of the JSON array that begins at `at`, as (value, its very text). Raises ValueError on what is none."""
    at = _after_space(text, at)
    if text[at : at + 1] != "[":
        raise ValueError("no array")
    at = _after_space(text, at + 1)
    while text[at : at + 1] != "]":
        try:
            value, end = _DECODER.raw_decode(text, at)
        except RecursionError:
            raise ValueError("nested too deeply") from None
        yield value, text[at:end]
        at = _after_space(text, end)
        if text[at : at + 1] == ",":
            at = _after_space(text, at + 1)
        elif text[at : at + 1] != "]":
            raise ValueError("an array that does not end")


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    assert found is not None  # the pattern matches nothing as well
    return found.end()


def read_line(number: int, line: str) -> Row:
    """One line as a row. A line that one of our reject files wrapped in `_raw` is unwrapped."""
    try:
        value = parse(line)
        if isinstance(value, dict) and isinstance(value.get("_raw"), str) and all(name[:1] == "_" for name in value):
            line = value["_raw"]
            value = parse(line)
        if not isinstance(value, dict):
            raise ValueError("not an object")
        values: dict[str, Any] = {}
        notes = []
        for name, item in value.items():
            if name[:1] == "_":
                continue
            name = name.strip()
            values[name], dirty = clean_value(item)
            if dirty:
                notes.append((name, "text-cleaned"))
    except (ValueError, RecursionError) as error:
        return Row(number, {}, raw=line, error=_not_json(number, error))
    return Row(number, values, raw=line, notes=notes)


def _not_json(number: int, error: Exception) -> Rejected:
    return Rejected(
        f"line {number} is no JSON object: {error}",
        zh=f"第 {number} 行不是有效的 JSON 对象",
        advice_zh="请修改 _raw 中的原文，或用正确的一行替换它，再导入。",
        advice_en="Correct the text in _raw or put a correct line in its place, then import again.",
    )


class JsonlTable:
    columns: tuple[str, ...] | None = None
    above: tuple[str, ...] = ()
    places: tuple[int, ...] = ()

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self.expected = sum(chunk.count(b"\n") for chunk in iter(lambda: self._file.read(1 << 20), b"")) or 1
        self._file.seek(0)

    def rows(self) -> Iterator[Row]:
        number = 0
        while line := self._file.readline(MAX_ROW_BYTES + 1):
            number += 1
            if len(line) > MAX_ROW_BYTES:
                while line and not line.endswith(b"\n"):
                    head, line = line, self._file.readline(MAX_ROW_BYTES)
                raw = head[:200].decode("utf-8", "replace")
                yield Row(number, {}, raw=raw, error=too_long(number))
                continue
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            try:
                text = line.decode("utf-8").strip()
            except UnicodeDecodeError as error:
                raw = line.decode("utf-8", "replace").strip()
                yield Row(number, {}, raw=raw, error=_not_json(number, error))
                continue
            if text:
                yield read_line(number, text)

    def close(self) -> None:
        self._file.close()
