"""Signature suites as values (DESIGN L22): which lines a log's checkpoints carry.

Every log signs with Ed25519. A suite may add a line by a second key of the same name; who does not know that key
ignores its line, as c2sp.org/signed-note asks. A policy that asks for both holds a `joint` key.
"""

from __future__ import annotations

from dataclasses import replace

from node.errors import Malformed, Unavailable
from node.tlog import sm2
from node.tlog.keys import VerifierKey, check_text
from node.tlog.signature import KeyType, Signature
from node.tlog.sm2 import PrivateKey

ED25519 = "ed25519"
ED25519_SM2 = "ed25519+sm2"
SUITES = (ED25519, ED25519_SM2)
"""Values of the setting `suite`."""


def require(suite: str) -> None:
    """Raises Unavailable when this machine cannot sign with the suite: says what to install or to leave out."""
    if suite == ED25519_SM2 and not sm2.available():
        raise Unavailable(
            f"the suite {suite} needs SM2, which is not available on this machine: {sm2.why_not()}",
            zh=f"签名套件 {suite} 需要 SM2，而本机的 libcrypto 不能使用 SM2",
            advice_zh="请安装带 SM2 的 OpenSSL 3.0 或更高版本；如不用 SM2，请把 suite 设为 ed25519。",
            advice_en="Install OpenSSL 3.0 or later with SM2; to do without SM2, set suite to ed25519.",
        )


class Sm2Signer:
    """An SM2 key under a log's name: signs the same text as the log's Ed25519 key, as a line of its own.

    Raises Unavailable where libcrypto lacks SM2, Malformed when the public key is not that of the private one.
    """

    def __init__(self, name: str, key: PrivateKey) -> None:
        sm2.check_pair(key)
        self._key = key
        self.verifier = VerifierKey(name, KeyType.SM2, key.public)

    @property
    def name(self) -> str:
        return self.verifier.name

    def sign_note(self, text: str) -> Signature:
        """Signs the text of a note. Raises Malformed on a text that no note can have, Unavailable."""
        return Signature(self.name, self.verifier.key_id, sm2.sign(self._key, check_text(text).encode()))


def joint(key: VerifierKey, *added: VerifierKey) -> VerifierKey:
    """`key`, whose signature on a note is to count only when all of `added` have signed the note as well.

    Raises Malformed unless `key` is an Ed25519 key for notes and the others are SM2 keys of its name, each once.
    """
    if key.type != KeyType.ED25519:
        raise Malformed("only an Ed25519 key that signs notes can ask for more signatures")
    for each in added:
        if each.type != KeyType.SM2 or each.name != key.name or each.also:
            raise Malformed(f"the key added to that of {key.name} is not an SM2 key of the same name")
    if len(set(added)) != len(added):
        raise Malformed(f"a key is added twice to that of {key.name}")
    return replace(key, also=added)


def with_added(key: VerifierKey) -> tuple[VerifierKey, ...]:
    """The key and those that must sign with it: every line that may be expected of it."""
    return (key, *key.also)
