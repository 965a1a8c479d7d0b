"""What is checked before a process may sign: that the database is this node's, and not an old copy (DESIGN L9)."""

from __future__ import annotations

from sqlalchemy import Connection

from node.errors import Refused
from node.store import logs


def require_own(conn: Connection, name: str) -> None:
    """Raise Refused when the database is of another node than the settings, which say `name`."""
    for state in logs.all_logs(conn):
        if state.own and not state.origin.startswith(f"{name}/"):
            raise Refused(
                f"the database is of {state.origin}, the settings are of {name}",
                field="name",
                zh=f"数据库属于 {state.origin}，与配置的节点名 {name} 不符",
                advice_zh="请把 config.toml 的 name 改回原值；节点名不能更改，新节点请另用 ggzy init。",
                advice_en="Set name in config.toml back: a node cannot be renamed; make a new one with ggzy init.",
            )


def compare_mark(conn: Connection, origin: str, signed: int) -> bool:
    """Freeze the log when its key has signed more than the database holds: then that is an old copy, or an empty one.

    `signed` is what the mark beside the key remembers. Gives whether the log was frozen now.
    """
    own = logs.get(conn, origin)
    if own.frozen or signed <= own.head_size:
        return False
    logs.freeze(
        conn,
        own.id,
        f"restored-from-backup: this key has signed {signed} entries, the database holds {own.head_size}",
    )
    return True
