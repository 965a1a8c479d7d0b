"""`ggzy demo`: a federation on one machine, on the packaged sample."""

from __future__ import annotations

from node.demo.run import run_demo

__all__ = ["run_demo"]
