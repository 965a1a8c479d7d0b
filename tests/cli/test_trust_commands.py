"""The trust policy from the command line: several signers, a registrar, keys that change, a node that is invited."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from node.tlog.note import parse_note
from node.wire.paths import origin_hash
from node.wire.trust import TrustPolicy, parse
from tests.cli.test_cli import ENV, ggzy, last


def make(directory: Path, role: str, division: str, *more: str | Path) -> Path:
    ggzy("init", directory, "--role", role, "--division", division, "--name", f"{division} 中心", *more)
    return directory


def held(directory: Path) -> TrustPolicy:
    return parse(parse_note(ggzy("policy", "export", "-c", directory).stdout.encode()))


def signer(directory: Path, name: str) -> tuple[Path, str]:
    """A person's key file and its public part."""
    file = directory / f"{name}.key"
    vkey = ggzy("key", "signer", f"ggzy.example/cq/{name}", "-o", file).stdout.strip()
    assert file.stat().st_mode & 0o777 == 0o600
    return file, vkey


@contextmanager
def serving(directory: Path, port: int) -> Iterator[str]:
    process = subprocess.Popen([sys.executable, "-m", "node", "serve", "-c", str(directory)], env=ENV)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                with urllib.request.urlopen(f"{url}/healthz"):
                    break
            except OSError:
                time.sleep(0.05)
        else:
            raise AssertionError("the node does not answer")
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    return make(tmp_path / "hub", "hub", "500000")


def test_L19_two_people_sign_what_one_alone_cannot(hub: Path, tmp_path: Path) -> None:
    file, vkey = signer(tmp_path, "signer-li")
    told = ggzy("policy", "draft", "-c", hub, "--add-signer", vkey, "--threshold", "2", "--yes").stderr
    assert "+ threshold 2" in told and f"+ signer {vkey}" in told and "2" in told
    draft = hub / "policy-v2.draft.note"
    assert held(hub).version == 1, "the new signer has not signed"
    assert "1 of 2" in ggzy("policy", "adopt", draft, "-c", hub, status=1).stderr
    # The second person is at another machine, with the draft, the version before, and the key.
    before = tmp_path / "held.note"
    ggzy("policy", "export", "-c", hub, "-o", before)
    told = ggzy("policy", "sign", draft, "--previous", before, "--key", file, "--yes", cwd=tmp_path).stderr
    assert "+ threshold 2" in told and "ggzy policy adopt" in told
    ggzy("policy", "adopt", draft, "-c", hub)
    policy = held(hub)
    assert (policy.version, policy.threshold, len(policy.signers)) == (2, 2, 2)
    # From now on it takes both, whoever begins.
    ggzy("policy", "draft", "-c", hub, "--expires-days", "30", "--yes")
    draft = hub / "policy-v3.draft.note"
    text = draft.read_bytes()
    draft.write_bytes(text.replace(b"threshold 2", b"threshold 1"))
    assert ggzy("policy", "sign", draft, "-c", hub, "--key", file, "--yes", status=1).returncode
    draft.write_bytes(text)
    ggzy("policy", "sign", draft, "-c", hub, "--key", file, "--yes")
    ggzy("policy", "adopt", draft, "-c", hub)
    assert held(hub).expires_s is not None
    assert last(ggzy("status", "-c", hub, "--json"))["policy_stale"] is False


def test_a_key_is_never_overwritten_and_a_stranger_signs_nothing(hub: Path, tmp_path: Path) -> None:
    file, vkey = signer(tmp_path, "signer-wang")
    kept = file.read_bytes()
    assert "已存在" in ggzy("key", "signer", "x", "-o", file, status=1).stderr
    assert file.read_bytes() == kept
    draft = tmp_path / "draft"
    ggzy("policy", "draft", "-c", hub, "--threshold", "2", "--add-signer", vkey, "-o", draft, "--yes")
    other, _ = signer(tmp_path, "stranger")
    before = tmp_path / "held.note"
    ggzy("policy", "export", "-c", hub, "-o", before)
    told = ggzy("policy", "sign", draft, "--previous", before, "--key", other, "--yes", status=1).stderr
    assert "没有该版" in told
    (tmp_path / "nothing").write_text("x")
    assert "草案" in ggzy("policy", "sign", tmp_path / "nothing", "-c", hub, status=1).stderr
    assert "threshold" in ggzy("policy", "draft", "-c", hub, "--threshold", "9", "--yes", status=1).stderr


def test_L11_L19_keys_are_rotated_retired_and_revoked(hub: Path) -> None:
    told = ggzy("key", "rotate", "mirror", "-c", hub).stderr
    retire = next(line.split()[3] for line in told.splitlines() if line.strip().startswith("ggzy policy retire"))
    ggzy("policy", "draft", "-c", hub, "--card", hub / "card-mirror.note", "--yes")
    mirrors = [grant.key for grant in held(hub).grants(use="mirror")]
    assert len(mirrors) == 2
    assert "启用" in told and not list((hub / "keys").glob("mirror-*.old.key")), "not before the node starts again"
    ggzy("policy", "retire", retire, "-c", hub, "--yes")
    assert list((hub / "keys").glob("mirror-*.old.key")), "the new key is in its place"
    assert held(hub).retired_at(mirrors[0]) is not None and held(hub).retired_at(mirrors[1]) is None

    ggzy("key", "rotate", "log", "-c", hub, "--from", "0")
    ggzy("policy", "draft", "-c", hub, "--card", hub / "card-log.note", "--overlap", "0", "--yes")
    old, new = (grant for grant in held(hub).grants(use="log"))
    assert (old.to_size, new.from_size, new.to_size) == (0, 0, None)
    root = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    name = f"{old.key.name}+{old.key.key_id.hex()}"
    assert "名称+编号" in ggzy("policy", "revoke", old.key.name, "-c", hub, status=1).stderr
    assert "--size" in ggzy("policy", "revoke", name, "-c", hub, "--size", "0", status=1).stderr
    assert "共同签名" in ggzy("policy", "revoke", name, "-c", hub, status=1).stderr, "nobody above has cosigned it"
    ggzy("policy", "revoke", name, "-c", hub, "--size", "0", "--root", root, "--yes")
    assert held(hub).revocation(old.key) is not None
    assert "retire" in ggzy("policy", "revoke", retire, "-c", hub, "--size", "0", "--root", root, status=1).stderr
    assert "revoke" in ggzy("policy", "retire", name, "-c", hub, status=1).stderr
    assert "没有密钥" in ggzy("policy", "retire", "nobody", "-c", hub, status=1).stderr
    assert "不能更换" in ggzy("key", "rotate", "seal", "-c", hub, status=1).stderr
    # The log goes on under its new key.
    assert last(ggzy("fsck", "-c", hub, "--json"))["faults"] == 0


def test_L10_a_log_is_closed_for_the_one_that_goes_on(hub: Path) -> None:
    origin = held(hub).origins()[0]
    assert "--size" in ggzy("policy", "close", origin, "-c", hub, "--yes", status=1).stderr, "nothing of it is here yet"
    root = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    told = ggzy("policy", "close", origin, "-c", hub, "--size", "0", "--root", root, "--yes").stderr
    assert f"+ closed {origin} 0 " in told
    assert held(hub).lineage(origin) == ((origin, 0),)


def test_L20_a_node_is_invited_confirmed_by_a_registrar_and_syncs(hub: Path, tmp_path: Path) -> None:
    file, vkey = signer(tmp_path, "registrar")
    ggzy("policy", "draft", "-c", hub, "--add-registrar", vkey, "--yes")
    file.rename(hub / "keys" / "registrar.key")
    (hub / "keys" / "policy-signer.key").rename(tmp_path / "kept-in-a-safe.key")
    port = free_port()
    config = hub / "config.toml"
    config.write_text(re.sub(r"port = \d+", f"port = {port}", config.read_text()))
    east = make(tmp_path / "east", "district", "500103")
    assert "--url" in ggzy("invite", "--division", "500103", "--name", "渝中区", "-c", hub, status=1).stderr
    with serving(hub, port) as url:
        line = ggzy("invite", "--division", "500103", "--name", "渝中区", "--url", url, "-c", hub).stdout.strip()
        assert line.startswith("ggzy1.") and "\n" not in line
        west = make(tmp_path / "west", "district", "500102")
        assert "500103" in ggzy("enrol", line, "-c", west, status=1).stderr
        assert "不完整" in ggzy("enrol", line[:-5], "-c", east, status=1).stderr
        told = ggzy("enrol", line, "-c", east, "--json")
        fingerprint = str(last(told)["fingerprint"])
        assert "upstream_url" in (east / "config.toml").read_text()
        assert "no upstream" in ggzy("sync", "-c", east, status=1).stderr, "nobody has confirmed it"
        waiting = last(ggzy("enrolments", "-c", hub, "--json"))["enrolments"]
        assert [(row["waiting"], row["fingerprint"]) for row in waiting] == [(True, fingerprint)]  # type: ignore[index,attr-defined]
        wrong = ("policy", "enrol", "--waiting", "500103", "--fingerprint", "00" * 32, "-c", hub)
        assert "不一致" in ggzy(*wrong, status=1).stderr
        spoken = " ".join(fingerprint[at : at + 4] for at in range(0, 64, 4))
        told = ggzy("policy", "enrol", "--waiting", "500103", "--fingerprint", spoken, "-c", hub)
        assert "erasure" in told.stderr, "a registrar leaves out what only the threshold may grant"
        policy = held(hub)
        assert policy.version == 3 and not policy.grants(node="ggzy.example/cq/500103", use="erasure")
        assert last(ggzy("enrolments", "-c", hub, "--json"))["enrolments"] == []
        done = last(ggzy("sync", "-c", east, "--json"))
        assert done["failures"] == {}
        assert last(ggzy("status", "-c", east, "--json"))["policy_version"] == 3
        assert ggzy("enrol", line, "-c", east).returncode == 0, "the same card again does no harm"
        key = "/api/logs/" + origin_hash("ggzy.example/cq/500000/1") + "/consistency?from=0&to=2"
        with urllib.request.urlopen(f"{url}{key}") as answer:
            assert answer.status == 200, "versions 2 and 3 are in the hub's log"
