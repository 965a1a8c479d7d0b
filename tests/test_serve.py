"""What a serving process writes about itself."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator

import pytest
import structlog

from node.serve import configure_logging


@pytest.fixture
def logging_restored() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def test_lines_go_to_standard_error_as_it_is_now(monkeypatch: pytest.MonkeyPatch, logging_restored: None) -> None:
    """Whoever set up logging may have had another standard error, closed since."""
    first, second = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", first)
    configure_logging("warning")
    log = structlog.get_logger("test")
    log.error("one", place=1)
    monkeypatch.setattr(sys, "stderr", second)
    first.close()
    log.error("two", place=2)
    log.info("not at this level")
    (line,) = second.getvalue().splitlines()
    assert json.loads(line) | {"timestamp": ""} == {"event": "two", "place": 2, "level": "error", "timestamp": ""}
