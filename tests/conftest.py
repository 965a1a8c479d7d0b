"""For all tests: nothing is skipped in CI, because a skipped test says nothing; what takes long begins first; what all
nodes need is made once."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator

import pytest

from tests.made_once import compiled_once, migrated_once

CI = bool(os.environ.get("CI"))
LONG = (
    "tests/simulation/",
    "tests/crash/test_sweep.py",
    "tests/scenarios/test_bundles.py",
    "tests/web/test_schemathesis.py",
    "tests/test_workers",
    "tests/cli/",
    "tests/scenarios/",
    "tests/compare/",
    "tests/bench/",
    "tests/interop/",
    "tests/running/",
    "tests/store/",
    "tests/web/test_accessibility.py",
)
"""What takes tens of seconds a file, the longest first. Begun last, one would run while other processors idle."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The order in which files are handed out (with `--no-loadscope-reorder`); within a file it stays as it is."""

    def place(item: pytest.Item) -> int:
        return next((number for number, name in enumerate(LONG) if item.nodeid.startswith(name)), len(LONG))

    items.sort(key=place)


@pytest.fixture(scope="session", autouse=True)
def _made_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with migrated_once(tmp_path_factory.mktemp("once")), compiled_once():
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    # An expected failure is reported as skipped too; it did run.
    if CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome, report.longrepr = "failed", f"skipped, which no test may be in CI: {_reason(report)}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if CI and report.outcome == "skipped":
        report.outcome, report.longrepr = "failed", f"skipped, which no module may be in CI: {_reason(report)}"
    return report


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    return str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
