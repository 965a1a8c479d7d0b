"""Every module with tables: importing this one makes `METADATA` whole."""

from __future__ import annotations

from node.store import (  # noqa: F401
    tables_accounts,
    tables_attachments,
    tables_console,
    tables_opendata,
    tables_quality,
    tables_routing,
    tables_services,
    tables_sites,
    tables_trading,
    tables_uplink,
)
from node.store.tables import METADATA, table

__all__ = ["METADATA", "table"]
