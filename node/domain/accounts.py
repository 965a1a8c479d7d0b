"""Shapes of account records: an account that is valid at every node, and what a person did at one (R61, R69).

The key register of persons is made of these records: whoever holds a record signed by a person finds the key here.
"""

from __future__ import annotations

import re

import msgspec

from node.domain.hands import Hand
from node.errors import Rejected

LOGIN = re.compile(r"[a-z][a-z0-9._-]{1,39}")
_AUTHORITY = b"ggzy/account/v1\x00"


class AccountPerson(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """An account (账号). `account` is `<login>@<node>`, where `node` is the last part of its home node's name.

    `name` is what others see: of an expert the pool's serial number, never a name (DESIGN L23). `org` is a unified
    social credit code or a department, `sectors` what a supervisor watches over. `public` is the person's Ed25519 key
    in hex. `at` (UTC ms) is when this was said, `sealed` the SHA-256 of the credentials in hex and `secret_at` when
    those were made; `former` are public keys that it had before a reset: what they signed stays signed.
    What another node than `home` has published counts for the credentials alone, and only with the person's own
    signature over all the rest as `proof` (`proof_text`).
    """

    account: str
    name: str
    realm: str
    roles: list[str]
    public: str
    home: str
    at: int
    org: str = ""
    org_name: str = ""
    sectors: list[str] = []
    active: bool = True
    sealed: str = ""
    secret_at: int = 0
    former: list[str] = []
    proof: str = ""


class AccountCredentials(msgspec.Struct, frozen=True, omit_defaults=True):
    """What lets a person log in: the sealed section `credentials`. `verifier` is the check of the password with its
    Argon2id parameters, `locked` the private key (and the secret of TOTP) under a key made from the password."""

    verifier: str
    locked: bytes

    def __repr__(self) -> str:
        return "AccountCredentials(…)"


class AccountBinding(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """核验主体身份: a centre has seen papers that show that an account is an organisation's, or an expert's own.

    `org` is the unified social credit code, `org_name` the name that the papers bear; of an expert both are the number
    in the pool. `public` is the account's key in hex as it was then: after a reset it is not known any more who holds
    the account, and the papers are to be seen again. `seen` are words of `PAPERS`; `clerk` is who saw them, at `node`.
    It is no admission to anything: an account without one registers, bids and reads what is public as any other.
    """

    account: str
    org: str
    org_name: str
    public: str
    seen: list[str]
    clerk: str
    node: str
    at: int


PAPERS: dict[str, tuple[str, str]] = {
    "licence": ("营业执照（或法人登记证书）原件", "Business licence or registration certificate"),
    "ca": ("数字证书（CA）", "Digital certificate (CA)"),
    "letter": ("法定代表人授权书", "Letter of authority of the legal representative"),
    "expert": ("专家库聘书或抽取通知", "Letter of appointment or call of the pool of experts"),
}
"""Papers that were seen: word -> (Chinese, English)."""


class AuditAct(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a person did at a node: `action` is a word such as `log-in` or `trade.publish`, `object` what it was done to
    (a trade, a record, an account), `detail` a few words. `at` is UTC milliseconds, `node` the node's name."""

    account: str
    realm: str
    action: str
    object: str
    at: int
    node: str
    role: str = ""
    detail: str = ""
    address: str = ""


class AuditEntry(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """An act in a batch. `key` is `<account>/<moment>/<random>`; `hand` stands under the kind `audit.batch`, this key
    and the canonical bytes of `act`."""

    key: str
    act: AuditAct
    hand: Hand


class AuditCount(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """How often more than its limit an account did something in the hour from `at` (UTC ms); nobody signs that."""

    account: str
    action: str
    at: int
    number: int


class AuditBatch(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What persons did at a node that is not worth a record each (log-ins, acts of parties on their accounts)."""

    node: str
    entries: list[AuditEntry] = []
    counts: list[AuditCount] = []


def proof_text(person: AccountPerson) -> bytes:
    """What a person signs when a node that is not the account's home publishes new credentials."""
    bare = msgspec.structs.replace(person, proof="")
    return _AUTHORITY + msgspec.msgpack.encode(bare, order="sorted")


def short_name(node: str) -> str:
    """The last part of a node's name: what stands behind the @ of its accounts.

    >>> short_name("ggzy.example/cq/500103")
    '500103'
    """
    return node.rpartition("/")[2]


def check_login(login: str) -> str:
    """Raises Rejected for what is no log-in name: 2 to 40 small letters, digits, dots, dashes, a letter first."""
    if not LOGIN.fullmatch(login):
        raise Rejected(
            "a log-in name has 2 to 40 small letters, digits, dots, dashes or underscores, a letter first",
            zh="登录名由 2 至 40 个小写字母、数字、点、横线或下划线组成，以字母开头",
            field="login",
            advice_zh="请换一个登录名，如 wangfang 或 wang.fang。",
            advice_en="Choose another, such as wangfang or wang.fang.",
        )
    return login
