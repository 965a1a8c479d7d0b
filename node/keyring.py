"""The node's private keys: one file a key under `keys/`, mode 0600, in PKCS #8 PEM so that openssl can read them.

Five keys for five kinds of statement (DESIGN L13): log (entries of our own), witness, mirror, custody, and request
(calls to other nodes); a sixth, signer, signs the trust policy where this node is entitled to.
"""

from __future__ import annotations

import fcntl
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from node.errors import Frozen, Malformed, NotFound
from node.tlog.note import Ed25519Signer, KeyType
from node.wire.trust import KeyGrant

SUFFIX = {
    "witness": KeyType.COSIGNATURE,
    "mirror": KeyType.COSIGNATURE,
    "custody": KeyType.ED25519,
    "request": KeyType.ED25519,
}


@dataclass(frozen=True)
class Keyring:
    """All keys of one node, ready to sign. Key names are the node's name and the use; the log's is its origin."""

    node: str
    log: Ed25519Signer
    witness: Ed25519Signer
    mirror: Ed25519Signer
    custody: Ed25519Signer
    request: Ed25519Signer

    def grants(self) -> list[KeyGrant]:
        """The lines of the trust policy that would let others know these keys."""
        uses = {
            "log": self.log,
            "witness": self.witness,
            "mirror": self.mirror,
            "custody": self.custody,
            "request": self.request,
        }
        return [KeyGrant(self.node, use, signer.verifier) for use, signer in uses.items()]


def make(directory: Path, node: str, epoch: int) -> Keyring:
    """Make the keys that are not there yet and load them all."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in (f"log-{epoch}", *SUFFIX):
        make_key(directory / f"{name}.key")
    return load(directory, node, epoch)


def load(directory: Path, node: str, epoch: int) -> Keyring:
    """Raises NotFound when a key is absent, Malformed when a file is no Ed25519 key or others may read it."""
    cosigners = {
        name: Ed25519Signer(f"{node}/{name}", key_type, _read(directory / f"{name}.key"))
        for name, key_type in SUFFIX.items()
    }
    log = Ed25519Signer(f"{node}/{epoch}", KeyType.ED25519, _read(directory / f"log-{epoch}.key"))
    return Keyring(node=node, log=log, **cosigners)


def policy_signer(directory: Path, name: str, *, create: bool = False) -> Ed25519Signer:
    """The key that signs trust policies, kept apart from the node's own keys. Raises NotFound."""
    file = directory / "policy-signer.key"
    if create:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        make_key(file)
    return Ed25519Signer(f"{name}/signer", KeyType.ED25519, _read(file))


def make_key(file: Path) -> None:
    """Write a new Ed25519 key, 0600 from its first byte; leaves an existing file alone."""
    private = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(handle, "wb") as out:
        out.write(private)
        out.flush()
        os.fsync(out.fileno())


def _read(file: Path) -> Ed25519PrivateKey:
    try:
        mode = file.stat().st_mode
        data = file.read_bytes()
    except FileNotFoundError:
        raise NotFound(
            f"no key file {file}",
            zh=f"缺少密钥文件 {file}",
            advice_zh="新节点请运行 ggzy init；如密钥丢失，请按 docs/recovery.md 处理，不要自行生成新密钥。",
            advice_en="New node: run ggzy init. Lost key: follow docs/recovery.md, do not make a new one.",
        ) from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise Malformed(
            f"key file {file} can be read by others (mode {stat.S_IMODE(mode):o})",
            zh=f"密钥文件 {file} 的权限过宽",
            advice_zh=f"请运行 chmod 600 '{file}'；如曾被他人读取，请更换密钥。",
            advice_en=f"Run chmod 600 '{file}'; if others may have read it, rotate the key.",
        )
    try:
        key = load_pem_private_key(data, None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise Malformed(f"{file} is not an Ed25519 private key in PEM form", zh=f"{file} 不是 Ed25519 私钥")
    return key


class SignedMark:
    """Remembers beside a log's key how large a tree it has signed, apart from the database.

    So an old copy of the database, or an empty one, is found without asking anybody (DESIGN L9). The mark is written
    after the commit and not forced to the disk: it may lag behind, and never says more than was signed.
    """

    def __init__(self, directory: Path, epoch: int) -> None:
        self._file = directory / f"log-{epoch}.signed"

    def read(self) -> int:
        """The largest size noted, 0 when there is none."""
        try:
            text = self._file.read_text("ascii").strip()
        except FileNotFoundError:
            return 0
        return int(text) if text.isascii() and text.isdigit() else 0

    def note(self, size: int) -> None:
        handle = os.open(self._file, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            # One short write of fixed width over the old one: another process of this node never reads half a number.
            os.pwrite(handle, f"{size:019d}\n".encode(), 0)
        finally:
            os.close(handle)


class Fence:
    """Holds the keys for one database: a process with another database and the same keys is refused (DESIGN L7).

    Several processes of one node (the server and a command line) share the hold, because the database orders them;
    a second database with the same `keys/` would fork the log, so it does not get them. A copy of the whole directory,
    keys included, is beyond a lock: there the witness refuses the second history, and L9 freezes what was restored.
    """

    def __init__(self, directory: Path, database_identity: str) -> None:
        self._file = directory / "fence.lock"
        self._identity = database_identity
        self._handle: IO[str] | None = None

    def hold(self) -> None:
        """Raises Frozen when another database holds these keys."""
        handle = os.fdopen(os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600), "r+")
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass  # somebody is alive
            else:
                handle.seek(0)
                handle.truncate()
                handle.write(self._identity + "\n")
                handle.flush()
            # Going from the exclusive to the shared lock lets go for a moment, in which another may have written its
            # own database into the file: so both ways end in the same reading, under the lock that is kept.
            fcntl.flock(handle, fcntl.LOCK_SH)
            handle.seek(0)
            held = handle.read().strip()
            if held != self._identity:
                raise Frozen(
                    f"another process uses these keys with another database ({held})",
                    zh="另一个进程正用同一套密钥操作另一个数据库",
                    advice_zh="请先停止那个进程；两个数据库共用密钥会造成日志分叉，见 docs/recovery.md。",
                    advice_en="Stop that process first: two databases with one key fork the log, docs/recovery.md.",
                )
        except BaseException:
            handle.close()
            raise
        self._handle = handle

    def release(self) -> None:
        if self._handle is not None:
            self._handle.close()
            self._handle = None
