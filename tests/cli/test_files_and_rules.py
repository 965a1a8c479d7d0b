"""`ggzy files` and `ggzy rules` as a person at a terminal sees them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from node import keyring, provision
from node.cli.main import app
from node.domain.ruletext import dumps
from node.resources import config_dir
from node.store.db import Store
from node.trusted import Trusted
from tests import ruled

RUNNER = CliRunner()


def run(*words: str, code: int = 0) -> tuple[str, dict[str, Any]]:
    done = RUNNER.invoke(app, [*words, "--json"])
    assert done.exit_code == code, done.output
    last = done.stdout.strip().splitlines()[-1]
    return done.output, json.loads(last) if last.startswith("{") else {}


async def made(directory: Path) -> Path:
    node = provision.make_node(directory, role="hub", division="500000", title="市公共资源交易中心")
    signer = keyring.policy_signer(node.settings.keys, node.settings.name, create=True)
    store = Store(node.settings.database)
    note = provision.first_policy("ggzy.example/cq", signer, [node], {})
    await Trusted(store, node.settings.name, lambda: 0).adopt([note])
    store.close()
    return directory


def test_a_file_goes_in_and_comes_out(tmp_path: Path) -> None:
    node = str(asyncio.run(made(tmp_path / "hub")))
    source = tmp_path / "招标文件.pdf"
    source.write_bytes(b"%PDF-1.7 " + bytes(3000))
    _, added = run("files", "add", str(source), "--audience", "shared", "-c", node)
    assert added["name"] == source.name and added["audience"] == "shared"
    _, shown = run("files", "list", "-c", node)
    assert [each["sha256"] for each in shown["held"]] == [added["sha256"]] and shown["missing"] == []
    run("files", "get", added["sha256"], str(tmp_path / "out.pdf"), "-c", node)
    assert (tmp_path / "out.pdf").read_bytes() == source.read_bytes()
    assert run("files", "check", "-c", node)[1] == {"faults": 0, "findings": []}
    sha256 = added["sha256"]
    (tmp_path / "hub" / "attachments" / sha256[:2] / sha256[2:4] / sha256).write_bytes(b"changed")
    text, found = run("files", "check", "-c", node, code=1)
    assert found["findings"][0]["fault"] == "damaged" and "内容已损坏" in text

    package = (config_dir() / "rules" / "construction.toml").read_text("utf-8")
    file = tmp_path / "new.toml"
    file.write_text(package.replace('version = "1"', 'version = "2"', 1), "utf-8")
    assert run("rules", "check", str(file))[1] == {"name": "construction@2", "kind": "rule.package", "faults": 0}
    text, _ = run("rules", "publish", str(file), "-c", node, "--yes", code=1)
    assert "规则不溯及既往" in text
    dated = package.replace('version = "1"', 'version = "2"', 1)
    file.write_text(dated.replace('effective_from = "2016-01-01"', 'effective_from = "2099-01-01"', 1), "utf-8")
    _, published = run("rules", "publish", str(file), "-c", node, "--yes")
    assert published["effective_from"] == "2099-01-01"
    listed = {each["name"]: each["state"] for each in run("rules", "list", "-c", node)[1]["rules"]}
    assert listed["construction@1"] == "in-force" and listed["construction@2"] == "coming"
    _, changes = run("rules", "diff", "construction@1", str(file), "-c", node)
    assert [each["field"] for each in changes["changes"]] == ["version", "effective_from"]
    run("rules", "withdraw", "construction@2", "条款有误", "-c", node, "--yes")
    listed = {each["name"]: each["state"] for each in run("rules", "list", "-c", node)[1]["rules"]}
    assert listed["construction@2"] == "withdrawn"
    assert "工程建设" in run("rules", "show", "construction@1", "-c", node)[0]
    file.write_text(package.replace('takes = ["registered"]', 'takes = ["nowhere"]', 1), "utf-8")
    text, _ = run("rules", "check", str(file), code=1)
    assert "没有阶段 nowhere" in text and "acts id=" in text

    years = dumps({"year": [ruled.year(2099, "2099-01-01")]})
    file.write_text(years.replace("2099-01-01", "2098-01-01"), "utf-8")
    assert "放假通知的范围内" in run("rules", "holidays", str(file), "-c", node, "--yes", code=1)[0]
    file.write_text(years, "utf-8")
    assert run("rules", "holidays", str(file), "-c", node, "--yes")[1]["name"] == "holidays@2099"
    assert "2099-01-01" in run("rules", "show", "holidays@2099", "-c", node)[0]
    tariff = config_dir() / "rules" / "fees.toml"
    assert run("rules", "check", str(tariff))[1] == {"name": "fees@2016-03-14", "kind": "rule.table", "faults": 0}
