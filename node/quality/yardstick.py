"""By what the board judges: `config/quality.toml`. Terms of the law are in the rule packages, not here."""

from __future__ import annotations

import hashlib
import tomllib
from functools import cache
from pathlib import Path

import msgspec

from node.errors import Malformed, NotFound
from node.resources import config_dir

NAME = "quality.toml"


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    words: list[str]


class Flags(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Flags of records (`node.domain.record.FLAGS`) that count as a wrong code, and as a value of no use."""

    code: list[str]
    value: list[str]


class Yardstick(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file as it is. `result_within_days` goes by category, `required` by kind of record."""

    publish_within_hours: int
    result_within_days: dict[str, int]
    no_result_expected: Words
    required: dict[str, list[str]]
    flags: Flags

    @property
    def stamp(self) -> str:
        """A digest: what was judged by another yardstick is judged again."""
        return hashlib.sha256(msgspec.msgpack.encode(self)).hexdigest()[:16]

    def days_for(self, category: str) -> int:
        return self.result_within_days.get(category, max(self.result_within_days.values(), default=365))

    def expects_result(self, stage: str) -> bool:
        return not any(word in stage for word in self.no_result_expected.words)


def load(path: Path | None = None) -> Yardstick:
    """Raises NotFound, Malformed: both name the file."""
    return _load(path or config_dir() / NAME)


@cache
def _load(path: Path) -> Yardstick:
    try:
        return msgspec.convert(tomllib.loads(path.read_text("utf-8")), Yardstick)
    except FileNotFoundError:
        raise NotFound(f"no file {path.name}", zh=f"缺少文件 config/{path.name}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise Malformed(f"{path.name}: {error}", zh=f"config/{path.name} 有误：{error}") from None
