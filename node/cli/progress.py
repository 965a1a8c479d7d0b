"""Progress bars on long work: drawn on a terminal, silent elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from node.cli.output import interactive


@contextmanager
def counter(title: str) -> Iterator[Callable[[int, int], None]]:
    """Gives `show(done, total)`."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not interactive(), transient=True) as progress:
        task = progress.add_task(title, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


@contextmanager
def bar(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """Gives `advance(steps)` towards a total that is known before."""
    with counter(title) as show:
        done = 0

        def advance(steps: int) -> None:
            nonlocal done
            done += steps
            show(done, total)

        yield advance
