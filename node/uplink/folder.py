"""The exchange folder of a front-end machine (前置机): envelopes go out as files, answers come in as files.

    out/<DATA_KEY>.<operation>.xml      what we report; complete when it has this name
    in/<DATA_KEY>.<operation>.json      the answer, {"STATUS":…}; read and moved to done/

Writing is atomic (a hidden file, synced, renamed) and says the same again under the same name, so a crash leaves either
nothing or the whole file, and a repeated run changes nothing.
"""

from __future__ import annotations

import os
from pathlib import Path

from node.uplink.held import Answers
from node.uplink.receiver import MAX_ANSWER_BYTES, Answer, understand

OUT, IN, DONE = "out", "in", "done"


class Folder:
    """One exchange folder."""

    def __init__(self, path: Path, answers: Answers) -> None:
        self._path, self._answers = path, answers

    def exchange(self, data_key: str, operation: str, data: bytes) -> Answer:
        """Write an envelope, and read its answer if one is there; without one its fate is unknown."""
        stem = f"{data_key}.{operation}"
        answer = self._path / IN / f"{stem}.json"
        if answer.is_file():
            with answer.open("rb") as file:
                body = file.read(MAX_ANSWER_BYTES + 1)
            if len(body) > MAX_ANSWER_BYTES:
                return Answer("unknown", "回执过大 · the answer is too large")
            found = understand(body, self._answers)
            if found.sort == "unknown":
                return found  # perhaps half written: it stays and is read again
            done = self._path / DONE
            done.mkdir(parents=True, exist_ok=True)
            out = self._path / OUT / f"{stem}.xml"
            if out.is_file():
                out.replace(done / out.name)
            answer.replace(done / answer.name)
            return found
        self.write(stem, data)
        return Answer("unknown", "前置机尚无回执 · no answer in the folder yet")

    def write(self, stem: str, data: bytes) -> bool:
        """Write an envelope unless the same is there already; gives whether it wrote."""
        out = self._path / OUT
        out.mkdir(parents=True, exist_ok=True)
        file, hidden = out / f"{stem}.xml", out / f".{stem}.part"
        if file.is_file() and file.read_bytes() == data:
            return False
        with hidden.open("wb") as handle:
            handle.write(data)
            handle.flush()
            os.fsync(handle.fileno())
        hidden.replace(file)
        return True
