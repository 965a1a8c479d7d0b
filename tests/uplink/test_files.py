"""A record's files: which message names them, when it goes, what a receiver is told, what it checks."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import update

from node.attachments import rows as attached
from node.domain.acts import Attached
from node.domain.engine import replay
from node.domain.standard_lint import lint_files
from node.errors import NotFound
from node.rules import load_packaged
from node.uplink import acts, envelope, held, lint, mapping, outbox, sending
from node.uplink.area import FileArea
from node.uplink.shape import Sender, SourceFile
from node.web.national import attachments, receiver
from node.web.national.refusal import Refusal
from tests.uplink.test_mapping import CONSTRUCTION, numbers, trade_of
from tests.uplink.world import REGISTERED, SENDER, START_MS, World, blacklist, items

A = b"\x01" * 16
CONTENT = b"%PDF-1.7 the notice"
HASH = hashlib.sha256(CONTENT).hexdigest()
FILE = SourceFile("ATTACHMENT_FILE", "公告.pdf", HASH)


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.close()


def hold(world: World, sha256: str = HASH) -> None:
    """As if the file had come to this node."""
    world.store.write_now(
        lambda conn: attached.put(conn, sha256, len(CONTENT), "application/pdf", node="east", now_ms=1)
    )


def with_files(*files: SourceFile, reason: str = "提供虚假材料") -> Any:
    return replace(blacklist(A, reason), files=files)


def kept(world: World) -> list[list[str]]:
    row = world.above.read_now(lambda conn: conn.execute(items.select()).mappings().one())
    return attachments.kept(row)


# --- which message ---------------------------------------------------------------------------------------------------


def messages_with(*listed: Attached, upto: int, public: bool = True) -> list[tuple[str, tuple[SourceFile, ...]]]:
    made = trade_of("工程建设", "construction", CONSTRUCTION, upto)
    made[-1] = msgspec.structs.replace(made[-1], attachments=list(listed))
    trade = replay(made, load_packaged())
    where = {"centre": "", "place": "500103", "url": "https://x/1"}
    case = acts.case_of("b", made[-1], trade, held.packaged(), **where, public=public)
    return [(m.number, m.files) for m in mapping.of_case(held.packaged(), case, numbers(case), Sender())]


def test_the_first_set_that_the_act_is_about_has_its_files() -> None:
    """Not the project on which it hangs, nor a second set of the same act; each lot's message has them."""
    public = Attached("公告.pdf", HASH, 10, "application/pdf")
    shared = Attached("内部.pdf", "b" * 64, 10, "application/pdf", "shared")
    found = messages_with(public, shared, upto=2)
    assert {number for number, files in found if files} == {"503"}
    assert [files for number, files in found if number == "503"] == [(FILE,), (FILE,)]
    assert {number for number, files in messages_with(public, upto=1) if files} == {"500"}


def test_a_file_of_a_record_that_is_not_public_is_not_named_above() -> None:
    """Files are public by themselves unless somebody says otherwise; the record that lists them bounds that."""
    report = Attached("评标报告.pdf", HASH, 10, "application/pdf")
    assert not [files for _, files in messages_with(report, upto=2, public=False) if files]


def test_the_dictionarys_names_are_taken_where_they_are_known() -> None:
    opening = dict(messages_with(Attached("记录.pdf", HASH, 10), upto=4))
    assert opening["506"] == (SourceFile("BID_OPEN_RECORD_PDF_FILE", "记录.pdf", HASH),)


# --- when it goes, and what it says ----------------------------------------------------------------------------------


async def test_a_record_waits_for_its_file_and_goes_by_itself(world: World) -> None:
    world.put(A, with_files(FILE))
    await world.drain()
    (row,) = world.rows()
    (fault,) = sending.faults_of(row["faults"])
    assert row["state"] == "blocked" and fault.rule == "Attachment" and "公告.pdf" in fault.zh
    world.store.write_now(lambda conn: sending.release_files(conn, world.now_ms))
    assert world.states() == [("302", "blocked")]  # nothing has come
    hold(world)
    world.store.write_now(lambda conn: sending.release_files(conn, world.now_ms))
    await world.drain()
    assert world.states() == [("302", "accepted")]
    assert kept(world) == [["ATTACHMENT_FILE", "公告.pdf", HASH, ""]]


async def test_a_file_that_went_is_taken_back_with_the_next_version(world: World) -> None:
    other = SourceFile("ATTACHMENT_FILE", "另一.pdf", "c" * 64)
    hold(world)
    hold(world, other.place)
    world.put(A, with_files(FILE))
    await world.drain()
    world.put(A, with_files(other), version=2)
    await world.drain()
    assert world.receiver.seen == [("302", "1"), ("302", "2")]
    assert [row[1] for row in kept(world)] == ["另一.pdf"]
    world.put(A, with_files(other), version=3)
    await world.drain()
    assert len(world.receiver.seen) == 2  # the same again is no news


async def test_a_lost_answer_sends_the_same_files_again(world: World) -> None:
    hold(world)
    world.put(A, with_files(FILE))
    world.receiver.script.append("lose")
    await world.send()
    world.put(A, with_files(reason="改"), version=2)
    await world.drain()
    assert world.states() == [("302", "accepted")] and kept(world) == []
    assert [kind for _, kind in world.receiver.seen] == ["1", "1", "2"]


def test_an_envelope_tells_where_the_file_lies() -> None:
    due = sending.Due(1, "9120302" + "0" * 15, "302", "insert", {"BODY_NAME": "x"}, False, 1, (FILE,))
    for prefix, place in (("", HASH), ("https://hub.example/files/", f"https://hub.example/files/{HASH}")):
        data = sending.envelope_of(held.packaged(), replace(SENDER, files=prefix), due)
        assert envelope.read(data).sources == (replace(FILE, place=place),)


def test_the_area_has_each_file_whole_and_once(tmp_path: Path) -> None:
    opened = []

    def content(sha256: str) -> Any:
        opened.append(sha256)
        if sha256 != HASH:
            raise NotFound("no such file")
        return io.BytesIO(CONTENT)

    area = FileArea(tmp_path / "files", content)
    assert area.put(HASH) and not area.put(HASH)
    assert [path.name for path in (tmp_path / "files").iterdir()] == [HASH] and opened == [HASH]
    assert (tmp_path / "files" / HASH).read_bytes() == CONTENT
    with pytest.raises(NotFound):
        area.put("d" * 64)


# --- what is checked -------------------------------------------------------------------------------------------------


def test_a_name_outside_the_dictionary_is_refused_once_that_is_loaded() -> None:
    standard = held.packaged()
    (told,) = lint_files(standard, [("NO_SUCH", "a.pdf")])
    assert told.severity == "warn"
    table = replace(standard.tables["T90"], complete=True, tag="S", values={"ATTACHMENT_FILE": "附件"})
    loaded = standard.with_tables([table])
    (told,) = lint_files(loaded, [("NO_SUCH", "a.pdf")])
    assert (told.rule, told.severity) == ("Attachment", "refuse")
    assert lint_files(loaded, [("ATTACHMENT_FILE", "a.pdf")]) == []
    (told,) = lint_files(loaded, [("", "a.pdf")])
    assert told.severity == "refuse"
    message = replace(blacklist(A), files=(SourceFile("NO_SUCH", "a.pdf", HASH),))
    assert "Attachment" in {f.rule for f in lint.faults_of(loaded, [message], {}) if f.severity == "refuse"}


def upload(*files: SourceFile, operation: str = "insert") -> bytes:
    fields = blacklist(A).fields | {
        "PLATFORM_CODE": "1" * 18,
        "PUB_SERVICE_PLAT_CODE": "2" * 18,
        "DATA_TIMESTAMP": "20250101000000",
    }
    made = envelope.make(
        number="302",
        name="BLACK_LIST",
        zh="黑名单信息",
        data_key="9120302" + "0" * 15,
        operation=operation,
        ca_key="0",
        fields=fields,
        sources=files,
    )
    return envelope.write(made)


@pytest.mark.parametrize(
    ("file", "why"),
    [
        (SourceFile("A_FILE", "a.pdf", ""), "缺少文件"),
        (SourceFile("", "a.pdf", HASH), "必填"),
        (SourceFile("A_FILE", "", HASH), "必填"),
        (SourceFile("A_FILE", "a.pdf", "../../etc/passwd"), "位置不正确"),
        (SourceFile("A_FILE", "a.pdf", "/etc/passwd"), "位置不正确"),
        (SourceFile("A_FILE", "a.pdf", "file:///etc/passwd"), "位置不正确"),
        (SourceFile("A_FILE", "a.pdf", "link"), "不存在"),
        (SourceFile("A_FILE", "a.pdf", "e" * 64), "不存在"),
        (SourceFile("A_FILE", "a.pdf", "d" * 64), "摘要不符"),
        (SourceFile("A_FILE", "a.pdf", HASH, deleted=True), "不能删除"),
    ],
)
def test_the_sandbox_looks_at_each_file(tmp_path: Path, world: World, file: SourceFile, why: str) -> None:
    area = tmp_path / "area"
    area.mkdir()
    (area / HASH).write_bytes(CONTENT)
    (area / ("d" * 64)).write_bytes(b"something else")
    (tmp_path / "outside").write_bytes(CONTENT)
    (area / "link").symlink_to(tmp_path / "outside")

    def take(*files: SourceFile) -> None:
        world.above.write_now(
            lambda conn: receiver.take(conn, held.packaged(), REGISTERED, upload(*files), START_MS, area)
        )

    with pytest.raises(Refusal, match=why):
        take(file)
    take(replace(FILE, place=HASH))
    assert kept(world) == [[FILE.dictionary, FILE.name, HASH, hashlib.md5(CONTENT).hexdigest()]]


def test_no_element_of_the_standard_has_the_name_under_which_files_are_kept() -> None:
    for dataset in held.packaged().sets.values():
        assert outbox.SOURCE not in dataset.fields


async def test_a_retry_of_what_waits_for_a_file_waits_again(world: World) -> None:
    world.put(A, with_files(FILE))
    await world.drain()
    (row,) = world.rows()
    world.store.write_now(lambda conn: outbox.requeue(conn, [row["id"]], world.now_ms))
    await world.drain()
    assert world.states() == [("302", "blocked")]
    world.store.write_now(lambda conn: conn.execute(update(outbox.rows).values(told="blocked")))
    world.store.write_now(lambda conn: sending.release_files(conn, world.now_ms))
    assert world.rows()[0]["told"] == "blocked"  # nothing new, so no verdict anew
