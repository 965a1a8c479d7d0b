"""`ggzy seal` and `ggzy erase` as two centres use them, with files that go from hand to hand."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from node import keyring, provision
from node.app import Node
from node.cli.main import app
from node.domain.experts import ExpertIdentity
from node.provision import Made
from tests.publishing.made import expert

FEDERATION = "ggzy.example/test"
NAME, NUMBER, PHONE = "上官某某", "11010519491231002X", "19912345671"
REASON = ("--reason", "consent-withdrawn")


def run(*words: str | Path, status: int = 0, typed: str = "") -> Result:
    done = CliRunner().invoke(app, [str(word) for word in words], input=typed)
    assert done.exit_code == status, (words, done.output, done.exception)
    return done


def last(done: Result) -> dict[str, Any]:
    found = json.loads(done.stdout.strip().splitlines()[-1])
    assert isinstance(found, dict)
    return found


@pytest.fixture
def centres(tmp_path: Path) -> tuple[Path, Path, str]:
    """A district and its hub under one policy, and the id of a person's record in the district's log."""
    signer = keyring.policy_signer(tmp_path / "policy", FEDERATION, create=True)
    made = {
        role: provision.make_node(
            tmp_path / role, role=role, division=code, title=f"{role} 中心", federation=FEDERATION
        )
        for role, code in (("hub", "500000"), ("district", "500103"))
    }
    policy = provision.first_policy(
        FEDERATION, signer, list(made.values()), {made["district"].member.name: made["hub"].member.name}
    )
    for each in made.values():
        provision.adopt(each.settings, [policy])
    return tmp_path / "district", tmp_path / "hub", publish(made["district"])


def publish(made: Made) -> str:
    async def work() -> bytes:
        node = Node(made.settings)
        await node.open()
        draft = expert("P-1")
        person = ExpertIdentity(name=NAME, number=NUMBER, phone=PHONE)
        (done,) = await node.publisher.publish([replace(draft, sections={**draft.sections, "identity": person})])
        await node.close()
        assert done.record_id is not None
        return done.record_id

    return asyncio.run(work()).hex()


def test_l23_reading_leaves_a_line_and_shows_only_on_standard_output(centres: tuple[Path, Path, str]) -> None:
    district, _, record_id = centres
    done = run("seal", "open", record_id, "--why", "文号 渝公资〔2026〕1号", "--config", district, "--json")
    assert last(done) == {"name": NAME, "number": NUMBER, "phone": PHONE}
    assert NAME not in done.stderr
    shown = run("seal", "open", record_id, "--why", "2", "--config", district)
    assert f"姓名 name\t{NAME}" in shown.stdout and NUMBER not in shown.stderr
    newest, first = last(run("seal", "accesses", "--config", district, "--json"))["accesses"]
    assert (first["detail"], first["action"], first["section"]) == ("文号 渝公资〔2026〕1号", "open", "identity")
    assert newest["detail"] == "2" and first["who"]
    assert NAME not in run("seal", "accesses", "--config", district).output


@pytest.mark.parametrize("why", ["", "  ", "x" * 201, "a\nb"])
def test_reading_without_a_reason_is_refused(centres: tuple[Path, Path, str], why: str) -> None:
    district, _, record_id = centres
    done = run("seal", "open", record_id, "--why", why, "--config", district, status=1)
    assert "查阅事由" in done.stderr and NAME not in done.output
    assert last(run("seal", "accesses", "--config", district, "--json")) == {"accesses": []}


def test_what_cannot_be_opened_says_why_and_leaves_no_line(centres: tuple[Path, Path, str]) -> None:
    district, hub, record_id = centres
    done = run("seal", "open", record_id, "--why", "1", "--section", "employment", "--config", district, status=1)
    assert "employment" in done.stderr
    run("seal", "open", record_id, "--why", "1", "--config", hub, status=1)
    run("seal", "open", record_id, "--why", "1", "--version", 2, "--config", district, status=1)
    to = "ggzy.example/test/500000"
    done = run("seal", "share", record_id, "--to", to, "--config", district, status=1)
    assert "已可阅读" in done.stderr
    assert last(run("seal", "accesses", "--config", district, "--json")) == {"accesses": []}


def test_l23_an_order_goes_from_hand_to_hand(centres: tuple[Path, Path, str], tmp_path: Path) -> None:
    district, hub, record_id = centres
    first, second = tmp_path / "order.note", tmp_path / "approved.note"
    done = run("erase", "propose", record_id, *REASON, "-o", first, "--config", district, "--json")
    told = last(done)
    assert told["places"] == [[0, "identity"]] and told["signed"] == ["ggzy.example/test/500103/erasure"]
    assert "第四十七条第一款第（三）项" in done.stderr and "尚未删除" in done.stderr
    # One signature erases nothing, and the same node is no second one.
    refused = run("erase", "publish", first, "--yes", "--config", district, status=1)
    assert "不会被任何节点执行" in refused.stderr
    again = run("erase", "approve", first, "-o", second, "--yes", "--config", district, status=1)
    assert "另一节点" in again.stderr and not second.exists()
    # The second is asked, and may say no.
    run("erase", "approve", first, "-o", second, "--config", hub, typed="n\n", status=1)
    assert not second.exists()
    run("erase", "approve", first, "-o", second, "--config", hub, typed="y\n")
    run("erase", "publish", second, "--config", district, typed="n\n", status=1)
    assert last(run("seal", "open", record_id, "--why", "1", "--config", district, "--json"))["name"] == NAME
    done = run("erase", "publish", second, "--yes", "--config", district, "--json")
    assert last(done)["places"] == [[0, "identity"]]
    gone = run("seal", "open", record_id, "--why", "1", "--config", district, status=1)
    assert "依法删除" in gone.stderr
    assert not last(run("fsck", "--config", district, "--json"))["findings"]
    raw = b"".join(file.read_bytes() for file in district.glob("node.db*"))
    assert NAME.encode() not in raw


def test_an_order_that_names_nothing_is_not_drawn_up(centres: tuple[Path, Path, str], tmp_path: Path) -> None:
    district, _, record_id = centres
    out = tmp_path / "order.note"
    for words, zh in (
        (("--reason", "because"), "理由代码"),
        ((*REASON, "--section", "phone"), "没有所选部分"),
        ((*REASON, "--version", "9"), "没有第 9 版"),
    ):
        done = run("erase", "propose", record_id, *words, "-o", out, "--config", district, status=1)
        assert zh in done.stderr and not out.exists()
    run("erase", "propose", "0" * 32, *REASON, "-o", out, "--config", district, status=1)
    (tmp_path / "else.note").write_text("nothing\n", "utf-8")
    done = run("erase", "approve", tmp_path / "else.note", "-o", out, "--yes", "--config", district, status=1)
    assert "不是删除令" in done.stderr


def test_a_node_of_before_makes_its_new_keys_and_its_card_shows_them(centres: tuple[Path, Path, str]) -> None:
    district, _, _ = centres
    for name in ("seal", "erasure"):
        (district / "keys" / f"{name}.key").unlink()
    card = run("policy", "card", "--config", district).stdout
    assert " seal " in card and " erasure " in card
    assert {file.stat().st_mode & 0o777 for file in (district / "keys").glob("*.key")} == {0o600}
