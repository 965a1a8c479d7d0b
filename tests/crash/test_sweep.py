"""The short form of `scripts/crash-sweep`: a few points of every stage and mode, and proof that the judge can judge."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.crash.faults import MODES
from tests.crash.flips import ANSWERS
from tests.crash.processes import Point
from tests.crash.scenes import sample
from tests.crash.stages import STAGES
from tests.crash.sweep import NOT_HERE

ROOT = Path(__file__).resolve().parents[2]


def sweep(*arguments: str) -> tuple[int, str]:
    """Exit status and output of a sweep. In a process of its own: it forks, and watches all that SQLite does."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash.sweep", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode == NOT_HERE:
        pytest.skip(done.stderr.strip())
    return done.returncode, done.stdout + done.stderr


def counts(output: str) -> dict[str, int]:
    """The numbers of the last line."""
    return {name: int(number) for number, name in re.findall(r"(\d+) ([a-z]+)", output.strip().splitlines()[-1])}


def test_L7_L8_killed_at_every_sort_of_change() -> None:
    """Each stage in each mode. Odd seeds begin with a WAL that is nearly full, left by a process that never closed it:
    it is folded back into the database in the middle of the work."""
    status, output = sweep("--points", "40", "--seed", "1")
    assert output.endswith("40 points, 0 lost, 0 duplicated, 0 forked, 0 otherwise wrong\n"), output
    assert status == 0


def test_L8_nothing_is_signed_after_a_sync_that_failed_while_the_log_was_folded_back() -> None:
    """Every second sync of that workload fails once, one of the fold among them, which SQLite would keep to itself."""
    fold = ("--points", "6", "--seeds", "1", "--stage", "publish", "--seed", "1", "--mode", "fsync")
    status, output = sweep(*fold)
    assert status == 0, output
    status, output = sweep(*fold, "--sabotage", "swallow")
    assert status == 1 and counts(output)["otherwise"] > 0, output
    assert "a sync of the database failed, and the node went on" in output


def test_the_sweep_notices_commits_that_are_not_forced_to_the_disk() -> None:
    status, output = sweep("--points", "2", "--stage", "publish", "--mode", "power", "--sabotage", "no-sync")
    assert status == 1 and counts(output)["lost"] > 0 and counts(output)["forked"] > 0, output
    assert "scripts/crash-sweep --stage publish --mode power --point " in output, "it can be played again"


def test_the_sweep_notices_what_is_there_twice() -> None:
    status, output = sweep("--points", "2", "--stage", "publish", "--mode", "power", "--sabotage", "forget")
    assert status == 1 and counts(output)["duplicated"] > 0, output


def test_L8_a_byte_flipped_anywhere_is_found_or_has_no_effect() -> None:
    status, output = sweep("--flips", "16")
    found = counts(output)
    assert status == 0 and found["missed"] == 0 and found["found"] > 3, output
    assert sum(found[answer] for answer in ANSWERS) == 16


def test_a_sample_is_shared_out_over_stages_and_modes() -> None:
    points = [
        Point(0, stage, mode, number)
        for stage in STAGES
        for mode in MODES
        for number in range(3 if mode == "fsync" else 50)
    ]
    chosen = sample(points, 160)
    assert len(set(chosen)) == 160
    groups = {(point.stage, point.mode): 0 for point in points}
    for point in chosen:
        groups[point.stage, point.mode] += 1
    assert all(3 <= count <= 6 for count in groups.values()), groups
    assert sample(points, 160) == chosen, "the same each time"
