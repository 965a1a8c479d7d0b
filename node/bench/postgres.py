"""A PostgreSQL cluster of the measurement's own: Debian's programs, full durability, loopback, gone when it ends."""

from __future__ import annotations

import asyncio
import os
import pwd
import secrets
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from node.bench.processes import free_ports
from node.errors import Unavailable

ROOTS = ("/usr/lib/postgresql", "/usr/pgsql", "/usr/local/pgsql")
READY_S = 60


@dataclass(frozen=True)
class Cluster:
    """A running server. `url` is a SQLAlchemy address of its database `postgres`; `pid` its first process, if local."""

    url: str
    pid: int | None
    version: str

    def database(self, name: str) -> str:
        """SQLAlchemy address of a fresh, empty database of that name; one that is there is dropped."""
        self.drop(name)
        with driver().connect(plain(self.url), autocommit=True) as conn:
            conn.execute(f'CREATE DATABASE "{name}"')
        return renamed(self.url, name)

    def drop(self, *names: str) -> None:
        with driver().connect(plain(self.url), autocommit=True) as conn:
            for name in names:
                conn.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def driver() -> Any:
    """The module psycopg. Raises Unavailable where it is not installed: a district needs nothing but SQLite."""
    try:
        import psycopg
    except ImportError:
        raise Unavailable(
            "the PostgreSQL driver psycopg is not installed",
            zh="未安装 PostgreSQL 驱动 psycopg",
            advice_zh='请运行 pip install "ggzy-node[postgres]"，或用 --store sqlite 测量。',
            advice_en='Run pip install "ggzy-node[postgres]", or measure with --store sqlite.',
        ) from None
    return psycopg


def plain(url: str) -> str:
    """The address as libpq reads it.

    >>> plain("postgresql+psycopg://u@h:1/d")
    'postgresql://u@h:1/d'
    """
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


def renamed(url: str, database: str) -> str:
    """The address of another database of the same server.

    >>> renamed("postgresql+psycopg://u:p@h:1/a?connect_timeout=5", "b")
    'postgresql+psycopg://u:p@h:1/b?connect_timeout=5'
    """
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, f"/{database}", parts.query, ""))


@asynccontextmanager
async def private_cluster(directory: Path, url: str = "", *, more: Sequence[str] = ()) -> AsyncIterator[Cluster]:
    """The server at `url`, or a private one in `directory`, stopped and removed when this is left.

    `more` are further settings of a private server, such as `wal_level=logical`.

    Raises Unavailable when PostgreSQL's programs are missing or the server does not start.
    """
    driver()
    if url:
        yield await asyncio.to_thread(_known, url)
        return
    programs, prefix = _programs(), _unprivileged()
    place = directory / "postgres"
    place.mkdir(mode=0o700)
    if prefix:
        _hand_over(place)
    password = secrets.token_hex(16)
    (place / "password").write_text(password + "\n", "ascii")
    if prefix:
        shutil.chown(place / "password", "postgres", "postgres")
    data, (port,) = place / "data", free_ports(1)
    init = [str(programs / "initdb"), "-D", str(data), "-U", "postgres", f"--pwfile={place / 'password'}"]
    init += ["-A", "scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8"]
    await _run([*prefix, *init], place)
    # Loopback only, no sockets in the file system; everything that concerns durability is as PostgreSQL has it.
    options = [f"port={port}", "listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=100", *more]
    arguments = [str(programs / "postgres"), "-D", str(data)]
    for option in options:
        arguments += ["-c", option]
    with (directory / "postgres.log").open("ab") as log:
        server = await asyncio.create_subprocess_exec(*prefix, *arguments, cwd=place, stdout=log, stderr=log)
    try:
        address = f"postgresql+psycopg://postgres:{password}@127.0.0.1:{port}/postgres"
        await _until_ready(address, server, directory / "postgres.log")
        yield await asyncio.to_thread(_known, address)
    finally:
        if server.returncode is None:
            server.send_signal(2)  # SIGINT: fast shutdown
            await server.wait()
        await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)


def _known(url: str) -> Cluster:
    with driver().connect(plain(url)) as conn:
        version = conn.execute("SHOW server_version").fetchone()
        backend = conn.info.backend_pid
        assert version is not None
        # A server on another machine, or in another name space of processes, has no process of ours to look at.
        try:
            status = Path(f"/proc/{backend}/stat").read_text("utf-8", "replace")
        except OSError:
            status = ""
        local = "(postgres)" in status
        return Cluster(url, int(status.rpartition(")")[2].split()[1]) if local else None, str(version[0]))


def _programs() -> Path:
    found = [path.parent for root in ROOTS for path in sorted(Path(root).glob("*/bin/initdb"))]
    if (on_path := shutil.which("initdb")) is not None:
        found.append(Path(on_path).resolve().parent)
    if not found:
        raise Unavailable(
            "PostgreSQL's server programs (initdb, postgres) are not installed",
            zh="未安装 PostgreSQL 服务器程序（initdb、postgres）",
            advice_zh="请安装 postgresql（Debian：apt install postgresql），或用 --postgres-url 指定现有服务器。",
            advice_en="Install the package postgresql (Debian: apt install postgresql), or name a server with "
            "--postgres-url.",
        )
    return found[-1]


def _unprivileged() -> list[str]:
    """What to put before a program of PostgreSQL, which refuses to run as root."""
    if os.geteuid() != 0:
        return []
    try:
        pwd.getpwnam("postgres")
    except KeyError:
        raise Unavailable(
            "PostgreSQL does not run as root, and there is no user postgres",
            zh="PostgreSQL 不能以 root 运行，且没有 postgres 用户",
            advice_zh="请以普通用户运行本命令，或安装 Debian 的 postgresql 软件包。",
            advice_en="Run this as an ordinary user, or install Debian's package postgresql.",
        ) from None
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]


def _hand_over(place: Path) -> None:
    """Give a directory to the user postgres, who must be able to pass through those above it; one of them is ours."""
    shutil.chown(place, "postgres", "postgres")
    place.parent.chmod(place.parent.stat().st_mode | 0o011)
    for parent in place.parents:
        if not parent.stat().st_mode & 0o001:
            raise Unavailable(
                f"the user postgres cannot pass through {parent}",
                zh=f"postgres 用户无法进入目录 {parent}",
                advice_zh="请用 --dir 另选目录，如 /var/tmp 之下。",
                advice_en="Choose another directory with --dir, such as one under /var/tmp.",
            )


async def _run(command: list[str], place: Path) -> None:
    child = await asyncio.create_subprocess_exec(
        *command, cwd=place, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await child.communicate()
    if child.returncode:
        raise _no_start(said.decode("utf-8", "replace"))


async def _until_ready(url: str, server: asyncio.subprocess.Process, log: Path) -> None:
    for _ in range(READY_S * 10):
        if server.returncode is not None:
            break
        try:
            await asyncio.to_thread(_known, url)
        except driver().OperationalError:
            await asyncio.sleep(0.1)
        else:
            return
    raise _no_start(await asyncio.to_thread(log.read_text, "utf-8", "replace"))


def _no_start(said: str) -> Unavailable:
    return Unavailable(
        f"PostgreSQL did not start: {said.strip()[-400:]}",
        zh="PostgreSQL 未能启动",
        advice_zh="请查看上面的英文原因，或用 --postgres-url 指定现有服务器。",
        advice_en="Look at the reason above, or name a running server with --postgres-url.",
    )
