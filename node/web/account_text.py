"""Texts of the pages about account: key -> (Chinese, English); keys begin with `account_`."""

from __future__ import annotations

from typing import Final

from node.web.portal_text import Pair

TEXT: Final[dict[str, Pair]] = {}
