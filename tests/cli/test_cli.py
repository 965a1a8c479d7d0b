"""The commands as a person runs them: in a fresh process, inside a node's directory and from outside."""

from __future__ import annotations

import csv
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENV = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "COLUMNS": "100"}


def ggzy(*words: str | Path, cwd: Path | None = None, status: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "node", *map(str, words)], cwd=cwd or ROOT, env=ENV, capture_output=True, text=True
    )
    assert done.returncode == status, (words, done.returncode, done.stdout, done.stderr)
    return done


def last(done: subprocess.CompletedProcess[str]) -> dict[str, object]:
    """The JSON object on the last line of standard output."""
    found = json.loads(done.stdout.strip().splitlines()[-1])
    assert isinstance(found, dict)
    return found


def make(directory: Path) -> Path:
    ggzy("init", directory, "--role", "district", "--division", "500103", "--name", "渝中区公共资源交易中心")
    return directory


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node in a directory with a space in its name."""
    return make(tmp_path_factory.mktemp("with space") / "my node")


def rows(count: int, start: int = 0) -> str:
    head = "name,uscc,uscc_valid,registration_date,type,capital,district,district_code,registrar_code\n"
    lines = (f"示例第{number}公司,DEMO{number:014d},0,2001-01-01,,,渝中,500103," for number in range(start, count))
    return head + "\n".join(lines) + "\n"


def contents(directory: Path) -> set[tuple[str, str]]:
    """What the node has published, without what is random in it."""
    ggzy("rebuild", "--config", directory)
    with sqlite3.connect(directory / "node.db") as conn:
        return set(conn.execute("SELECT name, uscc FROM entity_view"))


def test_every_command_has_help_in_both_languages() -> None:
    for command in (
        "init",
        "migrate",
        "serve",
        "status",
        "sync",
        "fsck",
        "rebuild",
        "recover",
        "epoch",
        "import",
        "receipt",
        "verify",
        "demo",
    ):
        text = ggzy(command, "--help").stdout
        assert any("\u4e00" <= char <= "\u9fff" for char in text), command


def test_help_loads_nothing_heavy() -> None:
    """`--help` answers at once because commands import what they need only when they run."""
    code = (
        "import sys; import node.cli.main; print([m for m in ('aiohttp','sqlalchemy','msgspec') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], env=ENV, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_command_loads_no_pages() -> None:
    """Pages and workbooks are a third of all there is to load, and only what serves needs them."""
    code = (
        "import sys; import node.cli.nodes, node.cli.passes, node.cli.status;"
        " print([m for m in sys.modules if m.startswith(('node.web', 'openpyxl'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], env=ENV, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_fresh_node_is_whole_and_its_keys_are_private(node: Path) -> None:
    assert {file.stat().st_mode & 0o777 for file in (node / "keys").glob("*.key")} == {0o600}
    assert (node / "trust-policy.note").exists()
    assert last(ggzy("fsck", "--json", cwd=node)) == {"faults": 0, "warnings": 0, "findings": []}
    status = last(ggzy("status", "--json", "--config", node))
    assert status["node"] == "ggzy.example/cq/500103"
    assert last(ggzy("migrate", "--json", "--config", node))["revision"]


def test_init_again_changes_nothing_and_another_node_is_refused(node: Path) -> None:
    before = {file: file.read_bytes() for file in (node / "keys").glob("*.key")}
    make(node)
    assert before == {file: file.read_bytes() for file in (node / "keys").glob("*.key")}
    done = ggzy("init", node, "--role", "district", "--division", "500105", "--name", "别的", status=1)
    assert "ggzy.example/cq/500103" in done.stderr


def test_a_zone_without_a_code_stands_under_its_division(tmp_path: Path) -> None:
    words = ("--role", "district", "--division", "500112", "--zone", "两江新区", "--name", "两江新区交易中心", "--json")
    assert last(ggzy("init", tmp_path / "zone", *words))["origin"] == "ggzy.example/cq/500112-liangjiang/1"


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (("--role", "village", "--division", "500103", "--name", "x"), "--role"),
        (("--role", "district", "--division", "5001", "--name", "x"), "--division"),
        (("--role", "district", "--division", "500103", "--name", ""), "--name"),
        (("--role", "district", "--division", "500103", "--name", "x", "--upstream", "hub:80"), "--upstream"),
    ],
)
def test_a_wrong_word_of_init_names_the_field_in_both_languages(
    tmp_path: Path, words: tuple[str, ...], field: str
) -> None:
    done = ggzy("init", tmp_path / "bad", *words, status=1)
    assert field in done.stderr and "错误" in done.stderr and "error" in done.stderr
    assert not (tmp_path / "bad" / "config.toml").exists()


def test_outside_of_a_node_a_command_says_what_to_do(tmp_path: Path) -> None:
    done = ggzy("status", cwd=tmp_path, status=1)
    assert "ggzy init" in done.stderr


def test_import_accounts_for_every_row_and_gives_rejects_back(node: Path, tmp_path: Path) -> None:
    file = tmp_path / "companies.csv"
    file.write_text(rows(5) + ",,,2001-01-01,,,,,\n", "utf-8")
    first = last(ggzy("import", "company", file, "--config", node, "--json"))
    assert (first["read"], first["published"], first["unchanged"], first["rejected"]) == (6, 5, 0, 1)
    rejects = Path(str(first["rejects"]))
    (row,) = csv.DictReader(rejects.read_text("utf-8-sig").splitlines())
    assert row["_row"] and row["_field"] and row["_reason_zh"] and row["_reason_en"] and row["_advice_zh"]
    again = last(ggzy("import", "company", file, "--json", cwd=node))
    assert (again["published"], again["unchanged"], again["rejected"]) == (0, 5, 1)
    # The row is corrected in the very file that came back.
    rejects.write_text(
        rejects.read_text("utf-8-sig").replace("\n,,,", "\n示例补正公司,DEMO99999999999999,,", 1), "utf-8"
    )
    fixed = last(ggzy("import", "company", rejects, "--config", node, "--json"))
    assert (fixed["read"], fixed["published"], fixed["rejected"]) == (1, 1, 0)


def test_an_unknown_kind_and_a_missing_file_are_told(node: Path, tmp_path: Path) -> None:
    assert "result" in ggzy("import", "nonsense", __file__, "--config", node, status=1).stderr
    assert "错误" in ggzy("import", "company", tmp_path / "none.csv", "--config", node, status=1).stderr


def test_a_receipt_verifies_offline_and_a_changed_one_does_not(node: Path, tmp_path: Path) -> None:
    file = tmp_path / "one.csv"
    file.write_text(rows(901, 900), "utf-8")
    ggzy("import", "company", file, "--config", node)
    ggzy("rebuild", "--config", node)
    with sqlite3.connect(node / "node.db") as conn:
        (record_id,) = conn.execute("SELECT hex(record_id) FROM entity_view WHERE name = '示例第900公司'").fetchone()
    proof = tmp_path / "X.tlog-proof"
    made = last(ggzy("receipt", record_id, "-o", proof, "--config", node, "--json"))
    entry, payload = tmp_path / "X.entry", tmp_path / "X.main.payload"
    assert {str(proof), str(entry), str(payload)} == set(made["files"])  # type: ignore[call-overload]
    policy = node / "trust-policy.note"
    verdict = last(ggzy("verify", proof, "--policy", policy, "--payload", payload, "--json", cwd=tmp_path))
    assert verdict["verified"] is True and verdict["section"] == "main" and verdict["record_id"] == record_id.lower()
    plain = tmp_path / "policy.txt"
    ggzy("policy", "export", "--origin", "ggzy.example/cq/500103/1", "-o", plain, "--config", node)
    assert last(ggzy("verify", proof, "--policy", plain, "--json"))["verified"] is True
    changed = tmp_path / "changed.payload"
    changed.write_bytes(payload.read_bytes().replace(b"900", b"901"))
    assert "bad-proof" in ggzy("verify", proof, "--policy", policy, "--payload", changed, status=1).stderr
    lines = proof.read_text("utf-8").replace("index ", "index 1", 1)
    (tmp_path / "Y.tlog-proof").write_text(lines, "utf-8")
    ggzy("verify", tmp_path / "Y.tlog-proof", "--policy", policy, status=1)
    other = make(tmp_path / "other") / "trust-policy.note"
    assert "bad-signature" in ggzy("verify", proof, "--policy", other, status=1).stderr


def test_a_killed_import_ends_in_the_same_state_when_run_again(tmp_path: Path) -> None:
    count = 12_000
    file = tmp_path / "many.csv"
    file.write_text(rows(count), "utf-8")
    killed, whole = make(tmp_path / "killed"), make(tmp_path / "whole")
    words = [sys.executable, "-m", "node", "import", "company", str(file), "--json", "--config"]
    process = subprocess.Popen([*words, str(killed)], env=ENV, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        with sqlite3.connect(killed / "node.db") as conn:
            (stored,) = conn.execute("SELECT coalesce(max(stored_size), 0) FROM log").fetchone()
        if stored > 1000:
            process.send_signal(signal.SIGKILL)
            break
        time.sleep(0.005)
    assert process.wait() == -signal.SIGKILL, "the import ended before it could be killed"
    done = last(ggzy("import", "company", file, "--config", killed, "--json"))
    assert done["published"] and done["unchanged"], done
    assert int(str(done["published"])) + int(str(done["unchanged"])) == count
    ggzy("import", "company", file, "--config", whole)
    assert contents(killed) == contents(whole)
    assert last(ggzy("fsck", "--json", "--config", killed))["faults"] == 0
    assert last(ggzy("import", "company", file, "--config", killed, "--json"))["published"] == 0


def test_a_node_serves_and_stops_when_told(tmp_path: Path) -> None:
    import socket
    import urllib.request

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    directory = tmp_path / "served"
    words = ("--role", "hub", "--division", "500000", "--name", "重庆市公共资源交易中心", "--port", str(port))
    ggzy("init", directory, *words)
    process = subprocess.Popen([sys.executable, "-m", "node", "serve", "--config", str(directory)], env=ENV)
    try:
        for _ in range(600):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz") as answer:
                    assert json.load(answer)["status"] == "ready"
                    break
            except OSError:
                time.sleep(0.05)
        else:
            raise AssertionError("the node does not answer")
        taken = ggzy("serve", "--config", directory, status=1)
        assert str(port) in taken.stderr and "端口" in taken.stderr
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
