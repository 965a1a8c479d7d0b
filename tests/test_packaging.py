"""The wheel carries all that the program reads, and works from any folder without the checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from node.resources import config_dir, migrations_dir, samples_dir, static_dir, templates_dir

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("installed") / "a place with spaces"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def names_below(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.mark.parametrize(
    ("folder", "inside"),
    [
        (config_dir(), "node/_data/config"),
        (migrations_dir(), "node/_data/migrations"),
        (templates_dir(), "node/web/templates"),
        (static_dir(), "node/web/static"),
        (samples_dir(), "node/samples"),
        (ROOT / "node", "node"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_wheel_carries_what_the_checkout_has(wheel: Path, folder: Path, inside: str) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    wanted = names_below(folder)
    assert wanted
    assert {f"{inside}/{name}" for name in wanted} <= held


def test_wheel_carries_licences_and_nothing_private(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    licences = {name.rsplit("/", 1)[1] for name in names if ".dist-info/licenses/" in name}
    assert licences == {"LICENSE", "NOTICE"}
    assert not [name for name in names if name.endswith((".key", ".db", ".pyc")) or name.startswith("tests/")]


def run(unpacked: Path, words: Sequence[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GGZY_", "PYTHON"))}
    environment |= {"PYTHONPATH": str(unpacked), "PYTHONUTF8": "1"}
    # -P keeps the current folder off the path, so that nothing but the unpacked wheel is found.
    command = [sys.executable, "-P", *words]
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120, encoding="utf-8", check=False
    )


def test_resources_are_found_in_the_wheel(unpacked: Path, tmp_path: Path) -> None:
    code = (
        "from node import resources as r\n"
        "for find in (r.config_dir, r.migrations_dir, r.templates_dir, r.static_dir, r.samples_dir):\n"
        "    print(find())\n"
    )
    done = run(unpacked, ["-c", code], tmp_path)
    assert done.returncode == 0, done.stderr
    places = [Path(line) for line in done.stdout.splitlines()]
    assert len(places) == 5
    assert all(place.is_dir() and place.is_relative_to(unpacked.resolve()) for place in places)


def test_wheel_makes_and_judges_a_node(unpacked: Path, tmp_path: Path) -> None:
    done = run(unpacked, ["-m", "node", "--help"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "serve" in done.stdout

    directory = tmp_path / "a node with spaces"
    words = ["init", str(directory), "--role", "district", "--division", "500103", "--name", "渝中区", "--json"]
    done = run(unpacked, ["-m", "node", *words], tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["origin"] == "ggzy.example/cq/500103/1"

    done = run(unpacked, ["-m", "node", "fsck", "--config", str(directory), "--json"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["faults"] == 0
