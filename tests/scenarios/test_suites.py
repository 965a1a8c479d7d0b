"""L22: a node of the suite ed25519+sm2 among others, and machines whose libcrypto has no SM2."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection

from node import keyring, provision
from node.app import Node
from node.domain.codes import Division
from node.domain.record import Document, Draft, Source
from node.errors import BadSignature, Malformed, Refused, Unavailable
from node.provision import Made
from node.settings import CONFIG_NAME, load
from node.store import checkpoints, logs
from node.tlog import _libcrypto, sm2
from node.tlog._libcrypto import LibraryError
from node.tlog.checkpoint import open_checkpoint
from node.tlog.note import parse_note
from node.wire import trust
from tests.interop import client


@pytest.fixture
def without_sm2(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def nothing() -> None:
        raise LibraryError("no libcrypto (OpenSSL) was found")

    monkeypatch.setattr(_libcrypto, "load", nothing)
    sm2._library.cache_clear()
    yield
    sm2._library.cache_clear()


def make(directory: Path, suite: str = "") -> Made:
    """A node with its first policy; again, a node that was made before."""
    fresh = not (directory / CONFIG_NAME).exists()
    made = provision.make_node(directory, role="district", division="500103", title="渝中区", suite=suite)
    if fresh:
        provision.adopt(made.settings, [policy_of(made)])
    return made


def policy_of(made: Made) -> bytes:
    signer = keyring.policy_signer(made.settings.keys, made.settings.name, create=True)
    return provision.first_policy("ggzy.example/cq", signer, [made], {})


def draft(code: str) -> Draft:
    document = Document(code, Division(code=code, name="某区"), Source("测试中心"))
    return Draft("code.division", code, {"main": document}, {"code": code})


def published(directory: Path, code: str) -> bytes:
    """The head after one record more."""

    def head(conn: Connection, origin: str) -> bytes:
        state = logs.get(conn, origin)
        return checkpoints.note(conn, state.id, state.head_size, origin).encode()

    async def work() -> bytes:
        node = Node(load(directory))
        await node.open()
        try:
            (outcome,) = await node.publisher.publish([draft(code)])
            assert outcome.state == "published"
            return await node.store.read(partial(head, origin=node.settings.origin))
        finally:
            await node.close()

    return asyncio.run(work())


def test_L22_every_checkpoint_of_such_a_node_has_both_lines(tmp_path: Path) -> None:
    made = make(tmp_path / "node", "ed25519+sm2")
    assert load(tmp_path / "node").suite == "ed25519+sm2"
    key = made.keys.log_verifier
    for number in (1, 2):
        note = published(tmp_path / "node", f"50010{number}")
        head, _, lines = open_checkpoint(note, [key])
        assert (head.size, len(lines)) == (number, 2)
        theirs, signers = client.open_head(note, [client.VKey.parse(key.vkey())])
        assert (theirs.size, len(signers)) == (number, 1)


def test_L22_the_first_policy_of_such_a_node_asks_for_both(tmp_path: Path) -> None:
    made = make(tmp_path / "node", "ed25519+sm2")
    held = trust.parse(parse_note(policy_of(made)))
    assert held.log_keys(made.settings.origin, 0) == [made.keys.log_verifier]
    plain = make(tmp_path / "plain")
    assert trust.parse(parse_note(policy_of(plain))).log_keys(plain.settings.origin, 0) == [plain.keys.log.verifier]


def test_L22_a_node_begins_to_sign_twice(tmp_path: Path) -> None:
    plain = make(tmp_path / "node")
    note = published(tmp_path / "node", "500101")
    assert len(parse_note(note).signatures) == 1
    file = tmp_path / "node" / CONFIG_NAME
    file.write_text(file.read_text("utf-8") + 'suite = "ed25519+sm2"\n', "utf-8")
    made = make(tmp_path / "node", "ed25519+sm2")
    assert made.keys.log.verifier == plain.keys.log.verifier
    with pytest.raises(BadSignature, match="added signature"):
        open_checkpoint(note, [made.keys.log_verifier])
    head, _, lines = open_checkpoint(published(tmp_path / "node", "500102"), [made.keys.log_verifier])
    assert (head.size, len(lines)) == (2, 2)


def test_the_suite_is_not_changed_by_the_way(tmp_path: Path) -> None:
    make(tmp_path / "node")
    with pytest.raises(Refused, match="suite") as caught:
        make(tmp_path / "node", "ed25519+sm2")
    assert "config.toml" in caught.value.advice_zh
    make(tmp_path / "node", "ed25519")
    assert not list((tmp_path / "node" / "keys").glob("*.sm2.key"))
    with pytest.raises(Malformed, match="suite"):
        make(tmp_path / "other", "sm2")


@pytest.mark.usefixtures("without_sm2")
def test_L22_without_sm2_a_node_runs_as_before(tmp_path: Path) -> None:
    made = make(tmp_path / "node")
    note = published(tmp_path / "node", "500101")
    assert open_checkpoint(note, [made.keys.log.verifier])[0].size == 1


def test_L22_without_sm2_a_node_of_that_suite_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    make(tmp_path / "node", "ed25519+sm2")
    request.getfixturevalue("without_sm2")
    with pytest.raises(Unavailable, match="no libcrypto") as caught:
        Node(load(tmp_path / "node"))
    assert "OpenSSL 3.0" in caught.value.advice_zh and "ed25519" in caught.value.advice_en
    with pytest.raises(Unavailable):
        make(tmp_path / "new", "ed25519+sm2")
    assert not (tmp_path / "new" / CONFIG_NAME).exists()
    assert not (tmp_path / "new" / "node.db").exists()
    # Dropping the suite is the other way out: the log goes on with its own key.
    monkeypatch.setenv("GGZY_SUITE", "ed25519")
    assert len(parse_note(published(tmp_path / "node", "500101")).signatures) == 1
