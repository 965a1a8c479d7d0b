"""What is checked before a process may sign: that the database is this node's, and not an old copy (DESIGN L9)."""

from __future__ import annotations

from sqlalchemy import Connection

from node.errors import Refused
from node.store import logs


def require_own(conn: Connection, name: str, origin: str) -> None:
    """Raise Refused when the database is of another node than the settings, or of another epoch than they say."""
    for state in logs.all_logs(conn):
        if state.own and not state.origin.startswith(f"{name}/"):
            raise Refused(
                f"the database is of {state.origin}, the settings are of {name}",
                field="name",
                zh=f"数据库属于 {state.origin}，与配置的节点名 {name} 不符",
                advice_zh="请把 config.toml 的 name 改回原值；节点名不能更改，新节点请另用 ggzy init。",
                advice_en="Set name in config.toml back: a node cannot be renamed; make a new one with ggzy init.",
            )

        if state.own != (state.origin == origin) and state.origin.startswith(f"{name}/"):
            raise Refused(
                f"the database and config.toml are of different epochs: {state.origin} and {origin}",
                field="epoch",
                zh=f"数据库与配置的纪元不一致（{state.origin}、{origin}）",
                advice_zh="请勿手工修改 epoch；如正在开启新纪元，请重新运行 ggzy epoch open，见 docs/recovery.md。",
                advice_en="Do not edit epoch by hand. If a new epoch is being opened, run ggzy epoch open again; "
                "see docs/recovery.md.",
            )


def compare_mark(conn: Connection, origin: str, signed: int) -> bool:
    """Freeze the log when its key has signed more than the database holds: then that is an old copy, or an empty one.

    Comes before anything is signed, so the log is made here when there is none. `signed` is what the mark beside the
    key remembers. Gives whether the log was frozen now.
    """
    own = logs.ensure(conn, origin, own=True)
    if own.frozen or signed <= own.head_size:
        return False
    logs.freeze(
        conn,
        own.id,
        f"restored-from-backup: this key has signed {signed} entries, the database holds {own.head_size}",
    )
    return True
