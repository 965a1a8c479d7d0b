"""The parent of the workers: starts, restarts, forwards the end, and gives up with a status that says why."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from node.running import parent as parents
from node.running.door import listen
from node.running.parent import STORAGE_EXIT, WORKERS_EXIT, Parent
from node.settings import build

ROOT = Path(__file__).resolve().parents[2]
WORKER = """
import asyncio, os, signal, sys
from pathlib import Path
from node.running.link import WorkerEnd
link = WorkerEnd(int(sys.argv[-1]))
place = Path(sys.argv[1])
(place / f"{link.orders.worker}.{os.getpid()}").touch()
def stop(*_):
    (place / f"stopped.{os.getpid()}").touch()
    os._exit(0)
# Before it says that it is ready: it may be told to stop at once then.
signal.signal(signal.SIGTERM, signal.SIG_IGN if sys.argv[2] == "deaf" else stop)
link.tell_ready()
if sys.argv[2] == "dies" or (sys.argv[2].isdigit() and link.orders.worker == 2):
    raise SystemExit(int(sys.argv[2]) if sys.argv[2].isdigit() else 3)
while True:
    signal.pause()
"""


class Scene:
    """A parent of two workers that do what they are told at their start."""

    def __init__(self, directory: Path, does: str) -> None:
        made = {"name": "ggzy.example/t/500000", "title": "t", "role": "hub", "division": "500000", "port": 0}
        self.directory = directory
        self.sockets = listen(build(directory, made))
        command = [sys.executable, "-c", WORKER, str(directory), does]
        self.parent = Parent(command, {**os.environ, "PYTHONPATH": str(ROOT)}, self.sockets, 2)

    def started(self, worker: int) -> list[int]:
        """Processes that were this worker, in no order."""
        return [int(file.suffix[1:]) for file in self.directory.glob(f"{worker}.*")]

    async def until(self, check: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            for _ in itertools.count():
                if check():
                    return
                await asyncio.sleep(0.02)

    def stopped(self) -> int:
        """How many ended because they were told to."""
        return len(list(self.directory.glob("stopped.*")))

    def gone(self) -> bool:
        """Whether no process is left that was ever started."""
        return not any(Path(f"/proc/{pid}").exists() for worker in (1, 2) for pid in self.started(worker))


async def test_it_stops_its_workers_and_closes_the_door(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "serves")
    running = asyncio.create_task(scene.parent.run())
    await scene.until(lambda: bool(scene.started(1) and scene.started(2)))
    # Each is told when it can hear.
    await scene.until(lambda: scene.parent.ready == 2)
    scene.parent.stop()
    assert await running == 0
    assert scene.stopped() == 2
    assert scene.gone()
    assert all(each.fileno() == -1 for each in scene.sockets)


async def test_a_worker_that_dies_is_started_again(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "serves")
    running = asyncio.create_task(scene.parent.run())
    await scene.until(lambda: scene.parent.ready == 2)
    (first,) = scene.started(1)
    os.kill(first, signal.SIGKILL)
    await scene.until(lambda: len(scene.started(1)) == 2 and scene.parent.ready == 2)
    assert len(scene.started(2)) == 1, "the other was left alone"
    scene.parent.stop()
    assert await running == 0
    assert scene.gone()


async def test_a_failed_disk_in_one_ends_all_with_its_status(tmp_path: Path) -> None:
    scene = Scene(tmp_path, str(STORAGE_EXIT))
    assert await scene.parent.run() == STORAGE_EXIT
    assert scene.gone()


async def test_workers_that_all_die_at_once_are_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.running.restarts.FIRST_S", 0.0)
    scene = Scene(tmp_path, "dies")
    assert await scene.parent.run() == WORKERS_EXIT
    assert len(scene.started(1)) + len(scene.started(2)) >= 10
    assert scene.gone()


async def test_a_worker_that_will_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parents, "STOP_S", 0.1)
    scene = Scene(tmp_path, "deaf")
    running = asyncio.create_task(scene.parent.run())
    await scene.until(lambda: scene.parent.ready == 2)
    scene.parent.stop()
    assert await running == 0
    assert scene.gone()
