"""The scan of a file before it is stored: a command of the settings, fed by path (docs/attachments.md).

Exit 0: clean. Exit 1: refused; the first line that it printed is the reason, and the file goes to quarantine. Anything
else, or no end within its time: the scan did not take place, and the file waits. `clamdscan` answers so by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from node.errors import Unavailable

_log = structlog.get_logger(__name__)
CLEAN, REFUSED = 0, 1
MAX_SAID = 64 << 10
MAX_REASON = 200


@dataclass(frozen=True, slots=True)
class Scanner:
    """`command` and its arguments, to which the path is added; an empty one finds everything clean."""

    command: Sequence[str] = ()
    timeout_s: float = 120

    async def judge(self, path: Path) -> str:
        """The reason for which a file is refused, empty when it is clean. Raises Unavailable without a verdict."""
        if not self.command:
            return ""
        try:
            process = await asyncio.create_subprocess_exec(
                *self.command,
                str(path),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
        except OSError as error:
            raise _no_verdict(f"the command cannot be run: {error.strerror}") from None
        try:
            async with asyncio.timeout(self.timeout_s):
                said = await self._listen(process)
                code = await process.wait()
        except TimeoutError:
            raise _no_verdict(f"no verdict within {self.timeout_s:g} s") from None
        finally:
            # Also when this task is given up: a scan that nobody waits for must not go on.
            if process.returncode is None:
                process.kill()
                await process.wait()
        if code == CLEAN:
            return ""
        words = _words(said)
        if code == REFUSED:
            return words or "refused by the scan"
        raise _no_verdict(f"the command ended with {code}: {words}")

    async def _listen(self, process: asyncio.subprocess.Process) -> bytes:
        """What it prints, its first part; the rest is read and let go, or it would wait for a reader for ever."""
        assert process.stdout is not None
        said = b""
        while piece := await process.stdout.read(1 << 16):
            said = (said + piece)[:MAX_SAID]
        return said


def _words(said: bytes) -> str:
    lines = said.decode("utf-8", "replace").split("\n")
    first = next((line.strip() for line in lines if line.strip()), "")
    # Without the path: it is nobody's business, and the reason is shown on pages.
    first = first.rpartition(": ")[2] if first.startswith("/") else first
    return "".join(char if char.isprintable() else " " for char in first)[:MAX_REASON]


def _no_verdict(detail: str) -> Unavailable:
    _log.error("attachment_scan_failed", detail=detail)
    return Unavailable(
        f"the file could not be scanned: {detail}",
        zh="文件暂时无法查毒",
        advice_zh="请稍后重新完成上传；仍不行请通知管理员检查 attachment_scan_command。",
        advice_en="Finish the upload again later; if it goes on, have attachment_scan_command checked.",
    )
