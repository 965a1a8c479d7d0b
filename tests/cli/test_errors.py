"""Every fault that a person can meet at the command line says what happened and what to do, in both languages."""

from __future__ import annotations

import asyncio
import csv
import errno
import hashlib
import re
import shutil
import socket
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError
from typer.testing import CliRunner, Result

from node import samples
from node.cli.main import app
from node.cli.output import errors, moment
from node.demo import federation, run
from node.errors import Malformed, Unavailable
from node.importing.rejects import RejectsFile, default_path
from node.provision import make_node
from node.settings import load
from node.tlog.proof import TlogProof

HEAD = "name,uscc,uscc_valid,registration_date,type,capital,district,district_code,registrar_code\n"
GOOD = "示例第{0}公司,DEMO{0:014d},0,2001-01-01,,,渝中,500103,\n"
BAD = ",,,2001-01-01,,,,,\n"


def ggzy(*words: str | Path, status: int = 0, typed: str = "") -> Result:
    done = CliRunner().invoke(app, [*map(str, words)], input=typed, prog_name="ggzy")
    assert done.exit_code == status, (words, done.exit_code, done.output, done.exception)
    assert "Traceback" not in done.output
    if status == 1 and "错误" in done.output:
        assert re.search(r"^error [a-z-]+", done.stderr, re.MULTILINE), done.stderr
        # The general advice about the wire protocol helps nobody at a command line.
        assert "openapi" not in done.stderr, done.stderr
    return done


def init(directory: Path, *more: str, division: str = "500103", role: str = "district") -> Path:
    ggzy("init", directory, "--role", role, "--division", division, "--name", "示例中心", *more)
    return directory


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = init(tmp_path_factory.mktemp("cli") / "node")
    file = directory.parent / "one.csv"
    file.write_text(HEAD + GOOD.format(1), "utf-8")
    ggzy("import", "company", file, "-c", directory)
    return directory


@pytest.fixture(scope="module")
def receipt(node: Path) -> Path:
    import sqlite3

    ggzy("rebuild", "-c", node)
    with sqlite3.connect(node / "node.db") as conn:
        (record_id,) = conn.execute("SELECT hex(record_id) FROM entity_view").fetchone()
    file = node.parent / "r.tlog-proof"
    ggzy("receipt", record_id, "-o", file, "-c", node)
    ggzy("receipt", record_id, "-o", node / "none" / "q", "-c", node, status=1)
    return file


# --- whatever goes wrong ----------------------------------------------------------------------------------------------


def test_files_that_cannot_be_written_are_named(node: Path) -> None:
    for words in (("card",), ("export",)):
        done = ggzy("policy", *words, "-o", "/nonexistent/q", "-c", node, status=1)
        assert "/nonexistent/q" in done.stderr and "目录" in done.stderr and "directory" in done.stderr


def test_rejects_that_cannot_be_written_stop_an_import_before_it_publishes(node: Path, tmp_path: Path) -> None:
    file = tmp_path / "two.csv"
    file.write_text(HEAD + GOOD.format(2) + BAD, "utf-8")
    done = ggzy("import", "company", file, "-c", node, "--rejects", "/nonexistent/x.csv", status=1)
    assert "--rejects" in done.stderr and "/nonexistent/x.csv" in done.stderr and "尚未导入" in done.stderr
    assert "发布 1，未变 0，退回 1" in ggzy("import", "company", file, "-c", node).stderr


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/x/y"), 1, ("/x/y", "磁盘已满", "Free|free space")),
        (OperationalError("SELECT", {}, Exception("disk I/O error")), 1, ("node.db", "ggzy fsck", "disk I/O error")),
        (ZeroDivisionError("oh"), 70, ("GGZY_DEBUG=1", "程序内部错误", "for details")),
    ],
)
def test_errors_of_others_are_told_in_words(
    error: Exception, status: int, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    import typer

    with pytest.raises(typer.Exit) as left, errors(as_json=True):
        raise error
    told = capsys.readouterr()
    assert left.value.exit_code == status and '"error"' in told.out
    assert all(re.search(word, told.err) for word in words), told.err


def test_a_traceback_is_for_those_who_ask_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GGZY_DEBUG", "1")
    with pytest.raises(ZeroDivisionError), errors():
        raise ZeroDivisionError


def test_help_is_whole_and_calls_itself_ggzy() -> None:
    for words in ((), ("policy",)):
        text = ggzy(*words, "-h").stdout
        assert "Usage: ggzy" in text and "..." not in text.replace("[ARGS]...", "").replace("COMMAND [", ""), text


# --- settings ---------------------------------------------------------------------------------------------------------


def config(directory: Path, text: str) -> Path:
    (directory / "config.toml").write_text(text, "utf-8")
    return directory


def test_a_slip_in_config_toml_is_placed_and_a_misspelt_setting_guessed(tmp_path: Path) -> None:
    with pytest.raises(Malformed) as caught:
        load(config(tmp_path, 'name = "a"\ntitle = “渝中”\n'))
    assert "第 2 行" in caught.value.zh and "双引号" in caught.value.advice_zh
    base = 'name = "a"\ntitle = "b"\nrole = "hub"\ndivision = "500000"\n'
    with pytest.raises(Malformed) as caught:
        load(config(tmp_path, base + 'upstream_ulr = "http://x"\n'))
    assert caught.value.zh == "没有 upstream_ulr 这一项，是否为 upstream_url？"
    with pytest.raises(Malformed) as caught:
        load(config(tmp_path, base + "port = 99999\n"))
    assert "不能大于 65535" in caught.value.zh


def test_a_misspelt_environment_variable_is_warned_of(node: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GGZY_PROT", "1")
    monkeypatch.setenv("GGZY_TEST_POSTGRES", "x")
    told = ggzy("status", "-c", node).stderr
    assert "GGZY_PROT" in told and "GGZY_PORT" in told and "GGZY_TEST" not in told
    monkeypatch.setenv("GGZY_PORT", "x")
    assert "环境变量 GGZY_PORT" in ggzy("status", "-c", node, status=1).stderr


# --- init -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "value", "word"),
    [
        ("--role", "distric", "区县"),
        ("--division", "50011", "六位"),
        ("--name", "", "中心名称"),
        ("--upstream", "hub:80", "http://"),
        ("--name", 'a"b', "双引号"),
    ],
)
def test_init_names_the_option(tmp_path: Path, option: str, value: str, word: str) -> None:
    words = {"--role": "district", "--division": "500103", "--name": "x"} | {option: value}
    done = ggzy("init", tmp_path / "n", *(part for pair in words.items() for part in pair), status=1)
    assert option in done.stderr and word in done.stderr and "config.toml" not in done.stderr


def test_init_warns_of_what_it_does_not_know_and_leaves_another_node_alone(tmp_path: Path, node: Path) -> None:
    words = ("--role", "district", "--name", "x")
    told = ggzy("init", tmp_path / "n", *words, "--division", "509999", "--zone", "某某新区").stderr
    assert "--division 509999" in told and "--zone 某某新区" in told and "warning" in told
    told = ggzy("init", node, *words, "--division", "500105", status=1).stderr
    assert "ggzy.example/cq/500103" in told and "空目录" in told


# --- import -----------------------------------------------------------------------------------------------------------


def test_import_says_what_fits_the_case(node: Path, tmp_path: Path) -> None:
    def told(kind: str, file: Path, *more: str) -> str:
        return ggzy("import", kind, file, "-c", node, *more, status=1).stderr

    assert "路径" in told("result", tmp_path / "no.csv")
    (tmp_path / "x.xlsx").write_bytes(b"no workbook")
    (tmp_path / "x.csv").write_text("\n\n", "utf-8")
    assert "另存为" in told("company", tmp_path / "x.xlsx")
    assert "第一行" in told("company", tmp_path / "x.csv")
    assert "是否为 company" in told("compani", tmp_path / "x.csv")
    assert "--as-of" in told("company", tmp_path / "x.csv", "--as-of", "soon")


def test_an_import_without_the_node_above_says_so_in_a_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        hub, below = init(tmp_path / "hub", role="hub", division="500000"), tmp_path / "below"
        init(below, "--upstream", f"http://127.0.0.1:{taken.getsockname()[1]}")
        file = tmp_path / "a.csv"
        file.write_text(HEAD + GOOD.format(1), "utf-8")
        alone = ggzy("import", "company", file, "-c", below)
        assert "登记" in alone.stderr and "own_head" not in alone.output
        join(hub, below, tmp_path)
        file.write_text(HEAD + GOOD.format(2), "utf-8")
        away = ggzy("import", "company", file, "-c", below)
        assert "暂不可达，已在本地发布；恢复后自动报送" in away.stderr and "{" not in away.stderr
        assert "暂不可达" in ggzy("sync", "-c", below, status=1).stderr
    assert "本节点是顶层，没有上级" in ggzy("sync", "-c", hub, status=1).stderr


def test_rejects_imported_again_come_back_under_the_same_name(node: Path, tmp_path: Path) -> None:
    file, back, bak = (tmp_path / name for name in ("a.csv", "a.rejects.csv", "a.rejects.csv.bak"))
    file.write_text(HEAD + BAD + BAD, "utf-8")
    ggzy("import", "company", file, "-c", node)
    assert default_path(back) == back
    back.write_text(back.read_text("utf-8-sig").replace("\n,,,", "\n示例补正甲,DEMO00000000000098,,", 1), "utf-8")
    assert "发布 1，未变 0，退回 1" in ggzy("import", "company", back, "-c", node).stderr
    assert len(list(csv.DictReader(back.read_text("utf-8-sig").splitlines()))) == 1 and not bak.exists()
    # Corrections that nobody imported are kept when the first file is imported again.
    mine = back.read_bytes() + b"corrected by hand\n"
    back.write_bytes(mine)
    ggzy("import", "company", file, "-c", node)
    assert bak.read_bytes() == mine
    other = tmp_path / "mine.rejects.csv"
    other.write_text(HEAD + BAD, "utf-8")  # a name alone does not make it ours
    assert default_path(other) != other
    with pytest.raises(Malformed):
        RejectsFile(other, other, ())


# --- policy -----------------------------------------------------------------------------------------------------------


def first_fingerprint(directory: Path) -> str:
    found = re.search(r"第 1 版指纹.*: ([0-9a-f]{64})", ggzy("policy", "show", "-c", directory).stderr)
    assert found
    return found[1]


def join(hub: Path, below: Path, tmp_path: Path) -> Result:
    card = tmp_path / "card"
    shown = ggzy("policy", "card", "-c", below, "-o", card).stderr
    fingerprint = re.findall(r"[0-9a-f]{64}", shown)[0]
    ggzy("policy", "enrol", card, "-c", hub, "--fingerprint", fingerprint)
    return ggzy(
        "policy",
        "adopt",
        *sorted(hub.glob("trust-policy-*.note")),
        "-c",
        below,
        "--fingerprint",
        first_fingerprint(hub),
    )


def test_enrolling_and_adopting(tmp_path: Path) -> None:
    hub, below = init(tmp_path / "hub", role="hub", division="500000"), init(tmp_path / "below")
    file = tmp_path / "a.csv"
    file.write_text(HEAD + GOOD.format(1), "utf-8")
    ggzy("import", "company", file, "-c", below)
    own = hub / "trust-policy.note"
    told = ggzy("policy", "adopt", own, "-c", below, status=1).stderr
    assert "--fingerprint" in told and "policy show" in told
    told = ggzy("policy", "adopt", own, "-c", below, "--fingerprint", "00" * 32, status=1).stderr
    assert "不一致" in told
    told = ggzy("policy", "adopt", tmp_path / "a.csv", "-c", below, status=1).stderr
    assert "不是信任策略" in told
    assert "nocard" in ggzy("policy", "enrol", tmp_path / "nocard", "-c", hub, status=1).stderr
    assert "已发布 1 条" in join(hub, below, tmp_path).stderr
    told = ggzy("policy", "enrol", tmp_path / "card", "-c", hub).stderr
    assert "已登记，无变化" in told and not (hub / "trust-policy-3.note").exists()
    left = init(tmp_path / "left", division="500105")
    notes = sorted(hub.glob("trust-policy-*.note"))
    told = ggzy("policy", "adopt", *notes, "-c", left, "--fingerprint", first_fingerprint(hub)).stderr
    assert "没有本节点" in told and "does not name this node" in told
    ggzy("policy", "card", "-c", left, "-o", tmp_path / "card2")
    assert "已取消" in ggzy("policy", "enrol", tmp_path / "card2", "-c", hub, status=1, typed="n\n").stderr


# --- verify -----------------------------------------------------------------------------------------------------------


def test_verify_shows_the_policys_fingerprint_and_refuses_another(node: Path, receipt: Path) -> None:
    policy = node / "trust-policy.note"
    text = policy.read_text("utf-8").partition("\n\n")[0] + "\n"  # what docs/verifying.md has sed cut out
    fingerprint = hashlib.sha256(text.encode()).hexdigest()
    assert fingerprint in ggzy("verify", receipt, "--policy", policy).stderr
    assert fingerprint == first_fingerprint(node)
    ggzy("verify", receipt, "--policy", policy, "--fingerprint", fingerprint.upper())
    assert "信任策略" in ggzy("verify", receipt, "--policy", policy, "--fingerprint", "ab", status=1).stderr


def test_verify_says_which_part_does_not_hold(node: Path, receipt: Path, tmp_path: Path) -> None:
    policy, proof = node / "trust-policy.note", TlogProof.parse(receipt.read_bytes())
    bad = tmp_path / "bad.tlog-proof"

    def told(data: bytes, *more: str | Path, policy: Path = policy) -> str:
        bad.write_bytes(data)
        return ggzy("verify", bad, "--policy", policy, *more, status=1).stderr

    good = receipt.read_bytes()
    assert "序号（index）" in told(good.replace(b"index 0", b"index 7"))
    assert "不是有效的回执" in told(b"x")
    assert "内容与回执不符" in told(good, "--payload", receipt)
    assert "检查点" in told(good.replace(proof.checkpoint_note.split(b"\n")[2], b"A" * 43 + b"="))
    other = init(tmp_path / "other", division="500105")
    assert "较新版本" in told(good, policy=other / "trust-policy.note")
    hub = init(tmp_path / "hub", role="hub", division="500000")
    copy = tmp_path / "copy"
    shutil.copytree(node, copy)
    join(hub, copy, tmp_path)
    assert "上级尚未保存该记录" in told(good, policy=copy / "trust-policy.note")
    plain = tmp_path / "plain"
    ggzy("policy", "export", "--origin", "ggzy.example/cq/500103/1", "-o", plain, "-c", copy)
    assert "上级尚未保存该记录" in told(good, policy=plain)


def test_times_are_those_of_beijing() -> None:
    assert moment(0).startswith("1970-01-01 08:00:00 北京时间")


# --- demo -------------------------------------------------------------------------------------------------------------


def test_demo_refuses_impossible_numbers(tmp_path: Path) -> None:
    for words in (("--port", "99999"), ("--port", "0"), ("--port", "-1"), ("--records", "0")):
        assert words[0] in ggzy("demo", "--once", "--dir", tmp_path / "d", *words, status=1).stderr


def test_a_second_demo_in_the_same_directory_is_told(tmp_path: Path) -> None:
    with run._alone_in(tmp_path), pytest.raises(Unavailable, match="already running in this directory"):
        asyncio.run(run._run(tmp_path, True, None, 1, 0))
    with run._alone_in(tmp_path):
        pass  # free again


def test_a_later_demo_moves_to_other_ports(tmp_path: Path) -> None:
    for key, role, port, above in ((samples.NATIONAL, "national", 0, None), (samples.HUB, "hub", 1, 0)):
        make_node(
            tmp_path / key,
            role=role,
            division="500000",
            title="x",
            port=9300 + port,
            upstream_url="" if above is None else f"http://127.0.0.1:{9300 + above}",
        )
    federation._move(tmp_path / samples.NATIONAL, 9400, None)
    federation._move(tmp_path / samples.HUB, 9401, 9400)
    assert load(tmp_path / samples.NATIONAL).port == 9400
    moved = load(tmp_path / samples.HUB)
    assert (moved.port, moved.upstream_url) == (9401, "http://127.0.0.1:9400")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = min(taken.getsockname()[1], federation.LAST_FIRST_PORT)
        federation._move(tmp_path / samples.NATIONAL, port, None)
        assert federation._ports(tmp_path, None) != port
        with pytest.raises(Unavailable):
            federation._ports(tmp_path, port)


def test_the_demos_own_command_runs(tmp_path: Path) -> None:
    import subprocess

    done = subprocess.run(
        f"{run.own_command()} --version", shell=True, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "ggzy-node" in done.stdout, done.stderr
