"""The address of a node's database: of an engine that this release knows, and of a database that is there."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from node.errors import Malformed, NotFound


def require_database(url: str) -> None:
    """Raise unless `url` is of an engine that this release knows and, for SQLite, names a database that is there.

    Only the making of a node makes a database: an empty one under keys that have signed before would begin a second
    history, and a disk that is not mounted looks just like that. Raises Malformed, NotFound.
    """
    if url in ("sqlite://", "sqlite:///:memory:") or _is_postgres(url):
        return
    if not url.startswith("sqlite:///"):
        raise Malformed(
            "database_url must begin with sqlite:/// or postgresql+psycopg://",
            field="database_url",
            zh="database_url 应以 sqlite:/// 或 postgresql+psycopg:// 开头",
            advice_zh="请修改 config.toml；区县节点可删去这一项，使用节点目录下的 node.db。",
            advice_en="Correct config.toml; a district may leave it out and use node.db in its directory.",
        )
    file = Path(url.removeprefix("sqlite:///"))
    if not file.is_file() or file.stat().st_size == 0:
        raise NotFound(
            f"no database at {file}",
            zh=f"数据库文件不存在或为空：{file}",
            advice_zh="请检查磁盘是否挂载；确已丢失时用 ggzy recover --fresh 从镜像取回，勿自行新建。",
            advice_en="Check that the disk is mounted. If it is gone for good, ggzy recover --fresh brings it back "
            "from the mirror; never make one yourself, see docs/recovery.md.",
        )


def _is_postgres(url: str) -> bool:
    try:
        return make_url(url).drivername in ("postgresql", "postgresql+psycopg")
    except (ArgumentError, ValueError):
        return False
