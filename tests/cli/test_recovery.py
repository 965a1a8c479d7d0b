"""Recovery as an operator does it: real processes, a hub that serves, files copied and put back (L9, L10)."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENV = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "COLUMNS": "100"}
HEAD = "name,uscc,uscc_valid,registration_date,type,capital,district,district_code,registrar_code\n"


def ggzy(*words: str | Path, status: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([sys.executable, "-m", "node", *map(str, words)], env=ENV, capture_output=True, text=True)
    assert done.returncode == status, (words, done.returncode, done.stdout, done.stderr)
    return done


def last(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    found = json.loads(done.stdout.strip().splitlines()[-1])
    assert isinstance(found, dict)
    return found


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@dataclass
class Federation:
    """A hub that serves in a process of its own, and a district that is worked by commands."""

    directory: Path
    url: str

    @property
    def hub(self) -> Path:
        return self.directory / "hub"

    @property
    def east(self) -> Path:
        return self.directory / "east"

    def bring(self, name: str, *numbers: int) -> dict[str, Any]:
        """Import a file of companies into the district."""
        rows = [f"示例第{number}公司,DEMO{number:014d},0,2001-01-01,,,渝中,500103," for number in numbers]
        file = self.directory / f"{name}.csv"
        file.write_text(HEAD + "\n".join(rows) + "\n", "utf-8")
        return last(ggzy("import", "company", file, "--config", self.east, "--json"))

    def sync(self) -> dict[str, Any]:
        return last(ggzy("sync", "--config", self.east, "--json"))

    def own_log(self, node: Path) -> dict[str, Any]:
        rows = last(ggzy("status", "--config", node, "--json"))["logs"]
        return next(row for row in rows if row["own"])

    def at_hub(self, origin: str) -> dict[str, Any]:
        rows = last(ggzy("status", "--config", self.hub, "--json"))["logs"]
        return next(row for row in rows if row["origin"] == origin)

    def put_back(self, copy: Path) -> None:
        shutil.copy(copy, self.east / "node.db")
        for leftover in ("node.db-wal", "node.db-shm"):
            (self.east / leftover).unlink(missing_ok=True)


@pytest.fixture
def federation(tmp_path: Path) -> Iterator[Federation]:
    port = free_port()
    made = Federation(tmp_path, f"http://127.0.0.1:{port}")
    base = ("--division", "500000", "--name", "重庆市公共资源交易中心", "--port", str(port))
    ggzy("init", made.hub, "--role", "hub", *base)
    district = ("--division", "500103", "--name", "渝中区公共资源交易中心", "--upstream", made.url)
    ggzy("init", made.east, "--role", "district", *district)
    card = tmp_path / "east.card"
    fingerprint = ggzy("policy", "card", "--config", made.east, "-o", card).stderr.split()[-1]
    ggzy("policy", "enrol", card, "--config", made.hub, "--fingerprint", fingerprint)
    notes = sorted(made.hub.glob("trust-policy-*.note"))
    first = next(line for line in ggzy("policy", "show", "--config", made.hub).stderr.splitlines() if "第 1 版" in line)
    ggzy("policy", "adopt", *notes, "--config", made.east, "--fingerprint", first.split()[-1])
    with (tmp_path / "hub.log").open("w") as log:
        server = subprocess.Popen([sys.executable, "-m", "node", "serve", "-c", str(made.hub)], env=ENV, stderr=log)
        try:
            for _ in range(600):
                try:
                    urllib.request.urlopen(f"{made.url}/healthz", timeout=5)
                    break
                except urllib.error.URLError:
                    time.sleep(0.1)
            yield made
        finally:
            server.terminate()
            server.wait(30)


def test_l09_an_operator_recovers_from_an_old_copy(federation: Federation, tmp_path: Path) -> None:
    assert federation.bring("first", 1, 2, 3)["published"] == 3
    assert federation.sync()["entries_up"] == 3
    copy = tmp_path / "copy.db"
    shutil.copy(federation.east / "node.db", copy)
    assert federation.bring("second", 4, 5)["published"] == 2
    assert federation.sync()["failures"] == {}
    federation.put_back(copy)
    # Frozen before anything is signed, and said so.
    # Before anything else has opened the node.
    assert "FROZEN" in ggzy("status", "--config", federation.east).stdout
    assert "frozen" in ggzy("import", "company", tmp_path / "first.csv", "--config", federation.east, status=1).stderr
    assert federation.own_log(federation.east)["frozen"].startswith("restored-from-backup")
    assert "FROZEN" in ggzy("status", "--config", federation.east).stdout
    found = last(ggzy("fsck", "--config", federation.east, "--json"))
    assert [finding["code"] for finding in found["findings"]] == ["log-frozen"]
    done = last(ggzy("recover", "--config", federation.east, "--json"))
    assert (done["thawed"], done["entries_before"], done["entries"], done["lost"]) == (True, 3, 5, None)
    assert federation.bring("second", 4, 5)["unchanged"] == 2
    assert federation.bring("third", 6)["published"] == 1
    assert federation.sync()["failures"] == {}
    assert last(ggzy("fsck", "--config", federation.east, "--json"))["faults"] == 0
    assert federation.at_hub("ggzy.example/cq/500103/1")["mirrored"] == 6


def test_l09_an_operator_recovers_without_a_database(federation: Federation, tmp_path: Path) -> None:
    federation.bring("first", 1, 2, 3)
    federation.sync()
    for file in federation.east.glob("node.db*"):
        file.unlink()
    assert "recover --fresh" in ggzy("status", "--config", federation.east, status=1).stderr
    ggzy("recover", "--config", federation.east, status=1)
    assert not (federation.east / "node.db").exists(), "only --fresh makes a database"
    done = last(ggzy("recover", "--fresh", "--config", federation.east, "--json"))
    assert (done["thawed"], done["entries"]) == (True, 3)
    assert (federation.east / "node.db").stat().st_mode & 0o777 == 0o600
    assert federation.bring("again", 1, 2, 3)["unchanged"] == 3
    assert federation.bring("more", 4)["published"] == 1
    assert federation.sync()["failures"] == {}
    assert last(ggzy("fsck", "--config", federation.east, "--json"))["faults"] == 0


def test_l10_an_operator_opens_a_new_epoch(federation: Federation, tmp_path: Path) -> None:
    """A copy of the whole directory ran beside it: one stops, and goes on in a new log."""
    federation.bring("first", 1, 2, 3)
    federation.sync()
    copy = tmp_path / "copy"
    shutil.copytree(federation.east, copy)
    federation.bring("winner", 4, 5)
    assert federation.sync()["failures"] == {}
    # The copy was offline when it published: its line to the hub did not work.
    config = (copy / "config.toml").read_text("utf-8")
    (copy / "config.toml").write_text(config.replace(federation.url, "http://127.0.0.1:9"), "utf-8")
    other = tmp_path / "loser.csv"
    other.write_text(HEAD + "只在副本的公司,DEMO00000000000099,0,2001-01-01,,,渝中,500103,\n", "utf-8")
    ggzy("import", "company", other, "--config", copy)
    (copy / "config.toml").write_text(config, "utf-8")
    ggzy("sync", "--config", copy, status=1)
    assert "restored" in federation.own_log(copy)["frozen"] or "fork" in federation.own_log(copy)["frozen"]
    ggzy("recover", "--config", copy, status=1)
    assert federation.own_log(copy)["frozen"].startswith("fork")
    shutil.move(federation.east, tmp_path / "gone")
    shutil.move(copy, federation.east)
    asked = last(ggzy("epoch", "request", "--config", federation.east, "--json"))
    assert (asked["size"], asked["successor"]) == (5, "ggzy.example/cq/500103/2")
    assert "policy" in ggzy("epoch", "open", "--config", federation.east, status=1).stderr
    close = ("--size", str(asked["size"]), "--root", asked["root"], "--card", asked["card"], "--yes")
    ggzy("policy", "close", asked["origin"], *close, "--config", federation.hub)
    done = last(ggzy("epoch", "open", "--config", federation.east, "--json"))
    assert (done["origin"], done["closed"], done["lost"]) == (
        "ggzy.example/cq/500103/2",
        [["ggzy.example/cq/500103/1", 5]],
        1,
    )
    assert "epoch = 2" in (federation.east / "config.toml").read_text("utf-8")
    assert Path(done["aside"]).exists()
    assert federation.bring("winner", 4, 5)["unchanged"] == 2
    assert last(ggzy("epoch", "republish", done["file"], "--config", federation.east, "--json"))["published"] == 1
    assert federation.sync()["failures"] == {}
    assert federation.at_hub("ggzy.example/cq/500103/2")["mirrored"] == 1
    found = last(ggzy("fsck", "--config", federation.east, "--json"))
    assert found["faults"] == 0
    assert last(ggzy("fsck", "--config", federation.hub, "--json"))["faults"] == 0


def test_recovery_of_a_node_without_an_upstream_says_so(tmp_path: Path) -> None:
    ggzy("init", tmp_path / "n", "--role", "national", "--division", "100000", "--name", "国家平台")
    done = ggzy("recover", "--fresh", "--config", tmp_path / "n", status=1)
    assert "docs/recovery.md" in done.stderr
    assert (tmp_path / "n" / "node.db").exists()
