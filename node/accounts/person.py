"""A person who is logged in: who it is, what the roles allow, and the hand that signs (R69)."""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.accounts.passwords import Secrets
from node.domain import hands, posts
from node.domain.acts import Act
from node.domain.hands import Approval, Hand, Stated


@dataclass(frozen=True, slots=True)
class Person:
    """One logged-in account, for one request.

    `account` is `<login>@<node>`, `org` a unified social credit code or the department; `sectors` are those that a
    supervisor watches over, none meaning all. The key is at hand because the cookie of this request opened it.
    """

    account: str
    name: str
    realm: posts.Realm
    roles: frozenset[str]
    org: str = ""
    org_name: str = ""
    sectors: tuple[str, ...] = ()
    must_change: bool = False
    session: bytes = b""
    address: str = ""
    secrets: Secrets | None = field(default=None, repr=False)

    def may(self, permission: str) -> bool:
        """Whether one of the roles has this permission. Raises LookupError for one that is in no table."""
        if permission not in posts.PERMISSIONS:
            raise LookupError(f"no permission {permission}: see node/domain/posts.py")
        return permission in posts.permissions(self.roles)

    def role_for(self, permission: str) -> str:
        """The role by which this person has a permission; empty without it."""
        return posts.role_for(self.roles, permission)

    def sign(self, stated: Stated, permission: str = "", *, approval: Approval | None = None) -> Hand:
        """The person's hand under what is stated, in the role that has `permission`.

        `approval` is that of the other pair of eyes. Raises ValueError when the key is not at hand.
        """
        role = self.role_for(permission) or " ".join(sorted(self.roles))
        return hands.sign(self._key, self.account, role, stated, approval)

    def approve(self, act: Act, author: str, at: int) -> Approval:
        """The person's approval of an act that `author` is to publish (`trade.second`). Raises ValueError likewise."""
        return hands.approve(self._key, self.account, self.role_for("trade.second"), act, author, at)

    def approve_rules(self, body: bytes, author: str, at: int, permission: str) -> Approval:
        """The person's approval of rules, by their canonical bytes. Raises ValueError likewise."""
        return hands.approve_rules(self._key, self.account, self.role_for(permission), body, author, at)

    @property
    def _key(self) -> Ed25519PrivateKey:
        if self.secrets is None:
            raise ValueError("this person's key is not at hand")
        return self.secrets.private
