"""Before a process signs: a database that is gone, empty, foreign or old is refused, never made anew (L7, L9)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from node import provision
from node.app import Node
from node.domain.codes import Division
from node.domain.record import Document, Draft, Source
from node.errors import Frozen, Malformed, NodeError, NotFound, Refused, StorageFailed, Unavailable
from node.keyring import SignedMark
from node.settings import Settings, load
from node.store import migrate
from node.store.db import Store

DRAFT = Draft(
    "code.division",
    "t/1",
    {"main": Document("t/1", Division(code="500103", name="渝中区"), Source("t"))},
    {"code": "1"},
)


def make(directory: Path) -> Settings:
    made = provision.make_node(directory, role="district", division="500103", title="渝中区公共资源交易中心")
    signer = provision.keyring.policy_signer(made.settings.keys, made.settings.name, create=True)
    provision.adopt(made.settings, [provision.first_policy("ggzy.example/cq", signer, [made], {})])
    return made.settings


async def publish(settings: Settings) -> str:
    node = Node(settings)
    try:
        await node.open()
        return (await node.publisher.publish([DRAFT]))[0].state
    finally:
        await node.close()


def test_a_node_lies_in_a_directory_that_nobody_else_reads(tmp_path: Path) -> None:
    settings = make(tmp_path / "new")
    assert settings.directory.stat().st_mode & 0o777 == 0o700
    assert (settings.directory / "node.db").stat().st_mode & 0o777 == 0o600


def test_L9_a_database_that_is_gone_is_never_made_anew(tmp_path: Path) -> None:
    settings = make(tmp_path / "node")
    asyncio.run(publish(settings))
    for file in settings.directory.glob("node.db*"):
        file.unlink()
    with pytest.raises(NotFound, match="no database"):
        Node(settings)
    with pytest.raises(NotFound, match="no database"):
        provision.make_node(settings.directory, role="district", division="500103", title="x")
    (settings.directory / "node.db").touch()
    with pytest.raises(NotFound, match="no database"):
        Store(settings.database)


def test_L9_an_empty_database_under_old_keys_is_frozen(tmp_path: Path) -> None:
    """Somebody makes the database by force: the mark beside the key still remembers."""
    settings = make(tmp_path / "node")
    assert asyncio.run(publish(settings)) == "published"
    for file in settings.directory.glob("node.db*"):
        file.unlink()
    migrate.upgrade(settings.database)
    signer = provision.keyring.policy_signer(settings.keys, settings.name)
    made = provision.make_node(settings.directory, role="district", division="500103", title="x")
    provision.adopt(settings, [provision.first_policy("ggzy.example/cq", signer, [made], {})])
    with pytest.raises(Frozen):
        asyncio.run(publish(settings))


def test_nothing_is_published_without_a_trust_policy(tmp_path: Path) -> None:
    made = provision.make_node(tmp_path / "node", role="district", division="500103", title="x")
    with pytest.raises(NotFound, match="trust policy"):
        asyncio.run(publish(made.settings))


def test_a_database_of_another_node_is_refused(tmp_path: Path) -> None:
    settings = make(tmp_path / "node")
    file = settings.directory / "config.toml"
    asyncio.run(publish(settings))
    file.write_text(file.read_text("utf-8").replace("cq/500103", "cq/500113"), "utf-8")
    with pytest.raises(Refused, match="cq/500103"):
        asyncio.run(publish(load(settings.directory)))


@pytest.mark.parametrize(("content", "error"), [(b"this is no database at all" * 100, StorageFailed), (b"", NotFound)])
def test_a_file_that_is_no_database_is_told(tmp_path: Path, content: bytes, error: type[NodeError]) -> None:
    settings = make(tmp_path / "node")
    for leftover in settings.directory.glob("node.db-*"):
        leftover.unlink()
    (settings.directory / "node.db").write_bytes(content)
    with pytest.raises(error):
        asyncio.run(publish(settings))


def test_a_database_of_a_newer_release_asks_for_the_newer_release(tmp_path: Path) -> None:
    settings = make(tmp_path / "node")
    store = Store(settings.database)
    store.write_now(lambda conn: conn.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'"))
    store.close()
    with pytest.raises(Unavailable, match="9999"):
        migrate.upgrade(settings.database)
    with pytest.raises(Unavailable, match="does not know"):
        asyncio.run(publish(settings))


def test_an_engine_that_is_not_known_is_told() -> None:
    with pytest.raises(Malformed, match="postgresql"):
        Store("mysql://x/y")


def test_the_mark_never_goes_missing_half(tmp_path: Path) -> None:
    mark = SignedMark(tmp_path, 1)
    assert mark.read() == 0
    for size in (1, 10**18, 7):
        mark.note(size)
        assert mark.read() == size
    assert (tmp_path / "log-1.signed").stat().st_mode & 0o777 == 0o600
