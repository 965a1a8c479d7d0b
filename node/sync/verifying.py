"""A process that holds payloads against headers for the node, so that the node's own has its hands free (DESIGN §8).

Taking in a backlog is hashing, and Python hashes on one core at a time. So the question of `node/wire/brought.py` goes
to a child over a pipe: frames of msgpack behind their length as a big-endian uint32. While the child is at one, or when
it is gone, the question is answered here: the answer is the same.
"""

from __future__ import annotations

import os
import select
import struct
import subprocess
import sys
import threading
from typing import IO

import msgspec
import structlog

from node.wire import brought
from node.wire.brought import Brought, Found

LEAST_BYTES = 64 << 10
"""Smaller questions are answered at once: passing them on would take longer."""
TURN_S = 0.05
"""So long a question waits for its turn; then there is more to do than one process aside can."""
PATIENCE_S = 60
"""A child that says nothing for so long has lost its way."""
_log = structlog.get_logger(__name__)
_encoder = msgspec.msgpack.Encoder()
_questions = msgspec.msgpack.Decoder(Brought)
_answers = msgspec.msgpack.Decoder(Found)


def worth_it(role: str, workers: int) -> bool:
    """Whether a node gains by a process aside: others send to it, and a core is free that no worker of it uses."""
    return role != "district" and workers == 1 and (os.cpu_count() or 1) > 1


class Verifier:
    """Answers `brought.check`, in a child process when `aside` is set. Safe to ask from many threads; close it."""

    def __init__(self, *, aside: bool = False) -> None:
        self._aside = aside
        self._child: subprocess.Popen[bytes] | None = None
        self._busy = threading.Lock()

    def check(self, question: Brought) -> Found:
        """`brought.check`. Blocks, so it is asked in a thread."""
        size = sum(map(len, question.packs))
        if not self._aside or size < LEAST_BYTES or not self._busy.acquire(timeout=TURN_S):
            return brought.check(question)
        try:
            return self._ask(question)
        except (OSError, EOFError, msgspec.MsgspecError) as error:
            _log.warning("verifier_lost", error=type(error).__name__)
            self._end()
            return brought.check(question)
        finally:
            self._busy.release()

    def close(self) -> None:
        with self._busy:
            self._aside = False
            self._end()

    def _ask(self, question: Brought) -> Found:
        if self._child is None:
            # Isolated from where we were started: nothing of the working directory is imported in its place.
            self._child = subprocess.Popen(
                [sys.executable, "-P", "-m", __name__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                start_new_session=True,
            )
        assert self._child.stdin is not None and self._child.stdout is not None
        _write(self._child.stdin, _encoder.encode(question))
        if not select.select([self._child.stdout], [], [], PATIENCE_S)[0]:
            raise TimeoutError
        return _answers.decode(_read(self._child.stdout))

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    try:
                        pipe.close()
                    except OSError:
                        pass  # what was left in its buffer has nobody to go to


def _write(pipe: IO[bytes], data: bytes) -> None:
    pipe.write(struct.pack(">I", len(data)))
    pipe.write(data)
    pipe.flush()


def _read(pipe: IO[bytes]) -> bytes:
    """The next frame. Raises EOFError when there is none."""
    (length,) = struct.unpack(">I", _exactly(pipe, 4))
    return _exactly(pipe, length)


def _exactly(pipe: IO[bytes], length: int) -> bytes:
    data = pipe.read(length)
    if len(data) < length:
        raise EOFError
    return data


def main() -> None:
    """Answer questions until there are no more: the child's end is its parent's, however that ends."""
    questions, answers = sys.stdin.buffer, sys.stdout.buffer
    while True:
        try:
            question = _read(questions)
        except EOFError:
            return
        _write(answers, _encoder.encode(brought.check(_questions.decode(question))))


if __name__ == "__main__":
    main()
