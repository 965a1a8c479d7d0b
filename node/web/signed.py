"""Who is calling: verifies signed requests against the trust policy, and refuses a nonce seen before (wire/auth.py)."""

from __future__ import annotations

from collections import OrderedDict
from typing import Protocol

from aiohttp import web

from node.clock import Clock
from node.errors import Overloaded, Unauthenticated
from node.tlog.note import VerifierKey
from node.trusted import Trusted
from node.wire import auth

MAX_NONCES = 100_000
SIGNED_WITH = ("Signature-Input", "Signature", "Ggzy-To", "Content-Digest")


class Nonces(Protocol):
    """Remembers the nonces of signed requests."""

    async def first(self, nonce: str, now_s: int) -> bool:
        """Whether this nonce was never seen before; from now on it was. Raises Overloaded, Unavailable."""


class OwnNonces:
    """The nonces that this process has seen in the last `keep_s` seconds; a restart forgets them."""

    def __init__(self, keep_s: int) -> None:
        self._keep_s = keep_s
        self._seen: OrderedDict[str, int] = OrderedDict()

    async def first(self, nonce: str, now_s: int) -> bool:
        while self._seen and next(iter(self._seen.values())) < now_s - self._keep_s:
            self._seen.popitem(last=False)
        if nonce in self._seen:
            return False
        if len(self._seen) >= MAX_NONCES:
            raise Overloaded("too many signed requests at once", retry_after_s=60)
        self._seen[nonce] = now_s
        return True


class Callers:
    """Verifies callers. A request is good for `skew_s` seconds around its time, and once.

    `nonces` are those seen by all processes that answer for this node; without them, by this process alone.
    """

    def __init__(self, trusted: Trusted, clock: Clock, *, skew_s: int, nonces: Nonces | None = None) -> None:
        self._trusted = trusted
        self._clock = clock
        self._skew_s = skew_s
        # A nonce is remembered for the whole window in which its time would still be taken, so it works once.
        self._nonces = nonces or OwnNonces(2 * skew_s)

    async def identify(self, request: web.Request, body: bytes = b"") -> str | None:
        """The node that signed this request, None when it is not signed.

        Raises Unauthenticated when a signature is there and is not good: a bad one is never taken for none.
        """
        known = self._claimed(request)
        if known is None:
            return None
        node, key, claim = known
        auth.verify(request.headers, request.method, request.path_qs, body, key=key, me=self._trusted.me)
        # Last, so that a request which is refused does not use up the nonce of the good one.
        if not await self._nonces.first(f"{claim.key_id}:{claim.nonce}", self._clock() // 1000):
            raise Unauthenticated("this request was seen before", field="nonce")
        return node

    def expect(self, request: web.Request) -> None:
        """Raise Unauthenticated unless the headers claim a known key and a fair time; the body is not needed yet."""
        if self._claimed(request) is None:
            raise Unauthenticated("this call must be signed by an enrolled node")

    def _claimed(self, request: web.Request) -> tuple[str, VerifierKey, auth.Claim] | None:
        """(node, key, claim) that the headers claim, nothing verified yet; None when the request is not signed."""
        for name in SIGNED_WITH:
            # RFC 9421 joins fields of one name. We would judge the first alone, and someone after us perhaps the last.
            if len(request.headers.getall(name, ())) > 1:
                raise Unauthenticated("a header of the signature stands twice", field=name)
        claim = auth.read_claim(request.headers)
        if claim is None:
            if "Signature" in request.headers:
                raise Unauthenticated("the request has a Signature and no Signature-Input", field="Signature-Input")
            return None
        now_s = self._clock() // 1000
        if abs(now_s - claim.created_s) > self._skew_s:
            raise Unauthenticated(
                f"the request's time is {claim.created_s - now_s:+d} s off this node's clock",
                zh="请求时间与本节点时钟相差过大",
                advice_zh="请校准双方时钟（NTP）。",
                advice_en="Set both clocks (NTP).",
            )
        known = self._trusted.policy.request_key(claim.key_name, claim.key_id)
        if known is None:
            raise Unauthenticated("the trust policy knows no such request key", field="keyid")
        return *known, claim

    async def require(self, request: web.Request, body: bytes = b"") -> str:
        """`identify`, for calls that nobody may make unsigned."""
        node = await self.identify(request, body)
        if node is None:
            raise Unauthenticated("this call must be signed by an enrolled node")
        return node
