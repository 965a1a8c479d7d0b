"""Independent witnesses as an operator meets them: settings, sync, status, the plain policy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from node.cli.main import app
from node.errors import Malformed
from node.settings import build, load
from node.tlog import mldsa
from node.tlog.mldsa import ML_DSA_44, MlDsaKey
from node.tlog.note import Ed25519Signer, KeyType
from node.tlog.policy import LogPolicy

WITNESS = Ed25519Signer("witness.example/w1", KeyType.COSIGNATURE, bytes(32)).verifier.vkey()
OTHER = Ed25519Signer("witness.example/w2", KeyType.COSIGNATURE, bytes(range(32))).verifier.vkey()
LOG = Ed25519Signer("witness.example/w1", KeyType.ED25519, bytes(32)).verifier.vkey()
SAME = Ed25519Signer("another.example/w1", KeyType.COSIGNATURE, bytes(32)).verifier.vkey()
# Nothing listens there: port 9 is `discard`.
URL = "http://127.0.0.1:9"


def ggzy(*words: str | Path, status: int = 0) -> Result:
    done = CliRunner().invoke(app, [*map(str, words)], prog_name="ggzy")
    assert done.exit_code == status, (words, done.exit_code, done.output, done.exception)
    assert "Traceback" not in done.output
    return done


def table(name: str, key: str, url: str = URL) -> str:
    return f'\n[[witnesses]]\nname = "{name}"\nurl = "{url}"\nkey = "{key}"\n'


@pytest.fixture
def node(tmp_path: Path) -> Path:
    directory = tmp_path / "node"
    ggzy("init", directory, "--role", "hub", "--division", "500000", "--name", "示例枢纽")
    with (directory / "config.toml").open("a", encoding="utf-8") as config:
        config.write(table("one", WITNESS, URL + "/") + table("two", OTHER))
    return directory


def values(**witness: str) -> dict[str, object]:
    plain = {"name": "x/hub", "title": "枢纽", "role": "hub", "division": "500000"}
    return plain | {"witnesses": [{"name": "one", "url": URL, "key": WITNESS} | witness]}


def test_witnesses_are_tables_of_the_file(node: Path) -> None:
    one, two = load(node).witnesses
    assert (one.name, one.url, one.verifier.vkey()) == ("one", URL, WITNESS)
    assert two.verifier.name == "witness.example/w2"


WRONG = {
    "a log's key": ({"key": LOG}, "witnesses.0.key", "0x04"),
    "no key": ({"key": "witness.example/w1+00000000+AAAA"}, "witnesses.0.key", "验证公钥"),
    "an id of another key": ({"key": WITNESS.replace("+", "+f", 1)}, "witnesses.0.key", "验证公钥"),
    "an address": ({"url": "witness.example"}, "witnesses.0.url", "http://"),
    "a slash in its name": ({"name": "ggzy.example/cq"}, "witnesses.0.name", "格式"),
    "another field": ({"vkey": WITNESS}, "witnesses.0.vkey", "没有"),
}


@pytest.mark.parametrize("how", WRONG)
def test_a_witness_that_cannot_be_one_is_named(tmp_path: Path, how: str) -> None:
    changed, field, zh = WRONG[how]
    with pytest.raises(Malformed) as caught:
        build(tmp_path, values(**changed))
    assert caught.value.field == field and zh in caught.value.zh
    assert caught.value.advice_zh and caught.value.advice_en


def test_a_key_that_this_machine_cannot_check_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = MlDsaKey("pq.example/w1", ML_DSA_44, bytes(1312)).vkey()
    assert build(tmp_path, values(key=key)).witnesses[0].verifier.type == ML_DSA_44
    monkeypatch.setattr(mldsa, "_public_key_class", lambda: None)
    with pytest.raises(Malformed, match="ML-DSA-44"):
        build(tmp_path, values(key=key))


def test_one_witness_does_not_stand_for_two(tmp_path: Path) -> None:
    for name, key in (("one", OTHER), ("two", WITNESS), ("two", SAME)):
        plain = values()
        plain["witnesses"] = [{"name": "one", "url": URL, "key": WITNESS}, {"name": name, "url": URL, "key": key}]
        with pytest.raises(Malformed, match="twice"):
            build(tmp_path, plain)


def test_the_environment_gives_them_as_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GGZY_WITNESSES", json.dumps([{"name": "env", "url": URL, "key": OTHER}]))
    assert [each.name for each in build(tmp_path, values()).witnesses] == ["env"]
    monkeypatch.setenv("GGZY_WITNESSES", "one")
    with pytest.raises(Malformed) as caught:
        build(tmp_path, values())
    assert "JSON" in caught.value.zh and "GGZY_WITNESSES" in caught.value.advice_zh


def test_the_plain_policy_lists_them_and_asks_for_as_many_as_one_wants(node: Path) -> None:
    origin = load(node).origin
    listed = LogPolicy.parse(ggzy("policy", "export", "--origin", origin, "-c", node).stdout_bytes)
    assert [(each.name, each.url) for each in listed.witnesses] == [(f"witness.example/w{n}", URL) for n in (1, 2)]
    assert listed.quorum == "none", "a node at the top asks for nobody unless told"
    words = ("policy", "export", "--origin", origin, "-c", node, "--witnesses")
    strict = LogPolicy.parse(ggzy(*words, "2").stdout_bytes)
    assert (strict.groups[0].threshold, strict.groups[0].members) == (2, tuple(each.name for each in listed.witnesses))
    refused = ggzy(*words, "3", status=1)
    assert "--witnesses" in refused.stderr and "[[witnesses]]" in refused.stderr


def test_a_witness_that_is_away_is_told_and_harms_nothing(node: Path) -> None:
    """A node at the top has nobody above it: `sync` asks its witnesses alone."""
    file = node.parent / "one.jsonl"
    row = {"code": "500103", "name": "渝中区", "level": "county", "parent": "500100"}
    file.write_text(json.dumps(row, ensure_ascii=False) + "\n", "utf-8")
    ggzy("import", "division", file, "-c", node)
    done = ggzy("sync", "--json", "-c", node, status=1)
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["witnessed"] == 0 and sorted(name.split()[-1] for name in found["failures"]) == ["one", "two"]
    assert "独立见证方 witness one" in done.stdout and "日志 独立" not in done.stdout
    status = ggzy("status", "-c", node).stdout
    assert "独立见证 independent witness one" in status and "unavailable" in status and "FROZEN" not in status
    assert json.loads(ggzy("fsck", "--json", "-c", node).stdout.splitlines()[-1])["findings"] == []
