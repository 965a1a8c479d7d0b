"""The machine that a figure was measured on: processor, memory, how long its disk takes to make a write durable."""

from __future__ import annotations

import os
import platform
import sqlite3
import ssl
import time
from importlib import metadata
from pathlib import Path

from node import __version__
from node.bench.report import Figures, median, rounded

FSYNCS = 50


def describe(directory: Path) -> Figures:
    """What a reader needs to compare figures with his own; `directory` lies on the disk that is measured."""
    return {
        "cpu": _first("/proc/cpuinfo", "model name") or platform.processor() or "unknown",
        "cores": len(os.sched_getaffinity(0)),
        "ram_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "kernel": platform.release(),
        "file_system": _file_system(directory),
        "fsync_ms": fsync_ms(directory),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "openssl": ssl.OPENSSL_VERSION.split()[1],
        "ggzy": __version__,
        "aiohttp": metadata.version("aiohttp"),
        "zstandard": metadata.version("zstandard"),
    }


def fsync_ms(directory: Path) -> float:
    """Median milliseconds of a write of 4 KiB and fsync at the end of a file in `directory`."""
    file = directory / "fsync.probe"
    handle = os.open(file, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        taken = []
        for _ in range(FSYNCS):
            started = time.perf_counter()
            os.write(handle, bytes(4096))
            os.fsync(handle)
            taken.append(time.perf_counter() - started)
    finally:
        os.close(handle)
        file.unlink()
    return rounded(median(taken) * 1000)


def _first(file: str, name: str) -> str:
    try:
        lines = Path(file).read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")


def _file_system(directory: Path) -> str:
    """Type of the file system that holds `directory`, by the longest mount point above it (proc(5), mounts)."""
    best = ("", "unknown")
    for line in Path("/proc/mounts").read_text("utf-8", "replace").splitlines():
        _, point, kind, *_ = line.split()
        if directory.resolve().is_relative_to(point) and len(point) >= len(best[0]):
            best = point, kind
    return best[1]
