"""A receiver without a line: the sandbox's checks on a database, and answers that go wrong as a test says."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial

from node.store.db import Store
from node.uplink import envelope, held
from node.uplink.receiver import Answer
from node.web.national import receiver
from node.web.national.receiver import Registered
from node.web.national.refusal import Refusal


class Local:
    """Takes uploads into `store`. `script` says of the next ones what goes wrong: busy, fail, lose, or nothing ("")."""

    def __init__(self, store: Store, sender: Registered, clock: Callable[[], int]) -> None:
        self._store, self._sender, self._clock = store, sender, clock
        self.script: deque[str] = deque()
        self.down = False
        self.seen: list[tuple[str, str]] = []

    async def send(self, validation: bytes, data: bytes) -> Answer:
        title = envelope.read(data).title
        self.seen.append((title["DATA_NO"], title["DATA_TYPE"]))
        wrong = "fail" if self.down else self.script.popleft() if self.script else ""
        if wrong == "busy":
            return Answer("again", "系统忙，请稍后重试")
        if wrong == "fail":
            return Answer("unknown", "HTTP 500")
        try:
            who = receiver.identify(validation, {self._sender.system_no: self._sender}, self._clock())
            take = partial(receiver.take, standard=held.packaged(), sender=who, data=data, now_ms=self._clock())
            await self._store.write(take)
        except Refusal as refusal:
            answer = Answer(held.answers().sort(str(refusal)), str(refusal))  # type: ignore[arg-type]
        else:
            answer = Answer("accepted")
        return Answer("unknown", "no answer") if wrong == "lose" else answer

    async def keys(self, validation: bytes, after: str) -> list[tuple[str, str]] | None:
        return await self._store.read(partial(receiver.keys, sender=self._sender, after=after))
