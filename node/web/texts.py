"""All texts of all pages in one table: each area keeps its own module, and no key may stand in two of them."""

from __future__ import annotations

from collections import ChainMap
from typing import Final

from node.web import (
    account_text,
    board_text,
    centre_text,
    console_text,
    disclosure_text,
    files_text,
    mine_text,
    opendata_text,
    portal_text,
    routing_text,
    rules_text,
    ruling_text,
    uplink_text,
)
from node.web.portal_text import Pair

_AREAS = (
    portal_text,
    account_text,
    board_text,
    centre_text,
    console_text,
    disclosure_text,
    files_text,
    mine_text,
    opendata_text,
    routing_text,
    rules_text,
    ruling_text,
    uplink_text,
)
TEXT: Final[dict[str, Pair]] = dict(ChainMap(*(area.TEXT for area in _AREAS)))
