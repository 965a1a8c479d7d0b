"""`scripts/simulate`: simulations by command, one after another, until one breaks."""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import traceback
from pathlib import Path

import structlog

from tests.simulation.story import simulate

MEMORY = Path("/dev/shm")


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/simulate", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="first seed")
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds, from the first on")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--districts", type=int, default=40)
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    published = receipts = crashes = 0
    for seed in range(given.seed, given.seed + given.seeds):
        with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name:
            try:
                told = simulate(Path(name), seed=seed, steps=given.steps, districts=given.districts)
            except Exception:
                traceback.print_exc()
                print(
                    f"broken; again with: scripts/simulate --seed {seed} --steps {given.steps} "
                    f"--districts {given.districts}"
                )
                return 1
        published, receipts, crashes = published + told.published, receipts + told.receipts, crashes + told.crashes
        print(
            f"seed {seed}: {told.published} records, {told.crashes} crashes, {told.receipts} receipts verified, "
            f"run {told.digest[:16]}",
            flush=True,
        )
    print(f"{given.seeds} simulations held: {published} records, {crashes} crashes, {receipts} receipts verified")
    return 0


if __name__ == "__main__":
    sys.exit(main())
