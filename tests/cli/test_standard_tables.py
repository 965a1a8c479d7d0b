"""`ggzy standard tables`: from the city's file to tables that all centres are held to."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.cli.test_files_and_rules import made, run

OPTIONS = ("--version", "1", "--from", "2099-01-01", "--basis", "《公共资源交易平台系统数据规范》附录")


def test_a_file_of_tables_becomes_rules_that_can_be_published(tmp_path: Path) -> None:
    node = str(asyncio.run(made(tmp_path / "hub")))
    file, out = tmp_path / "tables.csv", tmp_path / "rules"
    file.write_text('table,value,zh\nT7,01,居民身份证\nT7,02,"护照 ""公务"""\n1000,1,公开招标\n', "utf-8-sig")
    _, written = run("standard", "tables", "rules", str(file), str(out), *OPTIONS)
    assert sorted(Path(each).name for each in written["written"]) == ["T1000.toml", "T7.toml"]
    assert run("rules", "check", str(out / "T7.toml"))[1] == {"name": "T7@1", "kind": "rule.table", "faults": 0}
    _, published = run("rules", "publish", str(out / "T7.toml"), "-c", node, "--yes")
    assert published["name"] == "T7@1"
    tables = {each["id"]: each for each in run("standard", "tables", "list", "-c", node)[1]["tables"]}
    assert not tables["T7"]["verified"]  # not in force yet

    run("standard", "tables", "load", str(file), "-c", node)
    tables = {each["id"]: each for each in run("standard", "tables", "list", "-c", node)[1]["tables"]}
    assert tables["T7"]["verified"] and tables["T7"]["values"] == 2 and tables["T1000"]["verified"]

    file.write_text("table,value,zh\nT7,,居民身份证\n", "utf-8")
    for words in (("load", str(file), "-c", node), ("rules", str(file), str(out), *OPTIONS)):
        text, _ = run("standard", "tables", *words, code=1)
        assert "第 2 行缺少" in text
