"""Texts of the pages about board: key -> (Chinese, English); keys begin with `board_`."""

from __future__ import annotations

from typing import Final

from node.web.portal_text import Pair

TEXT: Final[dict[str, Pair]] = {}
