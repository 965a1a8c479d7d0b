from __future__ import annotations

import fcntl
import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from node import keyring
from node.errors import Frozen, Malformed, NotFound, Unavailable
from node.keyring import Fence
from node.tlog import _libcrypto, sm2
from node.tlog._libcrypto import LibraryError
from node.tlog.note import KeyType
from node.wire.trust import USES

NODE = "ggzy.example/cq/500103"


def test_every_key_is_made_once_and_only_for_its_owner(tmp_path: Path) -> None:
    directory = tmp_path / "keys"
    ring = keyring.make(directory, NODE, 1)
    files = sorted(directory.iterdir())
    assert [file.name for file in files] == [
        "custody.key",
        "erasure.key",
        "log-1.key",
        "mirror.key",
        "request.key",
        "seal.key",
        "witness.key",
    ]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    before = [file.read_bytes() for file in files]
    again = keyring.make(directory, NODE, 1)
    assert [file.read_bytes() for file in files] == before
    assert again.grants() == ring.grants() == keyring.load(directory, NODE, 1).grants()


def test_a_key_is_0600_from_its_first_byte_under_any_umask(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        keyring.make_key(tmp_path / "a.key")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a.key").stat().st_mode) == 0o600


def test_one_key_for_each_use(tmp_path: Path) -> None:
    ring = keyring.make(tmp_path, NODE, 3)
    grants = ring.grants()
    assert {grant.use: grant.key.name for grant in grants} == {
        "log": f"{NODE}/3",
        "witness": f"{NODE}/witness",
        "mirror": f"{NODE}/mirror",
        "custody": f"{NODE}/custody",
        "request": f"{NODE}/request",
        "seal": f"{NODE}/seal",
        "erasure": f"{NODE}/erasure",
    }
    assert {grant.use: grant.key.type for grant in grants} == {
        use: key_type for use, key_type in USES.items() if use != "log-sm2"
    }
    assert len({grant.key.public for grant in grants}) == 7
    ring.witness.cosign("a\n1\nx\n", 1)


def test_a_directory_of_an_older_release_gets_the_later_keys(tmp_path: Path) -> None:
    keyring.make(tmp_path, NODE, 1)
    for name in ("seal", "erasure"):
        (tmp_path / f"{name}.key").unlink()
    old = keyring.load(tmp_path, NODE, 1)
    assert old.seal is None and old.erasure is None
    assert {grant.use for grant in old.grants()} == {"log", "witness", "mirror", "custody", "request"}
    assert keyring.complete(tmp_path) == ["seal", "erasure"] and keyring.complete(tmp_path) == []
    new = keyring.load(tmp_path, NODE, 1)
    assert new.seal is not None and new.erasure is not None and new.erasure in new.card_signers()
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}


def test_a_seal_key_of_another_sort_is_refused(tmp_path: Path) -> None:
    keyring.make(tmp_path, NODE, 1)
    (tmp_path / "seal.key").write_bytes((tmp_path / "erasure.key").read_bytes())
    with pytest.raises(Malformed, match=r"seal\.key is not an X25519"):
        keyring.load(tmp_path, NODE, 1)


def test_a_new_epoch_gets_a_log_key_of_its_own(tmp_path: Path) -> None:
    first, second = keyring.make(tmp_path, NODE, 1), keyring.make(tmp_path, NODE, 2)
    assert first.log.verifier.public != second.log.verifier.public
    assert first.custody.verifier == second.custody.verifier


def test_the_policy_signer_lies_apart(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        keyring.policy_signer(tmp_path / "apart", NODE)
    signer = keyring.policy_signer(tmp_path / "apart", NODE, create=True)
    assert (signer.name, signer.verifier.type) == (f"{NODE}/signer", KeyType.ED25519)
    assert keyring.policy_signer(tmp_path / "apart", NODE, create=True).verifier == signer.verifier


def test_a_lost_key_is_never_made_anew_by_loading(tmp_path: Path) -> None:
    keyring.make(tmp_path, NODE, 1)
    (tmp_path / "custody.key").unlink()
    with pytest.raises(NotFound, match=r"custody\.key") as caught:
        keyring.load(tmp_path, NODE, 1)
    assert "ggzy init" in caught.value.advice_en
    assert not (tmp_path / "custody.key").exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o666, 0o777])
def test_a_key_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    keyring.make(tmp_path, NODE, 1)
    (tmp_path / "log-1.key").chmod(mode)
    with pytest.raises(Malformed, match=f"{mode:o}") as caught:
        keyring.load(tmp_path, NODE, 1)
    assert "chmod 600" in caught.value.advice_zh


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_key_for_its_owner_alone_is_taken(tmp_path: Path, mode: int) -> None:
    keyring.make(tmp_path, NODE, 1)
    (tmp_path / "log-1.key").chmod(mode)
    keyring.load(tmp_path, NODE, 1)


def test_keys_are_pkcs8_pem(tmp_path: Path) -> None:
    keyring.make_key(tmp_path / "a.key")
    text = (tmp_path / "a.key").read_text("ascii")
    # The frame of RFC 8410 around the 32 bytes: 48 bytes, 64 letters.
    assert re.fullmatch(
        r"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEI[A-Za-z0-9+/=]{43}\n-----END PRIVATE KEY-----\n", text
    )


def test_what_is_no_ed25519_key_is_refused(tmp_path: Path) -> None:
    keyring.make(tmp_path, NODE, 1)
    file = tmp_path / "log-1.key"
    good = file.read_bytes()
    other = ec.generate_private_key(ec.SECP256R1())
    locked = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    for data in (
        b"",
        b"no key",
        good[:-40],
        good.replace(b"PRIVATE", b"PUBLIC"),
        b"\xff\xfe",
        locked,
        other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    ):
        file.write_bytes(data)
        with pytest.raises(Malformed, match="Ed25519"):
            keyring.load(tmp_path, NODE, 1)


# --- L22: suites ---------------------------------------------------------------------------------------------------


@pytest.fixture
def without_sm2(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The system's libcrypto has no SM2."""

    def nothing() -> None:
        raise LibraryError("SM2 (the library was built without it) failed")

    monkeypatch.setattr(_libcrypto, "load", nothing)
    sm2._library.cache_clear()
    yield
    sm2._library.cache_clear()


def test_L22_the_suite_adds_a_key_of_the_logs_name(tmp_path: Path) -> None:
    plain = keyring.make(tmp_path, NODE, 1)
    assert (plain.log_added, plain.log_verifier) == ((), plain.log.verifier)
    ring = keyring.make(tmp_path, NODE, 1, "ed25519+sm2")
    file = tmp_path / "log-1.sm2.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    (added,) = ring.log_added
    assert (added.name, added.verifier.type) == (f"{NODE}/1", KeyType.SM2)
    assert ring.log_verifier.also == (added.verifier,)
    (grant,) = ring.added_grants(7)
    assert (grant.use, grant.key, grant.from_size) == ("log-sm2", added.verifier, 7)
    assert plain.added_grants() == []
    assert (ring.log_verifier.vkey(), ring.grants()) == (plain.log.verifier.vkey(), plain.grants())
    before = file.read_bytes()
    again = keyring.make(tmp_path, NODE, 1, "ed25519+sm2")
    assert (file.read_bytes(), again.log_verifier) == (before, ring.log_verifier)
    assert keyring.load(tmp_path, NODE, 1, "ed25519+sm2").log_verifier == ring.log_verifier
    assert keyring.load(tmp_path, NODE, 1).log_added == ()


def test_L22_an_epoch_has_an_added_key_of_its_own(tmp_path: Path) -> None:
    first, second = (keyring.make(tmp_path, NODE, epoch, "ed25519+sm2") for epoch in (1, 2))
    assert first.log_added[0].verifier.public != second.log_added[0].verifier.public


def test_L22_a_lost_or_wrong_added_key_is_never_passed_over(tmp_path: Path) -> None:
    keyring.make(tmp_path, NODE, 1, "ed25519+sm2")
    file = tmp_path / "log-1.sm2.key"
    good = file.read_bytes()
    other = sm2.generate()
    mixed = sm2.PrivateKey(other.private, sm2.generate().public)
    ed25519 = (tmp_path / "log-1.key").read_bytes()
    for data in (b"", b"\xff\xfe", good[:-40], ed25519, mixed.pem().encode()):
        file.write_bytes(data)
        with pytest.raises(Malformed, match="SM2") as caught:
            keyring.load(tmp_path, NODE, 1, "ed25519+sm2")
        assert "SM2" in caught.value.zh
    file.write_bytes(good)
    file.chmod(0o640)
    with pytest.raises(Malformed, match="640"):
        keyring.load(tmp_path, NODE, 1, "ed25519+sm2")
    file.unlink()
    with pytest.raises(NotFound, match=r"log-1\.sm2\.key"):
        keyring.load(tmp_path, NODE, 1, "ed25519+sm2")
    assert not file.exists()


@pytest.mark.usefixtures("without_sm2")
def test_L22_without_sm2_a_node_that_asks_for_it_gets_no_keys_and_one_that_does_not_is_as_before(
    tmp_path: Path,
) -> None:
    with pytest.raises(Unavailable, match="built without it") as caught:
        keyring.make(tmp_path / "keys", NODE, 1, "ed25519+sm2")
    assert "OpenSSL" in caught.value.advice_zh and "ed25519" in caught.value.advice_en
    assert not (tmp_path / "keys").exists()
    ring = keyring.make(tmp_path / "keys", NODE, 1)
    assert ring.log.sign_note("text\n").name == f"{NODE}/1"
    with pytest.raises(Unavailable):
        keyring.load(tmp_path / "keys", NODE, 1, "ed25519+sm2")


# --- L7: the fence -------------------------------------------------------------------------------------------------


def test_L7_another_database_with_the_same_keys_is_refused(tmp_path: Path) -> None:
    mine = Fence(tmp_path, "database A")
    mine.hold()
    copy = Fence(tmp_path, "database B")
    with pytest.raises(Frozen, match="database A") as caught:
        copy.hold()
    assert "recovery.md" in caught.value.advice_en
    mine.release()
    copy.hold()
    with pytest.raises(Frozen, match="database B"):
        mine.hold()
    copy.release()


def test_L7_processes_of_one_database_share_the_hold(tmp_path: Path) -> None:
    server, command = Fence(tmp_path, "database A"), Fence(tmp_path, "database A")
    server.hold()
    command.hold()
    server.release()
    with pytest.raises(Frozen):
        Fence(tmp_path, "database B").hold()
    command.release()
    command.release()
    late = Fence(tmp_path, "database B")
    late.hold()
    late.release()


def test_L7_a_refused_fence_holds_nothing(tmp_path: Path) -> None:
    mine = Fence(tmp_path, "database A")
    mine.hold()
    for _ in range(3):
        with pytest.raises(Frozen):
            Fence(tmp_path, "database B").hold()
    mine.release()
    again = Fence(tmp_path, "database C")
    again.hold()
    again.release()


def test_L7_who_slips_in_between_two_locks_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Going from the exclusive to the shared lock is not one step: another may get the exclusive one in between."""
    mine, other = Fence(tmp_path, "database A"), Fence(tmp_path, "database B")
    flock, seen = fcntl.flock, []

    def slipping(handle: object, how: int) -> None:
        if how == fcntl.LOCK_SH and not seen:
            seen.append(how)
            flock(handle, fcntl.LOCK_UN)  # type: ignore[arg-type]
            other.hold()
        flock(handle, how)  # type: ignore[arg-type]

    monkeypatch.setattr(keyring.fcntl, "flock", slipping)
    with pytest.raises(Frozen, match="database B"):
        mine.hold()
    other.release()


def test_L7_the_fence_stands_between_processes(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from node.errors import Frozen; from node.keyring import Fence\n"
        "try: Fence(Path(sys.argv[1]), sys.argv[2]).hold()\n"
        "except Frozen: print('frozen')\n"
        "else: print('held')"
    )

    def other(database: str) -> str:
        command = [sys.executable, "-c", code, str(tmp_path), database]
        root = Path(keyring.__file__).parent.parent
        return subprocess.run(command, capture_output=True, text=True, check=True, cwd=root).stdout.strip()

    mine = Fence(tmp_path, "database A")
    mine.hold()
    assert other("database B") == "frozen"
    assert other("database A") == "held"
    mine.release()
    assert other("database B") == "held", "a process that has ended holds nothing"


def test_the_fence_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    fence = Fence(tmp_path, "database A")
    fence.hold()
    fence.release()
    assert stat.S_IMODE((tmp_path / "fence.lock").stat().st_mode) == 0o600
