"""What ties a worker to the parent that started it: one socket, by which each learns at once that the other is gone.

The parent makes a pair of sockets and leaves one end open in the worker; nothing of it is in the environment, where it
could outlive its meaning. The worker trusts the number it was given only after the kernel has told it that the other
end was made by its own parent process.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass

from node.errors import Malformed

READY = b"r"
_MOST_BYTES = 4096
_HELLO_S = 30
_PEER = struct.Struct("3i")  # pid, uid, gid: SO_PEERCRED, unix(7)


@dataclass(frozen=True)
class Orders:
    """What a worker is told: its number from 1, of how many, and the listening sockets it serves (descriptors)."""

    worker: int
    workers: int
    sockets: tuple[int, ...]

    def encode(self) -> bytes:
        return json.dumps({"worker": self.worker, "workers": self.workers, "sockets": self.sockets}).encode() + b"\n"


class WorkerEnd:
    """The worker's end of the link. Raises Malformed when `handle` is not one that our parent process gave us."""

    def __init__(self, handle: int) -> None:
        self._socket = _socket(handle, _of_our_parent)
        self.orders = self._read_orders()
        self.sockets = [_socket(number, _listens) for number in self.orders.sockets]
        self._socket.setblocking(False)

    def _read_orders(self) -> Orders:
        self._socket.settimeout(_HELLO_S)
        data = b""
        try:
            while not data.endswith(b"\n") and len(data) < _MOST_BYTES:
                if not (more := self._socket.recv(_MOST_BYTES)):
                    raise _not_ours()
                data += more
            told = json.loads(data)
            return Orders(int(told["worker"]), int(told["workers"]), tuple(map(int, told["sockets"])))
        except (OSError, ValueError, KeyError, TypeError):
            raise _not_ours() from None

    def tell_ready(self) -> None:
        """Tell the parent that this worker answers."""
        self._socket.send(READY)

    async def until_alone(self) -> None:
        """Return when the parent is gone; it never says anything more."""
        loop = asyncio.get_running_loop()
        try:
            while await loop.sock_recv(self._socket, 64):
                pass
        except OSError:
            return

    def close(self) -> None:
        self._socket.close()


def _socket(handle: int, ours: Callable[[socket.socket], bool]) -> socket.socket:
    """The socket of a descriptor; one that is not `ours` is left as it is."""
    try:
        found = socket.socket(fileno=handle)
    except OSError:
        raise _not_ours() from None
    try:
        if ours(found):
            return found
    except OSError:
        pass
    found.detach()
    raise _not_ours()


def _of_our_parent(found: socket.socket) -> bool:
    peer = found.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
    return found.family == socket.AF_UNIX and _PEER.unpack(peer)[0] == os.getppid()


def _listens(found: socket.socket) -> bool:
    return found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) != 0


def _not_ours() -> Malformed:
    return Malformed(
        "--link is for worker processes, which ggzy serve --workers starts by itself",
        field="--link",
        zh="--link 仅供工作进程使用",
        advice_zh="请勿自行使用 --link；运行多个进程请用 ggzy serve --workers N。",
        advice_en="Do not use --link yourself: run ggzy serve --workers N.",
    )
