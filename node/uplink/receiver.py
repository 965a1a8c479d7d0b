"""The receiver above, as the uplink sees it: two XML arguments in, one short answer out.

`Receiver` is what sends; the HTTP one has a total timeout on every call (DESIGN L18). No answer is not an answer:
whether the record arrived is then unknown, and asked by sending it again under the same key.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import Literal, Protocol
from urllib.parse import urlencode

import aiohttp

from node.uplink.held import Answers
from node.uplink.shape import clean

MAX_ANSWER_BYTES = 1 << 20
MOST_WORDS = 1000
_NO_JSON = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""What reading an answer may raise: no JSON, JSON of another form, JSON nested without end."""

Sort = Literal["accepted", "unknown", "again", "sender", "known-key", "unknown-key", "parent", "record"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said: `sort` is what it means, `words` the receiver's own."""

    sort: Sort
    words: str = ""


class Receiver(Protocol):
    """Takes one upload. Never raises for what the receiver does: silence is the answer `unknown`."""

    async def send(self, validation: bytes, data: bytes) -> Answer: ...

    async def keys(self, validation: bytes, after: str) -> list[tuple[str, str]] | None:
        """(DATA_KEY, state) of what it holds of ours, after a key; None where it does not tell."""
        ...


def understand(body: bytes, answers: Answers) -> Answer:
    """The answer in a body: {"STATUS":"1"} or {"STATUS":"-1","MSG":…}, perhaps inside a SOAP string."""
    text = body.decode("utf-8", "replace").strip()
    start, end = text.find("{"), text.rfind("}")
    try:
        found = json.loads(text[start : end + 1])
        status, words = str(found["STATUS"]), clean(str(found.get("MSG") or ""))[:MOST_WORDS]
    except _NO_JSON:
        return Answer("unknown", clean(text)[:200])
    if status == "1":
        return Answer("accepted", words)
    if status != "-1":
        return Answer("unknown", f"STATUS {clean(status)[:40]}")
    return Answer(answers.sort(words), words or "对方未说明原因 · no reason was given")  # type: ignore[arg-type]


class HttpReceiver:
    """A receiver at an address: both arguments as form fields of a POST, as ASMX services take them."""

    def __init__(
        self, session: aiohttp.ClientSession, url: str, answers: Answers, *, total_s: float, connect_s: float
    ) -> None:
        self._session, self._url, self._answers = session, url.rstrip("/"), answers
        self._timeout = aiohttp.ClientTimeout(total=total_s, connect=connect_s)

    async def send(self, validation: bytes, data: bytes) -> Answer:
        status, body = await self._post("", {"validation": validation.decode(), "data": data.decode()})
        if status == 200:
            return understand(body, self._answers)
        return Answer("unknown", f"HTTP {status}" if status else body.decode())

    async def keys(self, validation: bytes, after: str) -> list[tuple[str, str]] | None:
        status, body = await self._post("/keys", {"validation": validation.decode(), "after": after})
        if status != 200:
            return None
        try:
            return [(str(key), str(state)) for key, state in json.loads(body)["KEYS"]]
        except _NO_JSON:
            return None

    async def _post(self, path: str, form: dict[str, str]) -> tuple[int, bytes]:
        """(status, body); status 0 and the reason where nothing came."""
        try:
            async with self._session.post(
                self._url + path,
                data=io.BytesIO(urlencode(form).encode()),
                timeout=self._timeout,
                allow_redirects=False,
                headers={"Accept-Encoding": "identity", "Content-Type": "application/x-www-form-urlencoded"},
            ) as answer:
                if answer.headers.get("Content-Encoding", "identity") != "identity":
                    return 0, b"the answer is compressed, which was not asked for"
                body = b""
                while piece := await answer.content.read(MAX_ANSWER_BYTES + 1 - len(body)):
                    body += piece
                    if len(body) > MAX_ANSWER_BYTES:
                        return 0, b"the answer is too large"
                return answer.status, body
        except TimeoutError:
            return 0, f"no answer in {self._timeout.total:g} s".encode()
        except (aiohttp.ClientError, OSError) as error:
            return 0, f"cannot be reached: {type(error).__name__}".encode()
