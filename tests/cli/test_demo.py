"""`ggzy demo --once`: a federation on the packaged sample, every record accounted for at every tier."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def demo(*words: str) -> dict[str, int]:
    done = subprocess.run(
        [sys.executable, "-m", "node", "demo", "--once", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, (done.stdout, done.stderr)
    found: dict[str, int] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def test_every_published_record_reaches_hub_and_national_with_a_receipt(tmp_path: Path) -> None:
    directory = str(tmp_path / "a demo")
    first = demo("--dir", directory)
    assert set(first) == {"published", "at_hub", "at_national", "receipts_verified", "quarantined", "seconds"}
    assert first["published"] == first["at_hub"] == first["at_national"] == first["receipts_verified"] > 300
    assert first["quarantined"] == 0
    # The same directory again: nothing is published twice, all is still there.
    again = demo("--dir", directory)
    assert {name: again[name] for name in again if name != "seconds"} == {
        name: first[name] for name in first if name != "seconds"
    }


def test_the_number_of_records_can_be_chosen(tmp_path: Path) -> None:
    small = demo("--dir", str(tmp_path / "small"), "--records", "40")
    assert small["published"] == small["at_national"] == small["receipts_verified"] == 40
