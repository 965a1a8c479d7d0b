"""What the sandbox checks of an upload's files, the last of its steps: names from the dictionary, and the file there.

As the province's service does it: a file is named by its place, is looked at there, and its MD5 is kept beside.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import RowMapping

from node.domain.standard import Standard
from node.domain.standard_lint import lint_files
from node.uplink.shape import SourceFile
from node.web.national.refusal import Refusal

SOURCE = "SOURCE"
Kept = list[str]
"""What is kept of a file: its name in the dictionary, its own name, its place, its MD5 (empty where nobody looked)."""
MOST = 200
_ADDRESS = re.compile(r"https?://[^\s]{1,1000}")
_PLACE = re.compile(r"[0-9A-Za-z_-][0-9A-Za-z._-]{0,199}(/[0-9A-Za-z_-][0-9A-Za-z._-]{0,199}){0,8}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def kept(before: RowMapping | None) -> list[Kept]:
    """The files of a record that is held."""
    found = {} if before is None else json.loads(before["fields"])
    return list(found.get(SOURCE, ()))


def checked(standard: Standard, sources: Sequence[SourceFile], before: Sequence[Kept], area: Path | None) -> list[Kept]:
    """The files of the record after this upload. Raises Refusal."""
    if len(sources) > MOST:
        raise Refusal(f"附件超过 {MOST} 个")
    held = {(row[0], row[1]): list(row) for row in before}
    refused = [
        fault for fault in lint_files(standard, [(s.dictionary, s.name) for s in sources]) if fault.severity == "refuse"
    ]
    if refused:
        raise Refusal(refused[0].zh)
    # What goes first, then what comes: a file that was replaced has the same name twice.
    for each in sorted(sources, key=lambda source: not source.deleted):
        name = (each.dictionary, each.name)
        if each.deleted:
            if held.pop(name, None) is None:
                raise Refusal(f"附件“{each.name[:40]}”不存在，不能删除")
            continue
        held[name] = [*name, each.place, _looked_at(each, area)]
    return list(held.values())


def _looked_at(each: SourceFile, area: Path | None) -> str:
    """The MD5 of a file that lies in the area; empty where its place is an address elsewhere."""
    called = f"附件“{each.name[:40]}”"
    if not each.place:
        raise Refusal(f"{called}缺少文件（BINARY_CONTENT）")
    if _ADDRESS.fullmatch(each.place):
        return ""
    if not _PLACE.fullmatch(each.place):
        raise Refusal(f"{called}的文件位置不正确（BINARY_CONTENT）")
    if area is None:
        return ""
    path = area / each.place
    if not path.resolve().is_relative_to(area.resolve()) or not path.is_file():
        raise Refusal(f"{called}的文件不存在：{each.place[:80]}")
    md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            md5.update(piece)
            sha256.update(piece)
    if _SHA256.fullmatch(path.name) and sha256.hexdigest() != path.name:
        raise Refusal(f"{called}的内容与其摘要不符")
    return md5.hexdigest()
