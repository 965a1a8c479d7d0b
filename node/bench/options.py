"""What every measurement is told, and the directory that it works in."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from node.errors import Refused

PLACE = "/var/tmp"
"""Where measurements work unless told otherwise: on a disk, which /tmp need not be."""


@dataclass(frozen=True, slots=True)
class Options:
    """Common to all measurements. `tell` is given a line about each step; `seed` makes the records."""

    directory: Path | None = None
    keep: bool = False
    seed: int = 1
    store: str = "sqlite"
    postgres_url: str = field(default="", repr=False)
    tell: Callable[[str], None] = lambda line: None


@contextmanager
def workplace(options: Options) -> Iterator[Path]:
    """An empty directory for the measurement, removed afterwards unless it is to be kept. Raises Refused."""
    if options.directory is None:
        place = Path(tempfile.mkdtemp(prefix="ggzy-bench-", dir=PLACE if Path(PLACE).is_dir() else None))
    else:
        place = options.directory.resolve()
        if place.exists() and any(place.iterdir()):
            raise Refused(
                f"{place} is not empty",
                zh=f"目录 {place} 不是空目录",
                advice_zh="请用 --dir 指定一个空的或新的目录。",
                advice_en="Name an empty or a new directory with --dir.",
            )
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        yield place
    finally:
        if options.keep:
            options.tell(f"数据保留在 {place} · kept there")
        else:
            shutil.rmtree(place, ignore_errors=True)
