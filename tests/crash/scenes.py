"""Scenes and points: a node as it is before the fault, every change at which a fault can strike, and one such life."""

from __future__ import annotations

import os
import random
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path

from tests.crash.faults import LIVES_ON, MODES
from tests.crash.judge import Verdict
from tests.crash.processes import Point, Scene, build, crashed, fork, restarted, warm_up
from tests.crash.workload import Told


def make_scene(base: Path, stage: str, seed: int) -> Scene:
    """Make the node of a stage and run its workload once without a fault. Raises RuntimeError when that goes wrong."""
    directory = base / "scenes" / f"{stage}-{seed}"
    directory.parent.mkdir(exist_ok=True)
    quiet(fork(build(directory, stage, seed)), "the node was not made")
    scene, none = Scene(directory), Point(seed, stage, "", -1)
    copy = base / "reference"
    shutil.copytree(directory, copy)
    told = quiet(fork(crashed(copy, none, "")), "the workload failed without a fault")
    scene.trace = next(words[1] for words in told if words[0] == "trace")
    after = quiet(fork(restarted(copy, none, told, scene, "")), "the judge failed without a fault")
    problems, scene.expected, scene.views = next(words[1:] for words in after if words[0] == "verdict")
    warm_up(copy, none)
    shutil.rmtree(copy)
    if problems:
        raise RuntimeError(f"{stage}: without a fault the judge says {problems}")
    return scene


def quiet(end: tuple[Told, int], what: str) -> Told:
    told, status = end
    wrong = [words for words in told if words[0] in ("wrong", "stopped", "full")]
    if status or wrong:
        raise RuntimeError(f"{what}: status {status}, {wrong}")
    return told


def points_of(scene: Scene, stage: str, seed: int, modes: Sequence[str]) -> list[Point]:
    """Every point at which a mode can strike in this workload."""
    trace = [*scene.trace, "end"]
    return [
        Point(seed, stage, mode, number) for mode in modes for number, sort in enumerate(trace) if sort in MODES[mode]
    ]


def sample(points: Sequence[Point], count: int) -> list[Point]:
    """So many points, shared out evenly over stages and modes, and evenly spread within each."""
    groups: dict[tuple[str, str], list[Point]] = {}
    for point in points:
        groups.setdefault((point.stage, point.mode), []).append(point)
    chosen: list[Point] = []
    for left, group in zip(range(len(groups), 0, -1), sorted(groups.values(), key=len), strict=True):
        want = min(len(group), -(-(count - len(chosen)) // left))
        chosen += [group[(2 * place + 1) * len(group) // (2 * want)] for place in range(want)]
    # Mixed, so that a run that is stopped has seen a bit of everything.
    random.Random(count).shuffle(chosen)
    return chosen[:count]


def run_point(base: Path, point: Point, scene: Scene, broken: str, keep: bool) -> dict[str, list[str]]:
    """The whole life of one point; gives what was wrong, by sort."""
    directory = base / f"{point.seed}-{point.stage}-{point.mode}-{point.number}"
    shutil.copytree(scene.directory, directory)
    told, status = fork(crashed(directory, point, broken))
    verdict = Verdict(wrong=[str(words[1]) for words in told if words[0] == "wrong"])
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    if not killed and (status or point.mode not in LIVES_ON):
        verdict.wrong.append(f"the process was to be killed, and ended with status {status}")
    after, status = fork(restarted(directory, point, told, scene, broken))
    problems = verdict.plain()
    judged = [words for words in after if words[0] == "verdict"]
    failed = [str(words[1]) for words in after if words[0] == "wrong"]
    if judged:
        for sort, values in judged[0][1].items():
            problems[sort] = [*problems.get(sort, []), *values]
    if status or not judged or failed:
        what = failed or [f"ended with status {status}"]
        problems["wrong"] = [*problems.get("wrong", []), *(f"after the restart: {each}" for each in what)]
    if not (keep and problems):
        shutil.rmtree(directory)
    return problems
