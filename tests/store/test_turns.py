"""Processes that write to one SQLite database take turns: one that comes again at once waits for who waited."""

from __future__ import annotations

import fcntl
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import text

from node.errors import Unavailable
from node.store.db import Store
from node.store.turns import Turns


def database(tmp_path: Path) -> str:
    file = tmp_path / "node.db"
    file.write_bytes(b"x")
    return str(file)


def test_who_waits_is_next(tmp_path: Path) -> None:
    """Each object stands for a process of its own: the kernel tells them apart by their open files."""
    greedy, patient = (Turns(database(tmp_path), 30) for _ in range(2))
    order: list[str] = []
    waiting = threading.Event()

    def wait() -> None:
        waiting.set()
        with patient.mine():
            order.append("patient")

    other = threading.Thread(target=wait)
    with greedy.mine():
        other.start()
        assert waiting.wait(30)
        while greedy._opened() and _is_free(greedy, 0):
            pass  # until the patient one holds the place in front
        order.append("greedy")
    with greedy.mine():
        order.append("greedy again")
    other.join(30)
    assert order == ["greedy", "patient", "greedy again"]
    for each in (greedy, patient):
        each.close()


def _is_free(turns: Turns, which: int) -> bool:
    probe = Turns(turns._files[0].removesuffix("-next"), 0)
    handle = (probe._opened() or [])[which]
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        return True
    finally:
        probe.close()


def test_a_turn_that_does_not_end_is_told_of(tmp_path: Path) -> None:
    stuck, other = Turns(database(tmp_path), 30), Turns(str(tmp_path / "node.db"), 0)
    with stuck.mine(), pytest.raises(Unavailable, match="another process holds the database"), other.mine():
        pass
    with other.mine():
        pass
    for each in (stuck, other):
        each.close()


def test_a_process_that_ends_leaves_its_turn(tmp_path: Path) -> None:
    file = database(tmp_path)
    holding = f"from node.store.turns import Turns\nwith Turns({file!r}, 30).mine(): print('mine', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", holding], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    ) as child:
        assert child.stdout is not None and child.stdout.readline() == b"mine\n"
        other = Turns(file, 0)
        with pytest.raises(Unavailable), other.mine():
            pass
        child.kill()
    with other.mine():
        pass
    other.close()


def test_without_room_for_its_files_writing_goes_on(tmp_path: Path) -> None:
    nowhere = Turns(str(tmp_path / "gone" / "node.db"), 0)
    with nowhere.mine(), nowhere.mine():
        pass
    nowhere.close()


def test_two_stores_write_in_turn_and_lose_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{database(tmp_path)}"
    (tmp_path / "node.db").write_bytes(b"")
    sqlite3.connect(tmp_path / "node.db").execute("CREATE TABLE t (who TEXT)").connection.close()
    stores = [Store(url) for _ in range(2)]

    def write(number: int) -> None:
        for _ in range(50):
            stores[number].write_now(lambda conn: conn.execute(text(f"INSERT INTO t VALUES ('{number}')")))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    assert stores[0].read_now(lambda conn: conn.execute(text("SELECT count(*) FROM t")).scalar_one()) == 100
    modes = {(tmp_path / f"node.db-{name}").stat().st_mode & 0o777 for name in ("next", "turn")}
    assert modes == {0o600}
    for store in stores:
        store.close()
