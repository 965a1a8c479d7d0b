"""The area in which a receiver finds the files of records (文件交换区): a directory that its machine reads, as by FTP.

A file lies there under its SHA-256 before the envelope that names it leaves, so nobody is told of a file that is not
there. Writing is atomic and happens once a file.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO


class FileArea:
    """One area; `open_file` gives the content of a hash that this node holds, and raises NotFound."""

    def __init__(self, directory: Path, open_file: Callable[[str], BinaryIO]) -> None:
        self._directory, self._open = directory, open_file

    def put(self, sha256: str) -> bool:
        """Lay a file into the area unless it is there; gives whether it did."""
        there, hidden = self._directory / sha256, self._directory / f".{sha256}.part"
        if there.is_file():
            return False
        self._directory.mkdir(parents=True, exist_ok=True)
        with self._open(sha256) as source, hidden.open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
            target.flush()
            os.fsync(target.fileno())
        hidden.replace(there)
        return True
