"""The commands of a centre (accounts, routing, numbers, old systems, uplink, exports): the main way and one error."""

from __future__ import annotations

import asyncio
import csv
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from node.cli.main import app
from tests.cli.test_files_and_rules import made

RUNNER = CliRunner()
SECRET = "four sparrows drink tea\n"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(asyncio.run(made(tmp_path_factory.mktemp("cli") / "hub")))


def run(*words: str | Path, code: int = 0, typed: str = "") -> tuple[str, dict[str, Any]]:
    """What is said, and the JSON of the last line."""
    done = RUNNER.invoke(app, [*map(str, words), "--json"], input=typed)
    assert done.exit_code == code, (words, done.output, done.exception)
    last = (done.stdout.strip().splitlines() or [""])[-1]
    return done.output, json.loads(last) if last.startswith("{") else {}


def test_accounts(hub: str) -> None:
    add = ("user", "add", "li.na", "--name", "李娜", "--role", "acceptance", "-c", hub)
    assert run(*add, "--password-stdin", typed=SECRET)[1]["account"] == "li.na@500000"
    text, _ = run(*add, "--password-stdin", typed=SECRET, code=1)
    assert "li.na" in text
    assert "没有" in run("user", "disable", "nobody", "-c", hub, code=1)[0]
    run("user", "add", "w", "--name", "王", "--role", "nonsense", "-c", hub, code=1)
    assert run("user", "roles", "li.na", "--role", "venue", "--role", "archive", "-c", hub)[1]["roles"] == [
        "archive",
        "venue",
    ]
    first = run("user", "reset", "li.na", "-c", hub)[1]
    assert len(first["password"]) > 8
    assert run("user", "disable", "li.na", "-c", hub)[1]["active"] is False
    assert run("user", "disable", "li.na", "--undo", "-c", hub)[1]["active"] is True
    (row,) = run("user", "list", "-c", hub)[1]["accounts"]
    assert row["account"] == "li.na@500000" and row["must_change"]


def test_where_a_trade_belongs(hub: str) -> None:
    text, _ = run("routing", "explain", "矿业权", "--division", "500103", "-c", hub)
    assert "全市矿业权" in text
    assert run("routing", "check", "-c", hub)[1] == {"wrong": 0, "findings": []}
    run("routing", "explain", "天文学", "-c", hub, code=1)


def test_numbers(hub: str) -> None:
    given = run("code", "issue", "project", "工程建设", "--request", "r1", "-c", hub)[1]
    again = run("code", "issue", "project", "工程建设", "--request", "r1", "-c", hub)[1]
    assert given["code"] == again["code"] and again["again"] and not given["again"]
    assert run("code", "check", given["code"], "-c", hub)[1] == {"sort": "project", "refused": False, "faults": []}
    text, _ = run("code", "issue", "nonsense", "工程建设", "-c", hub, code=1)
    assert "没有 nonsense 这种编号" in text and "project、tender" in text


def test_approved_projects_that_are_held_nowhere(hub: str, tmp_path: Path) -> None:
    file = tmp_path / "清单.csv"
    rows = "某某大桥工程,工程,5000,国有\n,工程,1,国有\n"
    file.write_text(f"2026年审批项目清单\n项目名称,类别,估算价（万元）,资金性质\n{rows}", "utf-8")
    _, found = run("catalogue", "import", file, "-c", hub)
    assert (found["read"], found["added"], found["rejected"]) == (2, 1, 1) and len(found["missing"]) == 1
    assert "某某大桥工程" in run("catalogue", "check", "-c", hub, code=1)[0]
    (tmp_path / "b.csv").write_text("a,b\n1,2\n", "utf-8")
    assert "项目名称" in run("catalogue", "import", tmp_path / "b.csv", "-c", hub, code=1)[0]


def test_trades_of_an_old_system_there_and_back(hub: str, tmp_path: Path) -> None:
    file = tmp_path / "old.csv"
    head = "原项目编号,项目名称,交易类别,阶段,日期\n"
    file.write_text(head + "A-1,旧道路,工程建设,招标公告,2026-01-05\nA-2,旧矿,矿业权,公告,\n", "utf-8")
    source = ("--source", "construction")
    _, taken = run("import", "legacy", file, *source, "--elsewhere", "-c", hub)
    assert (taken["begun"], taken["rejected"]) == (1, 1) and Path(taken["rejects"]).is_file()
    assert run("legacy", "switch", *source, "-c", hub)[1] == {"moved": 1}
    run("legacy", "export", *source, "-o", tmp_path / "out.csv", "-c", hub)
    with (tmp_path / "out.csv").open(encoding="utf-8-sig", newline="") as made_file:
        assert [row["原项目编号"] for row in csv.DictReader(made_file)] == ["A-1"]
    run("legacy", "back", *source, "-o", tmp_path / "back.csv", "-c", hub)
    text, _ = run("legacy", "switch", "--source", "nowhere", "-c", hub, code=1)
    assert "没有名为 nowhere 的原平台" in text and "construction" in text


def test_the_uplink_without_a_receiver_and_its_books(hub: str, tmp_path: Path) -> None:
    assert run("uplink", "status", "-c", hub)[1]["totals"] is not None
    text, _ = run("uplink", "retry", "-c", hub, code=1)
    assert "--all" in text
    assert run("uplink", "retry", "--all", "-c", hub)[1] == {"retried": 0}
    run("uplink", "export", tmp_path / "envelopes", "-c", hub)
    tables, _ = run("standard", "tables", "list", "-c", hub)
    assert tables
    (tmp_path / "x.xml").write_text("<nothing/>", "utf-8")
    run("lint", tmp_path / "x.xml", "-c", hub, code=1)


def test_exports(hub: str, tmp_path: Path) -> None:
    for form in ("ocds", "csv", "xlsx", "jsonl"):
        out = tmp_path / f"all.{form}"
        run("export", form, "-o", out, "-c", hub)
        assert out.is_file(), form
    package = json.loads((tmp_path / "all.ocds").read_text("utf-8"))
    assert package["version"] == "1.1" and isinstance(package["releases"], list)
    run("export", "pdf", "-o", tmp_path / "a.pdf", "-c", hub, code=1)
    assert not (tmp_path / "a.pdf").exists()
