"""The link between a parent and a worker: who is no child of the other end is refused."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from node.errors import Malformed
from node.running.link import Orders, WorkerEnd

ROOT = Path(__file__).resolve().parents[2]
CHILD = """
import asyncio, sys
from node.running.link import WorkerEnd
link = WorkerEnd(int(sys.argv[1]))
print(link.orders.worker, link.orders.workers, [each.getsockname()[1] for each in link.sockets], flush=True)
link.tell_ready()
asyncio.run(link.until_alone())
print("alone", flush=True)
"""


def listening() -> socket.socket:
    made = socket.socket()
    made.bind(("127.0.0.1", 0))
    made.listen()
    return made


def test_a_child_learns_its_orders_and_that_its_parent_is_gone() -> None:
    ours, theirs = socket.socketpair()
    with ours, listening() as door:
        handles = (theirs.fileno(), door.fileno())
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(theirs.fileno())],
            pass_fds=handles,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        theirs.close()
        with child:
            assert child.stdout is not None
            ours.sendall(Orders(2, 3, (door.fileno(),)).encode())
            assert child.stdout.readline() == f"2 3 [{door.getsockname()[1]}]\n"
            ours.settimeout(30)
            assert ours.recv(64) != b""
            ours.close()
            assert child.stdout.readline() == "alone\n"
            assert child.wait(30) == 0


def test_what_is_no_link_of_our_parent_is_refused(tmp_path: Path) -> None:
    """A number that means something else, as a stale one would: a file, a listening socket, a pair made by another."""
    with (tmp_path / "file").open("wb") as file, listening() as door:
        ours, theirs = socket.socketpair()  # made by this very process, which is not its own parent
        with ours, theirs:
            for handle in (file.fileno(), door.fileno(), theirs.fileno(), 999_999):
                with pytest.raises(Malformed, match="--workers"):
                    WorkerEnd(handle)
            for each in (file.fileno(), door.fileno(), theirs.fileno()):
                assert os.fstat(each), "what is not ours stays open"


def test_orders_that_cannot_be_read_are_refused() -> None:
    script = "import sys\nfrom node.running.link import WorkerEnd\nWorkerEnd(int(sys.argv[1]))"
    for said in (b"", b"{}\n", b'{"worker": 1, "workers": 1, "sockets": [0]}\n', b"\xff\n", b"[]\n"):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            command = [sys.executable, "-c", script, str(theirs.fileno())]
            child = subprocess.Popen(
                command, pass_fds=(theirs.fileno(),), cwd=ROOT, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE
            )
            with child:
                ours.sendall(said)
                ours.shutdown(socket.SHUT_WR)
                assert child.stderr is not None
                told = child.stderr.read().decode()
                assert child.wait(30) == 1
        assert "Malformed" in told and "--link is for worker processes" in told, said
