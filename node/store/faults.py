"""What a database says went wrong, as our own errors (`node.errors`): those that somebody can do something about."""

from __future__ import annotations

import re

from node.errors import DiskFull, NodeError, Overloaded, StorageFailed, Unavailable

RETRY_AFTER_S = 5
_DAMAGED = ("disk I/O error", "database disk image is malformed", "file is not a database")
# SQLSTATE, PostgreSQL's appendix A: the transaction was certainly undone, and the same again may well pass.
_AGAIN = frozenset({"40001", "40P01"})
_DAMAGED_STATES = frozenset({"XX001", "XX002", "58030", "58P01"})
_NOT_LET_IN = frozenset({"28000", "28P01", "3D000", "42501"})
_NO_ROOM = frozenset({"53000", "53200", "53400"})
_WORDS = {
    "authentication failed": "28P01",
    "no pg_hba.conf entry": "28000",
    "does not exist": "3D000",
    "too many": "53300",
    "connection slots": "53300",
}
_UNKNOWN = (
    "the connection to the database was lost during a commit, so whether it was kept shows only later: {0}",
    "数据库连接在提交时中断，是否已写入尚不确定",
    "请重新提交：重复提交无害，已写入的不会写入第二次。",
    "Say it again: repeating does no harm, what was kept is not kept twice.",
)


def sqlite_fault(said: BaseException | None) -> NodeError | None:
    """The error for what SQLite's driver raised; None when it is a fault of ours and to be seen as it is."""
    text = str(said)
    if "Could not decode to UTF-8" in text:
        place = re.search(r"column '(\w+)'", text)
        return _damaged_text(place[1] if place else "?")
    if "database is locked" in text:
        return Unavailable(f"another process holds the database: {text}")
    if "disk is full" in text or "No space left on device" in text:
        return DiskFull(text)
    if "unable to open database file" in text:
        return Unavailable(
            f"the database cannot be opened: {text}",
            zh="无法打开数据库文件",
            advice_zh="请检查磁盘是否挂载、目录权限是否正确，然后重试。",
            advice_en="Check that the disk is mounted and the directory's permissions are right, then try again.",
        )
    if any(sign in text for sign in _DAMAGED):
        return StorageFailed(text)
    return None


def may_pass_again(said: BaseException | None) -> bool:
    """Whether PostgreSQL undid a transaction that only met another at a bad moment."""
    return getattr(said, "sqlstate", None) in _AGAIN


def postgres_fault(said: BaseException | None, *, lost: bool, committing: bool) -> NodeError | None:
    """The error for what PostgreSQL's driver raised; None when it is a fault of ours and to be seen as it is.

    `lost`: the connection is gone with it. `committing`: all that was left to do was the commit.
    """
    state = getattr(said, "sqlstate", None) or _state_of_words(said)
    # Its words may go on to quote values, or the address with the role's name: the first line says what happened.
    text = f"{state} {type(said).__name__}"
    if state in _DAMAGED_STATES:
        return StorageFailed(f"PostgreSQL: {str(said).partition(chr(10))[0]}")
    if state == "53100":
        return DiskFull(f"the database server has no room: {text}")
    if state in _AGAIN or state == "55P03":
        return Overloaded(f"others kept writing the same: {text}", retry_after_s=RETRY_AFTER_S)
    if state == "53300":
        return Unavailable(
            f"the database server takes no more connections: {text}",
            zh="数据库连接数已满",
            advice_zh="请调高 max_connections 或减少 --workers，见 docs/operating.md；系统会自动重试。",
            advice_en="Raise max_connections or run fewer workers, see docs/operating.md; it is retried by itself.",
        )
    if state in _NO_ROOM:
        return Unavailable(f"the database server is short of memory or another resource: {text}")
    if state in _NOT_LET_IN:
        return Unavailable(
            f"the database does not let us in: {text}",
            zh="数据库拒绝访问",
            advice_zh="请核对 database_url 中的库名、用户与口令，以及该用户的权限，见 docs/operating.md。",
            advice_en="Check the name, role and password in database_url and the role's rights, see docs/operating.md.",
        )
    if state == "25006":
        return Unavailable(
            f"the database server is read-only, such as a standby: {text}",
            zh="数据库服务器为只读（可能是备库）",
            advice_zh="请将 database_url 指向主库，或等待切换完成；系统会自动重试。",
            advice_en="Point database_url at the primary, or wait for the switch; it is retried by itself.",
        )
    if state == "57014":
        return Unavailable(f"a statement took too long and was ended: {text}")
    if lost and committing:
        detail, zh, advice_zh, advice_en = _UNKNOWN
        return Unavailable(detail.format(text), zh=zh, advice_zh=advice_zh, advice_en=advice_en)
    if lost or (state or "").startswith(("08", "57P")):
        return Unavailable(
            f"no connection to the database, nothing was written: {text}",
            zh="无法连接数据库，未写入任何内容",
            advice_zh="请检查数据库服务器、网络与 database_url；恢复后系统会自动重新连接。",
            advice_en="Check the database server, the network and database_url; the node reconnects by itself.",
        )
    return None


def _state_of_words(said: BaseException | None) -> str | None:
    """The SQLSTATE of a failure to connect, for which the driver gives none but the server's words."""
    if not any(cls.__name__ == "OperationalError" for cls in type(said).__mro__):
        return None
    return next((state for words, state in _WORDS.items() if words in str(said)), "08001")


def _damaged_text(column: str) -> Unavailable:
    return Unavailable(
        f"a stored text is damaged: column {column}",
        zh=f"数据库中有文字损坏（{column} 列）",
        advice_zh="请运行 ggzy fsck 查明位置；只涉及查询表时运行 ggzy rebuild 即可修复，否则按 docs/recovery.md 处理。",
        advice_en="Run ggzy fsck to see where; if only read tables are named, ggzy rebuild mends it, "
        "else see docs/recovery.md.",
    )
