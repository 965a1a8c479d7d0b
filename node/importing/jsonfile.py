"""A JSON file: an array of objects, or an object that holds one, such as a release package of OCDS.

A record package gives the compiled release of each record.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from node.errors import Malformed, TooLarge
from node.importing.jsonl import items, members, read_line
from node.importing.rows import Row

MAX_BYTES = 64 * 1024 * 1024
HOLDERS = ("releases", "records", "data", "rows", "items", "list")


class JsonTable:
    """Its rows are numbered by their place in the array. The file is held in memory."""

    columns: tuple[str, ...] | None = None
    above: tuple[str, ...] = ()
    places: tuple[int, ...] = ()

    def __init__(self, path: Path) -> None:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise TooLarge(
                f"{path.name} has {size} bytes, more than {MAX_BYTES} for JSON",
                zh=f"{path.name} 有 {size} 字节，JSON 文件不得超过 {MAX_BYTES} 字节",
                advice_zh="请改为 .jsonl（每行一个对象）后导入。",
                advice_en="Turn it into .jsonl, one object a line, and import that.",
            )
        try:
            self._texts = list(_texts(path.read_bytes().decode("utf-8-sig").strip()))
        except ValueError as error:
            raise Malformed(
                f"{path.name} holds no array of objects: {error}",
                zh=f"{path.name} 不是有效的 JSON 数组",
                advice_zh="文件应是对象的数组，或含 releases、records、data、rows 之一的对象；一行一个的请用 .jsonl。",
                advice_en="It must be an array of objects, or an object with releases, records, data or rows; for one"
                " object a line, name the file .jsonl.",
            ) from None
        self.expected = len(self._texts) or 1

    def rows(self) -> Iterator[Row]:
        for number, text in enumerate(self._texts, 1):
            yield read_line(number, text)

    def close(self) -> None:
        self._texts = []


def _texts(text: str) -> Iterator[str]:
    """The very text of each object."""
    if text[:1] == "[":
        yield from (item for _, item in items(text))
        return
    if text[:1] != "{":
        raise ValueError("neither an array nor an object")
    try:
        held = dict(members(text))
    except IndexError:
        raise ValueError("it breaks off") from None
    name = next((each for each in HOLDERS if held.get(each, "")[:1] == "["), None)
    if name is None:
        raise ValueError("none of its members is a list of rows")
    for value, item in items(held[name]):
        whole = name == "records" and isinstance(value, dict) and isinstance(value.get("compiledRelease"), dict)
        yield dict(members(item))["compiledRelease"] if whole else item
