"""The node's private keys: one file a key under `keys/`, mode 0600, in PKCS #8 PEM so that openssl can read them.

Five keys for five kinds of statement (DESIGN L13): log (entries of our own), witness, mirror, custody, and request
(calls to other nodes); a sixth, signer, signs the trust policy where this node is entitled to. Where the suite asks for
it, an SM2 key under the log's name signs what the log's key signs (L22). Two more came later: seal (X25519) opens what
was sealed for this node, erasure signs orders to erase (L23); a node of before makes them at its next start.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from node.errors import Frozen, Malformed, NotFound, Unavailable
from node.tlog import sm2, suites
from node.tlog.keys import VerifierKey
from node.tlog.note import Ed25519Signer, KeyType
from node.tlog.suites import ED25519, ED25519_SM2, Sm2Signer
from node.wire.sealed import SealKey
from node.wire.trust import KeyGrant

SUFFIX = {
    "witness": KeyType.COSIGNATURE,
    "mirror": KeyType.COSIGNATURE,
    "custody": KeyType.ED25519,
    "request": KeyType.ED25519,
}


@dataclass(frozen=True)
class Keyring:
    """All keys of one node, ready to sign. Key names are the node's name and the use; the log's is its origin.

    `log_added` sign every checkpoint beside `log`, under the same name. `seal` and `erasure` are absent in a directory
    of an older release until `complete` makes them.
    """

    node: str
    log: Ed25519Signer
    witness: Ed25519Signer
    mirror: Ed25519Signer
    custody: Ed25519Signer
    request: Ed25519Signer
    log_added: tuple[Sm2Signer, ...] = ()
    seal: SealKey | None = None
    erasure: Ed25519Signer | None = None

    @property
    def log_verifier(self) -> VerifierKey:
        """What a policy that asks for the whole suite knows the log by."""
        return suites.joint(self.log.verifier, *(signer.verifier for signer in self.log_added))

    def grants(self) -> list[KeyGrant]:
        """The lines of the trust policy that would let others know these keys."""
        uses = {
            "log": self.log,
            "witness": self.witness,
            "mirror": self.mirror,
            "custody": self.custody,
            "request": self.request,
        }
        later = {"seal": self.seal, "erasure": self.erasure}
        return [
            *(KeyGrant(self.node, use, signer.verifier) for use, signer in uses.items()),
            *(KeyGrant(self.node, use, key.verifier) for use, key in later.items() if key is not None),
        ]

    def added_grants(self, from_size: int = 0) -> list[KeyGrant]:
        """The lines by which a policy asks for the suite's added signatures on our heads from this size on."""
        return [KeyGrant(self.node, "log-sm2", signer.verifier, from_size) for signer in self.log_added]

    def card_signers(self) -> list[Ed25519Signer]:
        """The keys that must sign this node's card: all that sign notes."""
        return [self.log, self.custody, self.request, *([] if self.erasure is None else [self.erasure])]


def make(directory: Path, node: str, epoch: int, suite: str = ED25519) -> Keyring:
    """Make the keys that are not there yet and load them all. Raises Unavailable, see `suites.require`."""
    suites.require(suite)
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in (f"log-{epoch}", *SUFFIX):
        make_key(directory / f"{name}.key")
    if suite == ED25519_SM2 and not (added := _sm2_file(directory, epoch)).exists():
        _write_new(added, sm2.generate().pem().encode())
    complete(directory)
    return load(directory, node, epoch, suite)


def complete(directory: Path) -> list[str]:
    """Make the keys of later releases that are not there yet; gives their names.

    For the directory of an existing node: nothing was signed or sealed with a key that it never had.
    """
    made = []
    for name, private in (("seal", X25519PrivateKey), ("erasure", Ed25519PrivateKey)):
        file = directory / f"{name}.key"
        if not file.exists():
            _write_new(file, private.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
            made.append(name)
    return made


def load(directory: Path, node: str, epoch: int, suite: str = ED25519) -> Keyring:
    """The keys that a node of this suite needs.

    Raises NotFound when one is absent, Malformed when a file is no key of its kind or others may read it, Unavailable
    when this machine cannot sign with the suite.
    """
    suites.require(suite)
    cosigners = {
        name: Ed25519Signer(f"{node}/{name}", key_type, _read(directory / f"{name}.key"))
        for name, key_type in SUFFIX.items()
    }
    log = Ed25519Signer(f"{node}/{epoch}", KeyType.ED25519, _read(directory / f"log-{epoch}.key"))
    added = (_read_sm2(_sm2_file(directory, epoch), log.name),) if suite == ED25519_SM2 else ()
    seal, erasure = directory / "seal.key", directory / "erasure.key"
    return Keyring(
        node=node,
        log=log,
        log_added=added,
        seal=SealKey(f"{node}/seal", _read_seal(seal)) if seal.exists() else None,
        erasure=Ed25519Signer(f"{node}/erasure", KeyType.ED25519, _read(erasure)) if erasure.exists() else None,
        **cosigners,
    )


def log_signers(directory: Path, node: str, epoch: int) -> list[Ed25519Signer]:
    """All keys of the log of one epoch, oldest first: after a rotation there are several, `log-<epoch>-<n>.key`.

    Raises NotFound, Malformed.
    """
    files = [directory / f"log-{epoch}.key"]
    while (further := directory / f"log-{epoch}-{len(files) + 1}.key").exists():
        files.append(further)
    return [Ed25519Signer(f"{node}/{epoch}", KeyType.ED25519, _read(file)) for file in files]


def new_log_key(directory: Path, node: str, epoch: int) -> tuple[Path, Ed25519Signer]:
    """Make a further key of the log; it signs nothing before the trust policy grants it. Gives its file too."""
    file = directory / f"log-{epoch}-{len(log_signers(directory, node, epoch)) + 1}.key"
    make_key(file)
    return file, Ed25519Signer(f"{node}/{epoch}", KeyType.ED25519, _read(file))


def new_key(directory: Path, node: str, use: str) -> tuple[Path, Ed25519Signer]:
    """Make the follower of a witness, mirror, custody or request key, or find one that waits; see `activate`."""
    file = directory / f"{use}.new.key"
    make_key(file)
    return file, Ed25519Signer(f"{node}/{use}", SUFFIX[use], _read(file))


def activate(directory: Path, node: str, granted: Callable[[VerifierKey], bool]) -> list[str]:
    """Put keys that wait into the place of those before, once the trust policy grants them; gives their uses.

    The old key stays beside it, as `<use>-<key id>.old.key`.
    """
    done = []
    for use in SUFFIX:
        file = directory / f"{use}.new.key"
        if file.exists() and granted(new_key(directory, node, use)[1].verifier):
            current = directory / f"{use}.key"
            before = Ed25519Signer(f"{node}/{use}", SUFFIX[use], _read(current)).verifier
            os.link(current, directory / f"{use}-{before.key_id.hex()}.old.key")
            file.replace(current)
            done.append(use)
    return done


def policy_signer(directory: Path, name: str, *, create: bool = False) -> Ed25519Signer:
    """The key that signs trust policies, kept apart from the node's own keys. Raises NotFound."""
    file = directory / "policy-signer.key"
    if create:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        make_key(file)
    return Ed25519Signer(f"{name}/signer", KeyType.ED25519, _read(file))


def named_signer(file: Path, name: str) -> Ed25519Signer:
    """An Ed25519 key of any file, under a name. Raises NotFound, Malformed."""
    return Ed25519Signer(name, KeyType.ED25519, _read(file))


def make_key(file: Path) -> None:
    """Write a new Ed25519 key, 0600 from its first byte; leaves an existing file alone."""
    _write_new(file, Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def _sm2_file(directory: Path, epoch: int) -> Path:
    return directory / f"log-{epoch}.sm2.key"


def _write_new(file: Path, private: bytes) -> None:
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(handle, "wb") as out:
        out.write(private)
        out.flush()
        os.fsync(out.fileno())


def _read_bytes(file: Path) -> bytes:
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
    return data


def _read_sm2(file: Path, name: str) -> Sm2Signer:
    text = _read_bytes(file).decode("ascii", "replace")
    try:
        return Sm2Signer(name, sm2.PrivateKey.parse(text))
    except Malformed:
        raise Malformed(f"{file} is not an SM2 private key in PEM form", zh=f"{file} 不是 SM2 私钥") from None


def _read_seal(file: Path) -> X25519PrivateKey:
    try:
        key = load_pem_private_key(_read_bytes(file), None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, X25519PrivateKey):
        raise Malformed(f"{file} is not an X25519 private key in PEM form", zh=f"{file} 不是 X25519 私钥")
    return key


def _read(file: Path) -> Ed25519PrivateKey:
    data = _read_bytes(file)
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
    A larger size than this process has noted is news from another process of this node (`publishing/notice.py`).
    """

    def __init__(self, directory: Path, epoch: int) -> None:
        self.directory = directory
        self._file = directory / f"log-{epoch}.signed"
        self.noted = 0
        """The largest size that this process has noted."""

    def read(self) -> int:
        """The largest size noted, 0 when there is none."""
        try:
            text = self._file.read_text("ascii").strip()
        except FileNotFoundError:
            return 0
        return int(text) if text.isascii() and text.isdigit() else 0

    def note(self, size: int) -> None:
        """Note the size of a head that is committed."""
        self.noted = max(self.noted, size)
        handle = os.open(self._file, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            # One short write of fixed width over the old one: another process of this node never reads half a number.
            os.pwrite(handle, f"{size:019d}\n".encode(), 0)
        finally:
            os.close(handle)


class Fence:
    """Holds the keys for one database: a process with another database and the same keys is refused (DESIGN L7).

    Several processes of one node (the server and a command line) share the hold, because the database orders them;
    a second database with the same `keys/` would fork the log, so it does not get them. A copy of the whole directory
    on the same machine meets `MachineFence`; one on another machine is beyond a lock: there the witness refuses the
    second history, and L9 freezes what was restored.
    """

    def __init__(self, directory: Path, database_identity: str) -> None:
        self._file = directory / "fence.lock"
        self._identity = database_identity
        self._handle: IO[str] | None = None

    def hold(self) -> None:
        """Raises Frozen when another database holds these keys."""
        handle = os.fdopen(self._open(), "r+")
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

    def _open(self) -> int:
        return os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600)


MACHINE_LOCKS = Path("/tmp")


class MachineFence(Fence):
    """Holds one log key for one database on this whole machine: a copy of the directory with its keys is refused too.

    The lock lies outside every node's directory, under a name made of the public key, in a directory that belongs to
    this user alone. It does not reach other machines, nor a container with a /tmp of its own.
    """

    def __init__(self, key: VerifierKey, database_identity: str, *, base: Path = MACHINE_LOCKS) -> None:
        self._directory = base / f"ggzy-node-{os.getuid()}"
        super().__init__(self._directory, database_identity)
        self._file = self._directory / f"{hashlib.sha256(key.public).hexdigest()}.lock"

    def hold(self) -> None:
        """Raises Frozen when another database holds the key; Unavailable where no such lock can be had safely."""
        try:
            super().hold()
        except OSError as error:
            raise Unavailable(f"no machine-wide lock at {self._file}: {error.strerror or error}") from None

    def _open(self) -> int:
        # Anyone may write to the directory above: what lies there in our name must be ours, and no link to elsewhere.
        self._directory.mkdir(mode=0o700, exist_ok=True)
        found = os.lstat(self._directory)
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
            raise OSError(f"{self._directory} is not a directory of this user alone")
        handle = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.getuid() or found.st_nlink != 1:
            os.close(handle)
            raise OSError(f"{self._file} is not a file of this user alone")
        return handle
