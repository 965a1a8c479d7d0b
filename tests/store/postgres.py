"""A fresh PostgreSQL database for each test, on the server that GGZY_TEST_POSTGRES names."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import create_engine, make_url, text

SERVER = os.environ.get("GGZY_TEST_POSTGRES", "")

# On the project's own test servers a database that is not there is a fault, not a reason to look away.
needs_postgres = pytest.mark.skipif(
    not SERVER and not os.environ.get("CI"), reason="GGZY_TEST_POSTGRES names no PostgreSQL"
)


@contextmanager
def postgres_url(template: str = "template1") -> Iterator[str]:
    """The address of a database that is made now, as a copy of another, and dropped afterwards."""
    if not SERVER:
        pytest.fail("CI is set, but GGZY_TEST_POSTGRES names no PostgreSQL")
    server = make_url(SERVER)
    name = f"ggzy_test_{secrets.token_hex(8)}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as conn:
            conn.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
        try:
            yield server.set(database=name).render_as_string(hide_password=False)
        finally:
            with engine.connect() as conn:
                conn.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    finally:
        engine.dispose()
