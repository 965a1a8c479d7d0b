"""How often one log may be submitted from one address (DESIGN L12): a bucket of tokens each, refilled steadily.

By origin, so that one log's storm never holds up another's; and by address too, because a checkpoint is public and a
stranger who repeats it must not use up its owner's share. Behind a reverse proxy all addresses are the proxy's.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from math import ceil

from node.errors import RateLimited

BURST_S = 10
MAX_BUCKETS = 10_000


class Limits:
    """`per_s` requests a second in the long run, and as many at once as `BURST_S` seconds would bring."""

    def __init__(self, per_s: float, now: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_s
        self._most = per_s * BURST_S
        self._now = now
        self._buckets: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()

    def admit(self, origin: str, address: str) -> None:
        """Count one request. Raises RateLimited, with the seconds after which there is room again."""
        now = self._now()
        left, since = self._buckets.pop((origin, address), (self._most, now))
        left = min(self._most, left + (now - since) * self._per_s)
        if left < 1:
            self._keep((origin, address), left, now)
            raise RateLimited("too many requests for this log from this address", retry_after_s=self._wait_s(left))
        self._keep((origin, address), left - 1, now)

    def _wait_s(self, left: float) -> int:
        return max(1, ceil((1 - left) / self._per_s))

    def _keep(self, key: tuple[str, str], left: float, now: float) -> None:
        # The one that was used last goes last; beyond the limit those forgotten first have long been full again.
        self._buckets[key] = (left, now)
        if len(self._buckets) > MAX_BUCKETS:
            self._buckets.popitem(last=False)
