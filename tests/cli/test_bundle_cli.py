"""`ggzy bundle …` as a person uses it: a district whose line is down for good, its hub, and a stick between them."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from node.cli.bundle_work import read_size
from node.cli.main import app
from node.errors import Malformed


def ggzy(*words: str | Path, status: int = 0) -> Result:
    done = CliRunner().invoke(app, [*map(str, words)], prog_name="ggzy")
    assert done.exit_code == status, (words, done.exit_code, done.output, done.exception)
    assert "Traceback" not in done.output and "openapi" not in done.output
    return done


def last(done: Result) -> dict[str, object]:
    found = json.loads(done.stdout.strip().splitlines()[-1])
    assert isinstance(found, dict)
    return found


def rows(path: Path, first: int, end: int) -> Path:
    head = "name,uscc,uscc_valid,registration_date,type,capital,district,district_code,registrar_code\n"
    lines = (f"示例第{n}公司,DEMO{n:014d},0,2001-01-01,,,渝中,500103," for n in range(first, end))
    path.write_text(head + "\n".join(lines) + "\n", "utf-8")
    return path


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hub and a district enrolled by files, whose hub's address nobody answers at."""
    base = tmp_path_factory.mktemp("stick world")
    hub, east = base / "hub", base / "east"
    ggzy("init", hub, "--role", "hub", "--division", "500000", "--name", "市级枢纽")
    upstream = ("--upstream", "http://127.0.0.1:9")
    ggzy("init", east, "--role", "district", "--division", "500103", "--name", "渝中区公共资源交易中心", *upstream)
    shown = ggzy("policy", "card", "-c", east, "-o", base / "east.card").stderr
    ggzy("policy", "enrol", base / "east.card", "-c", hub, "--fingerprint", re.findall(r"[0-9a-f]{64}", shown)[0])
    found = re.search(r"第 1 版指纹.*: ([0-9a-f]{64})", ggzy("policy", "show", "-c", hub).stderr)
    assert found
    ggzy("policy", "adopt", *sorted(hub.glob("trust-policy-*.note")), "-c", east, "--fingerprint", found[1])
    ggzy("import", "company", rows(base / "a.csv", 0, 40), "-c", east)
    return base


def test_a_stick_up_and_a_stick_down_and_a_receipt_that_verifies(world: Path) -> None:
    hub, east, stick = world / "hub", world / "east", world / "stick"
    made = ggzy("bundle", "export", "--to", "500000", "-o", stick, "-c", east, "--json")
    files = last(made)["files"]
    assert isinstance(files, list) and len(files) == 1
    assert "未加密" in made.stderr and "Not encrypted" in made.stderr
    shown = ggzy("bundle", "show", files[0], "--json")
    inside = last(shown)
    assert (inside["part"], inside["count"], inside["whole"]) == (1, 1, True)
    assert inside["logs"] == {"ggzy.example/cq/500103/1": {"size": 40, "entries": 40, "payloads": 40, "heads": 1}}
    taken = ggzy("bundle", "import", stick, "-c", hub, "--json")
    assert last(taken)["clean"] is True
    again = last(ggzy("bundle", "import", stick, "-c", hub, "--json"))
    (log,) = again["logs"]  # type: ignore[misc]
    assert (log["entries"], log["payloads"], log["refused"]) == (0, 0, []) and log["held"] > 0
    # The hub's answer, exported from what the district says it holds.
    ggzy("bundle", "standing", "-o", world / "east.standing", "-c", east)
    answer = ("--to", "ggzy.example/cq/500103", "-o", world / "answer", "--from-standing", world / "east.standing")
    ggzy("bundle", "export", *answer, "-c", hub)
    back = last(ggzy("bundle", "import", world / "answer", "-c", east, "--json"))
    (log,) = (log for log in back["logs"] if log["origin"] == "ggzy.example/cq/500103/1")  # type: ignore[attr-defined]
    assert log["cosignatures"] == 2 and log["custody"] == 1
    record_id = _first_record(east)
    ggzy("receipt", record_id, "-o", world / "r.tlog-proof", "-c", east)
    # The policy from before the district was enrolled knows no such log.
    ggzy("verify", world / "r.tlog-proof", "--policy", hub / "trust-policy-1.note", status=1)
    ggzy("policy", "export", "-c", hub, "-o", world / "policy.note")
    verdict = ggzy("verify", world / "r.tlog-proof", "--policy", world / "policy.note")
    assert "ggzy.example/cq/500000/mirror" in verdict.stderr + verdict.stdout
    assert "ggzy.example/cq/500000/custody" in verdict.stderr + verdict.stdout
    for node in (hub, east):
        ggzy("fsck", "-c", node)


def _first_record(directory: Path) -> str:
    with sqlite3.connect(directory / "node.db") as conn:
        (found,) = conn.execute("SELECT record_id FROM issued LIMIT 1").fetchone()
    return bytes(found).hex()


def test_what_cannot_be_taken_is_told_with_the_reason(world: Path) -> None:
    east = world / "east"
    made = ggzy("bundle", "export", "--to", "500000", "-o", world / "more", "-c", east, "--json")
    (name,) = last(made)["files"]  # type: ignore[misc]
    file = Path(name)
    # For somebody else, torn, no bundle at all.
    told = ggzy("bundle", "import", file, "-c", east, status=1)
    assert "收件节点" in told.stderr and "this node is" in told.stderr
    torn = world / "torn.ggzy-bundle"
    torn.write_bytes(file.read_bytes()[:-50])
    told = ggzy("bundle", "import", torn, "-c", world / "hub", "--json", status=1)
    assert "损坏" in told.stderr and last(told)["clean"] is False
    assert ggzy("bundle", "show", torn, status=1).stderr.count("cut short") == 1
    junk = world / "junk.ggzy-bundle"
    junk.write_bytes(b"junk")
    assert "不是数据包" in ggzy("bundle", "import", junk, "-c", world / "hub", status=1).stderr
    assert "不是数据包" in ggzy("bundle", "show", junk, status=1).stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("export", "--to", "nobody", "-o", "{base}/x"), "节点有 0 个"),
        (("export", "--to", "500103", "-o", "{base}/x"), "既不是本节点的上级"),
        (("export", "--to", "500000", "-o", "{base}/x", "--max-size", "12 apples"), "无法识别的大小"),
        (("export", "--to", "500000", "-o", "{base}/x", "--max-size", "5K"), "分卷大小超出范围"),
        (("export", "--to", "500000", "-o", "{base}/x", "--max-size", "9G"), "分卷大小超出范围"),
        (("export", "--to", "500000", "-o", "{base}/x", "--from-standing", "{base}/a.csv"), "错误"),
        (("export", "--to", "500000", "-o", "{base}/a.csv"), "无法读写"),
        (("import", "{base}/none.ggzy-bundle"), "无法读写"),
        (("import", "{base}/empty"), "没有找到数据包文件"),
        (("standing", "-o", "{base}/none/standing"), "无法读写"),
    ],
)
def test_mistakes_are_explained_in_both_languages(world: Path, words: tuple[str, ...], said: str) -> None:
    (world / "empty").mkdir(exist_ok=True)
    told = ggzy("bundle", *(word.format(base=world) for word in words), "-c", world / "east", status=1).stderr
    assert said in told
    assert "error " in told
    assert not list(world.glob("x/*")), "nothing half done stays"


def test_sizes_are_read_as_people_write_them() -> None:
    assert [read_size(text) for text in ("64M", "1MiB", "700k", "4095mb", " 5 ")] == [
        64 << 20,
        1 << 20,
        700 << 10,
        4095 << 20,
        5,
    ]
    for text in ("", "M", "1.5G", "-1M", "٣M", "1" * 30):
        with pytest.raises(Malformed):
            read_size(text)


@pytest.mark.parametrize("command", ["export", "import", "standing", "show"])
def test_every_command_has_help_in_both_languages(command: str) -> None:
    text = ggzy("bundle", command, "--help").stdout
    assert any("\u4e00" <= char <= "\u9fff" for char in text) and "Usage" in text
