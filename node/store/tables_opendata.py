"""Tables of opendata; see `tables.py` for the conventions."""

from __future__ import annotations
