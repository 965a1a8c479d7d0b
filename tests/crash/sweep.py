"""Kill a node at every write and every sync, restart it, finish the work, and judge: nothing lost, twice or forked.

A point is (seed, stage, mode, number): the workload of the stage, the sort of fault, and the change of a file at which
it strikes. Each point takes a copy of a node made once, and two processes forked from this one, in which everything is
loaded already: one that meets the fault, one that comes after it. `scripts/crash-sweep` runs it.
"""

from __future__ import annotations

import argparse
import os
import selectors
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import structlog

from tests.crash import flips, places, sabotage
from tests.crash.faults import MODES
from tests.crash.places import Line, warm
from tests.crash.processes import Point, Scene, fork
from tests.crash.scenes import make_scene, points_of, quiet, run_point, sample
from tests.crash.stages import STAGES
from tests.crash.vfs import library, shim

NOT_HERE = 77  # exit status: this Python's sqlite3 cannot be watched
ROOM_BYTES = 1 << 30


def work_off(items: Sequence[Any], work: Callable[[Any], Any], options: Any) -> Iterator[Any]:
    """Do `work` on each item, in `options.jobs` processes; gives what it says, as plain values, as they come."""
    waiting = selectors.DefaultSelector()
    children = []
    for job in range(options.jobs):
        out, into = os.pipe()
        child = os.fork()
        if not child:
            os.close(out)
            _work(items[job :: options.jobs], work, options, Line(into))
        os.close(into)
        children.append(child)
        waiting.register(out, selectors.EVENT_READ, bytearray())
    while waiting.get_map():
        for key, _ in waiting.select():
            chunk = os.read(key.fd, 1 << 16)
            if not chunk:
                waiting.unregister(key.fd)
                os.close(key.fd)
                continue
            key.data.extend(chunk)
            yield from _whole(key.data)
    for child in children:
        _, status = os.waitpid(child, 0)
        if status:
            raise RuntimeError(f"a worker ended with status {status}")


def _work(items: Sequence[Any], work: Callable[[Any], Any], options: Any, tell: Line) -> None:
    status = 1
    try:
        for item in items:
            if options.minutes and time.monotonic() > options.began + 60 * options.minutes:
                break
            tell(work(item))
        status = 0
    finally:
        os._exit(status)


def _whole(data: bytearray) -> Iterator[Any]:
    """Take whole messages off the front."""
    while len(data) >= 4 and len(data) >= 4 + (length := int.from_bytes(data[:4], "big")):
        for (said,) in places.words_of(bytes(data[: 4 + length])):
            yield said
        del data[: 4 + length]


def gather(base: Path, options: Any) -> tuple[list[Point], dict[tuple[str, int], Scene]]:
    """The points to run, from as many seeds as it takes, and their scenes."""
    stages = [options.stage] if options.stage else list(STAGES)
    modes = [options.mode] if options.mode else list(MODES)
    points: list[Point] = []
    scenes: dict[tuple[str, int], Scene] = {}
    seed = options.seed
    while len(points) < options.points:
        for stage in stages:
            scenes[stage, seed] = scene = make_scene(base, stage, seed)
            points += points_of(scene, stage, seed, modes)
        if options.point is not None:
            return [point for point in points if point.number == options.point], scenes
        seed += 1
        if seed - options.seed == options.seeds:
            break
    return sample(points, min(options.points, len(points))), scenes


def run_points(base: Path, options: Any) -> int:
    """Run points; gives the exit status."""
    found: Counter[str] = Counter()
    done = 0
    points, scenes = gather(base, options)
    print(f"{len(points)} points of {len(scenes)} workloads", flush=True)

    def work(point: Point) -> Any:
        scene = scenes[point.stage, point.seed]
        return points.index(point), run_point(base, point, scene, options.sabotage, options.keep)

    for number, problems in work_off(points, work, options):
        done += 1
        found.update(problems.keys())
        if problems:
            print(f"{points[number].replay()}\n    {problems}", flush=True)
        if done % 250 == 0:
            print(f"{done} of {len(points)} points, {time.monotonic() - options.began:.0f} s", flush=True)
    print(
        f"{done} points, {found['lost']} lost, {found['twice']} duplicated, {found['forked']} forked, "
        f"{found['wrong']} otherwise wrong"
    )
    return 1 if found or not done else 0


def run_flips(base: Path, options: Any) -> int:
    """Flip bytes one by one; gives the exit status."""
    made = base / "made"
    told = quiet(fork(flips.build(made, options.seed)), "the node was not made")
    before, views_before = next(words[1:] for words in told if words[0] == "made")
    size = (made / "node.db").stat().st_size
    found: Counter[str] = Counter()

    def work(flip: tuple[int, int]) -> Any:
        copy = flips.flipped(base, made, *flip)
        told, status = fork(flips.judged(copy, before, views_before))
        answers = [words[1:] for words in told if words[0] == "answer"]
        shutil.rmtree(copy)
        return *flip, *(answers[0] if answers and not status else ("missed", f"status {status}, {told}"))

    for position, change, answer, why in work_off(flips.positions(size, options.flips, options.seed), work, options):
        found[answer] += 1
        if answer == "missed" or options.keep:
            print(f"byte {position} of {size} XOR {change}: {answer} {why}", flush=True)
    print(f"{found.total()} flips, " + ", ".join(f"{found[answer]} {answer}" for answer in flips.ANSWERS))
    return 1 if found["missed"] or not found else 0


def parse(arguments: Sequence[str]) -> Any:
    parser = argparse.ArgumentParser(prog="scripts/crash-sweep", description=__doc__.partition("\n")[0])
    parser.add_argument("--points", type=int, default=10_000, help="how many (10000)")
    parser.add_argument("--seed", type=int, default=0, help="the first seed: sizes of the workloads (0)")
    parser.add_argument("--seeds", type=int, default=1000, help="at most so many seeds")
    parser.add_argument("--stage", choices=list(STAGES), help="one stage only")
    parser.add_argument("--mode", choices=list(MODES), help="one mode only")
    parser.add_argument("--point", type=int, help="one point only, as it was printed")
    parser.add_argument("--flips", type=int, default=0, help="instead: flip so many bytes of a stopped node's database")
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time (2)")
    parser.add_argument("--minutes", type=float, default=0, help="stop after so many minutes")
    parser.add_argument("--keep", action="store_true", help="keep what went wrong; tell of each flip")
    parser.add_argument("--sabotage", choices=list(sabotage.WAYS), default="", help="break the node, to try the judge")
    return parser.parse_args(arguments)


def scratch() -> Path:
    """A directory in memory when there is room: the model of the disk says what survives, not the disk."""
    memory = Path("/dev/shm")
    room = memory.is_dir() and shutil.disk_usage(memory).free > ROOM_BYTES
    return Path(tempfile.mkdtemp(prefix="crash-sweep-", dir=memory if room else None))


def main(arguments: Sequence[str]) -> int:
    options = parse(arguments)
    if library() is None:
        print("sqlite3 is linked statically into this Python: it cannot be watched", file=sys.stderr)
        return NOT_HERE
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    shim()
    warm()
    base, options.began = scratch(), time.monotonic()
    status = 1
    try:
        status = (run_flips if options.flips else run_points)(base, options)
    finally:
        if options.keep and status:
            print(f"kept in {base}")
        else:
            shutil.rmtree(base, ignore_errors=True)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
