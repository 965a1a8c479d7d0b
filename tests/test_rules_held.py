"""The rule book that a node holds: packaged files, and packages that come later."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest

from node.errors import Malformed, NotFound, Refused
from node.resources import config_dir
from node.rules import PACKAGES, Rules, load_calendar, load_packaged, load_tables

RULES = config_dir() / "rules"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(RULES, tmp_path / "rules"))


def test_packaged_rules_are_read_once() -> None:
    assert load_packaged() is load_packaged() and load_calendar() is load_calendar() and load_tables() is load_tables()
    assert [package.id for package in load_packaged().packages] == list(PACKAGES)


def test_a_further_version_lies_beside_the_first(copy: Path) -> None:
    text = (copy / "other.toml").read_text("utf-8")
    later = text.replace('version = "1"', 'version = "10"', 1).replace('effective_from = "2016-01-01"', "", 1)
    (copy / "other-10.toml").write_text(
        later.replace('zh = "其他', 'effective_from = "2026-07-01"\nzh = "其他', 1), "utf-8"
    )
    book = load_packaged(copy)
    assert [book.of("其他", day).name for day in ("2026-06-30", "2026-07-01")] == ["other@1", "other@10"]  # type: ignore[union-attr]
    assert book.of("其他", "2015-12-31") is None


@pytest.mark.parametrize("name", ["land.toml", "holidays.toml", "fees.toml"])
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(NotFound, match=name):
        Rules.packaged(copy)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("land.toml", 'id = "land"', 'id = "sea"'),
        ("land.toml", "stages = [", "stages = [[["),
        ("land.toml", "value = 20", 'value = "20"'),
        ("land.toml", 'unit = "工作日"', 'unit = "周"'),
        ("holidays.toml", "2026-10-01", "2026-10-32"),
        ("fees.toml", 'sort = "per_deal"', 'sort = "as we like"'),
    ],
)
def test_a_wrong_file_is_named(copy: Path, name: str, old: str, new: str) -> None:
    path = copy / name
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(Malformed, match=name) as caught:
        Rules.packaged(copy)
    assert name in caught.value.zh and caught.value.advice_zh


def test_a_package_of_the_hub_is_added_and_a_version_is_never_changed() -> None:
    rules = Rules.packaged()
    held = rules.book.get("other@1")
    assert held is not None
    before, book = rules.stamp, rules.book
    assert rules.add([held]) == [] and rules.stamp == before and rules.book is book
    fresh = msgspec.structs.replace(held, version="2", effective_from="2026-07-01")
    forged = msgspec.structs.replace(held, zh="另一")
    with pytest.raises(Refused, match="other@1"):
        rules.add([fresh, forged])
    assert rules.book is book, "all or none"
    assert rules.add([fresh, fresh]) == [fresh]
    assert rules.book.of("其他", "2026-07-01") is fresh and rules.book.get("other@1") is held
    assert rules.stamp != before
    assert Rules.packaged().stamp == before, "the same rules have the same stamp everywhere"
