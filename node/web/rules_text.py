"""Texts of the pages about rules: key -> (Chinese, English); keys begin with `rules_`."""

from __future__ import annotations

from typing import Final

from node.web.portal_text import Pair

TEXT: Final[dict[str, Pair]] = {}
