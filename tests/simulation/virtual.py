"""An event loop whose time is a number, and executors that run at once: the same seed gives the same run.

Nothing in a simulation waits for a disk's thread or a socket, so whenever no callback is ready the only thing left to
wait for is a timer: the loop jumps to it.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Deadlock(RuntimeError):
    """Everything waits and no timer is set: nothing will ever happen again."""


class _JumpingSelector(selectors.DefaultSelector):
    """Never sleeps: moves the loop's time by what it would have slept."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise Deadlock
        if not ready and timeout is not None and timeout > 0:
            self.now_s += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """`time()` counts virtual seconds from 0; executors run what they are given at once, in the loop's thread."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)
        self.set_default_executor(Inline())

    def time(self) -> float:
        return self._jumping.now_s


class Inline(ThreadPoolExecutor):
    """Runs each piece of work where it is submitted. Of the type that asyncio wants for its default executor."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        done: Future[T] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except BaseException as error:
            done.set_exception(error)
        return done


def run(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main())
