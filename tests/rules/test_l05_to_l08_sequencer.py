"""L5 to L8 at the sequencer: one order, one transaction, storage that only grows, heads that are read back first."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DatabaseError

from node import provision
from node.app import Node
from node.domain.codes import Division
from node.domain.record import Document, Draft, Source
from node.errors import Conflict, Frozen, StorageFailed
from node.keyring import MachineFence
from node.settings import Settings
from node.store import checkpoints, logs
from node.store.tables import Issued, LogEvidence, LogTail, table
from node.sync.push import judge_own
from node.tlog.checkpoint import Checkpoint
from node.tlog.note import Note


def draft(number: int) -> Draft:
    code = f"{500100 + number}"
    document = Document(f"t/{code}", Division(code=code, name=f"区划{code}"), Source("t"))
    return Draft("code.division", f"t/{code}", {"main": document}, {"code": code})


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = provision.make_node(tmp_path / "node", role="district", division="500103", title="渝中区公共资源交易中心")
    signer = provision.keyring.policy_signer(made.settings.keys, made.settings.name, create=True)
    provision.adopt(made.settings, [provision.first_policy("ggzy.example/cq", signer, [made], {})])
    return made.settings


@pytest.fixture
async def node(settings: Settings) -> AsyncIterator[Node]:
    made = Node(settings)
    await made.open()
    yield made
    await made.close()


async def test_l05_one_sequencer_gives_each_record_one_index(node: Node) -> None:
    """Callers at the same time share transactions; every index is given once, with its business row."""
    outcomes = await asyncio.gather(*(node.publisher.publish([draft(n), draft(n + 50)]) for n in range(50)))
    given = sorted(outcome.index for pair in outcomes for outcome in pair if outcome.index is not None)
    assert given == list(range(100))
    state = await node.store.read(lambda conn: logs.get(conn, node.settings.origin))
    rows = await node.store.read(lambda conn: conn.execute(select(func.count()).select_from(table(Issued))).scalar())
    assert (state.stored_size, state.head_size, rows) == (100, 100, 100)


async def test_l05_an_entry_and_its_business_row_are_written_together(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object) -> None:
        raise StorageFailed("the signature could not be kept")

    monkeypatch.setattr(checkpoints, "put", broken)
    with pytest.raises(StorageFailed):
        await node.publisher.publish([draft(1)])
    monkeypatch.undo()
    state = await node.store.read(lambda conn: logs.get(conn, node.settings.origin))
    rows = await node.store.read(lambda conn: conn.execute(select(func.count()).select_from(table(Issued))).scalar())
    assert (state.stored_size, rows) == (0, 0)
    assert (await node.publisher.publish([draft(1)]))[0].index == 0


@pytest.mark.parametrize("statement", ["UPDATE log_tail SET entry = x'00'", "DELETE FROM log_tail"])
async def test_l06_log_storage_only_grows(node: Node, statement: str) -> None:
    await node.publisher.publish([draft(1)])
    with pytest.raises(DatabaseError, match="only grows"):
        await node.store.write(lambda conn: conn.execute(text(statement)))
    kept = await node.store.read(lambda conn: conn.execute(select(func.count()).select_from(table(LogTail))).scalar())
    assert kept == 1


async def test_l07_the_head_moves_by_compare_and_swap(node: Node) -> None:
    """Two writers that saw the same head: one moves it, the other is told."""
    before = await node.store.read(lambda conn: logs.get(conn, node.settings.origin))
    await node.publisher.publish([draft(1)])
    with pytest.raises(Conflict):
        await node.store.write(lambda conn: logs.move_head(conn, before, 1, b"r" * 32))


async def test_l07_no_note_leaves_before_its_head_is_durable(node: Node) -> None:
    """What the mark and the answer speak of lies in the database by then."""
    seen: list[tuple[int, int]] = []
    note = node.mark.note

    def noted(size: int) -> None:
        state = node.store.read_now(lambda conn: logs.get(conn, node.settings.origin))
        seen.append((size, state.head_size))
        note(size)

    node.publisher._on_signed = noted
    await node.publisher.publish([draft(1), draft(2)])
    assert seen == [(2, 2)]


def test_l07_the_lock_of_the_machine_knows_the_key(settings: Settings, tmp_path: Path) -> None:
    key = provision.keyring.load(settings.keys, settings.name, 1).log.verifier
    mine, copy = MachineFence(key, "one", base=tmp_path), MachineFence(key, "two", base=tmp_path)
    mine.hold()
    with pytest.raises(Frozen, match="another process"):
        copy.hold()
    mine.release()
    copy.hold()
    copy.release()


@pytest.mark.parametrize("trick", ["link", "others", "file-link", "hard-link"])
def test_l07_a_lock_that_others_could_have_laid_is_not_used(settings: Settings, tmp_path: Path, trick: str) -> None:
    """/tmp is anybody's: nothing there is followed, and a node starts all the same."""
    key = provision.keyring.load(settings.keys, settings.name, 1).log.verifier
    fence = MachineFence(key, "one", base=tmp_path)
    directory, lure = fence._directory, tmp_path / "lure"
    if trick == "link":
        lure.mkdir()
        directory.symlink_to(lure)
    elif trick == "others":
        directory.mkdir()
        directory.chmod(0o777)
    else:
        directory.mkdir(mode=0o700)
        lure.write_text("precious")
        (fence._file.symlink_to if trick == "file-link" else fence._file.hardlink_to)(lure)
    with pytest.raises(Exception, match="no machine-wide lock"):
        fence.hold()
    if lure.is_file():
        assert lure.read_text() == "precious"


async def test_l07_a_copy_beside_it_does_not_open(node: Node, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(node.settings.directory, copy)
    second = Node(node.settings.model_copy(update={"directory": copy}))
    with pytest.raises(Frozen, match="another process uses these keys"):
        await second.open()
    elsewhere = Node(node.settings.model_copy(update={"directory": copy}), machine_lock=False)
    await elsewhere.open()
    await elsewhere.close()


async def test_l08_a_bit_that_changed_is_found_before_anything_is_signed(node: Node) -> None:
    await node.publisher.publish([draft(1), draft(2)])

    def flip(conn: object) -> None:
        conn.execute(text("DROP TRIGGER log_tail_no_update"))  # type: ignore[attr-defined]
        conn.execute(text("UPDATE log_tail SET entry = zeroblob(40) WHERE idx = 1"))  # type: ignore[attr-defined]

    await node.store.write(flip)
    with pytest.raises(StorageFailed, match="nothing was signed"):
        await node.publisher.publish([draft(3)])
    state = await node.store.read(lambda conn: logs.get(conn, node.settings.origin))
    assert (state.head_size, state.stored_size) == (2, 2)


async def test_l10_a_note_of_another_history_freezes_and_both_notes_are_kept(node: Node) -> None:
    await node.publisher.publish([draft(1), draft(2)])
    other = Checkpoint(node.settings.origin, 1, b"x" * 32)
    shown = Note(other.text(), (node.keys.log.sign_note(other.text()),))

    def judge(conn: object) -> bool:
        state = logs.get(conn, node.settings.origin)  # type: ignore[arg-type]
        return judge_own(conn, state, other, shown, seen_ms=1, holder="hub")  # type: ignore[arg-type]

    assert await node.store.write(judge)
    state = await node.store.read(lambda conn: logs.get(conn, node.settings.origin))
    assert state.frozen.startswith("fork")
    rows = await node.store.read(lambda conn: conn.execute(select(table(LogEvidence))).all())
    assert [(row.reason, row.shown) for row in rows] == [("fork", shown.encode().decode())]
