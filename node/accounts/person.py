"""A person who is logged in: who it is, what the roles allow, and the hand that signs (R69)."""

from __future__ import annotations

from dataclasses import dataclass, field

from node.accounts.passwords import Secrets
from node.domain import posts
from node.domain.acts import HAND, Hand


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

    def sign(self, digest: bytes, permission: str = "", *, second: str = "") -> Hand:
        """The person's signature over `HAND` and a SHA-256 digest, in the role that has `permission`.

        `second` is the account of the other pair of eyes. Raises ValueError for what is no such digest.
        """
        if len(digest) != 32:
            raise ValueError("a person signs a SHA-256 digest of 32 bytes")
        if self.secrets is None:
            raise ValueError("this person's key is not at hand")
        role = self.role_for(permission) or " ".join(sorted(self.roles))
        signature = self.secrets.private.sign(HAND + digest)
        return Hand(self.account, role, self.secrets.public.hex(), signature.hex(), second)
