"""Connections to PostgreSQL 15 or later (psycopg 3): settings that make a commit durable and a lost server noticed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.pool import QueuePool

from node.errors import Unavailable

if TYPE_CHECKING:
    import psycopg

LANES = 3
"""Writer threads for named lanes, beside the one that writes alone."""
LOCK_TIMEOUT_S = 30
STATEMENT_TIMEOUT_S = 600
OLDEST_VERSION = 150000

_log = structlog.get_logger(__name__)
_SETTINGS = {
    "lock_timeout": f"{LOCK_TIMEOUT_S}s",
    "statement_timeout": f"{STATEMENT_TIMEOUT_S}s",
    # A process that hangs between two statements would keep everybody else from writing.
    "idle_in_transaction_session_timeout": f"{STATEMENT_TIMEOUT_S}s",
    # A machine that vanished without a word must not keep its locks and its lease: the server asks after it (TCP only).
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    # A plan for any log would lock, and pay for, the partitions of all logs.
    "plan_cache_mode": "force_custom_plan",
    "client_min_messages": "warning",
    "timezone": "UTC",
}
# A server that vanished without a word is noticed within half a minute: by keepalives while waiting for an answer,
# by the user timeout while sending.
_CONNECT: dict[str, Any] = {
    "connect_timeout": 10,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}


def engine(url: str, connections: int) -> Engine:
    """An engine of at most so many connections; one more waits its turn, for a pool that overflows collapses."""
    try:
        made = create_engine(
            url,
            poolclass=QueuePool,
            pool_size=connections,
            max_overflow=0,
            hide_parameters=True,  # errors must not carry row contents into logs
            connect_args=_arguments(url, "ggzy-node"),
        )
    except ModuleNotFoundError as error:
        raise Unavailable(
            "the driver for PostgreSQL is not installed",
            zh="未安装 PostgreSQL 驱动程序",
            advice_zh="请运行 pip install 'ggzy-node[postgres]'。",
            advice_en="Run pip install 'ggzy-node[postgres]'.",
        ) from error
    event.listen(made, "connect", _prepare)
    # Said once, not by each connection.
    event.listen(made, "connect", _warn, once=True)
    return made


def connect(url: str, purpose: str) -> psycopg.Connection[Any]:
    """A connection outside every pool, each statement a transaction of its own; `purpose` is seen in pg_stat_activity.

    Raises what `driver_errors` names.
    """
    import psycopg

    address = make_url(url)
    places, words = address.get_dialect()().create_connect_args(address)
    return psycopg.connect(*places, **{**words, **_arguments(url, f"ggzy-node {purpose}")}, autocommit=True)


def _arguments(url: str, name: str) -> dict[str, Any]:
    """What the driver is told beside the address; what the address itself says wins."""
    said = make_url(url).query
    ours = {"application_name": name, **_CONNECT}
    options = [f"-c {setting}={value}" for setting, value in _SETTINGS.items()]
    theirs = said.get("options", ())
    options += [theirs] if isinstance(theirs, str) else theirs
    return {**{word: value for word, value in ours.items() if word not in said}, "options": " ".join(options)}


def driver_errors() -> tuple[type[Exception], ...]:
    """What the driver raises when the server is away or ends a connection."""
    import psycopg

    return (psycopg.Error, OSError)


def _prepare(connection: psycopg.Connection[Any], _record: object) -> None:
    """Refuse a server that cannot keep our promises, and have commits wait for the disk (L7)."""
    about = connection.info
    if about.server_version < OLDEST_VERSION:
        raise Unavailable(
            f"PostgreSQL {about.server_version // 10000} is too old: 15 or later is needed",
            zh="PostgreSQL 版本过低，需要 15 或更高版本",
            advice_zh="请升级数据库服务器。",
            advice_en="Upgrade the database server.",
        )
    if about.parameter_status("server_encoding") != "UTF8":
        raise Unavailable(
            f"the database has the encoding {about.parameter_status('server_encoding')}: UTF8 is needed",
            zh="数据库编码不是 UTF8",
            advice_zh="请用 CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0 重新建库，见 docs/operating.md。",
            advice_en="Make the database anew with ENCODING 'UTF8' TEMPLATE template0, see docs/operating.md.",
        )
    with connection.cursor() as cursor:
        # What waits for less than our own disk is raised; what waits for standbys too stays.
        cursor.execute(
            "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
        )
    connection.commit()


def _warn(connection: psycopg.Connection[Any], _record: object) -> None:
    """Say in the log that the server itself does not wait for its disk, as only a server for tests should."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('fsync'), current_setting('full_page_writes')")
        row = cursor.fetchone()
    connection.commit()
    if row is not None and "off" in row:
        _log.warning("postgresql_may_lose_commits", fsync=row[0], full_page_writes=row[1])
