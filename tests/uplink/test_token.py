"""The token proves who sends and when."""

from __future__ import annotations

import pytest

from node.errors import Unauthenticated
from node.uplink import token

NOW_MS = 1_764_000_000_000
HOUR_MS = 3_600_000


def test_a_token_is_good_for_twelve_hours_either_way() -> None:
    made = token.make("9120", "s3cret!!", NOW_MS)
    for late in (-12 * HOUR_MS, 0, 12 * HOUR_MS):
        token.check(made, "9120", "s3cret!!", NOW_MS + late)
    for late in (-12 * HOUR_MS - 1000, 12 * HOUR_MS + 1000):
        with pytest.raises(Unauthenticated, match="12 hours"):
            token.check(made, "9120", "s3cret!!", NOW_MS + late)


@pytest.mark.parametrize("given", ["", "zz", "00" * 8, "00" * 24, "not hex"])
def test_what_is_no_token_is_refused(given: str) -> None:
    with pytest.raises(Unauthenticated):
        token.check(given, "9120", "s3cret!!", NOW_MS)


def test_another_secret_or_sender_is_refused() -> None:
    made = token.make("9120", "s3cret!!", NOW_MS)
    with pytest.raises(Unauthenticated):
        token.check(made, "9120", "another!", NOW_MS)
    with pytest.raises(Unauthenticated, match="another system"):
        token.check(made, "9121", "s3cret!!", NOW_MS)
