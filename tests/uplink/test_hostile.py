"""What a receiver or a sender that means ill, or is only broken, can do: nothing but be told no, or not be believed."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from node.errors import Malformed
from node.uplink import envelope, held, token
from node.uplink.envelope import MAX_BYTES, MOST_TAGS
from node.uplink.folder import Folder
from node.uplink.receiver import MAX_ANSWER_BYTES, HttpReceiver, understand
from node.uplink.run import Uplink
from tests.uplink import trial
from tests.uplink.trial import SECRET, SYSTEM, pair

DEEP = b'{"STATUS":' + b"[" * 200_000 + b"]" * 200_000 + b"}"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# --- answers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>502 Bad Gateway</html>",
        b"{",
        b"[]",
        b'"1"',
        b"{}",
        b'{"MSG":"1"}',
        b'{"STATUS":true}',
        b'{"STATUS":"0"}',
        b'{"STATUS":"11"}',
        b'{"STATUS":null}',
        b'{"STATUS":' + b"9" * 100_000 + b"}",
        DEEP,
        b"\xff\xfe{\x00}\x00",
        '{"STATUS":"1"}'.encode("utf-16"),
        b"\x00" * 1000,
    ],
)
def test_an_answer_of_another_form_is_no_answer(body: bytes) -> None:
    """Neither an acceptance nor a verdict on the record: it is asked again."""
    assert understand(body, held.answers()).sort == "unknown"


@pytest.mark.parametrize(
    ("body", "sort", "words"),
    [
        (b'\xef\xbb\xbf{"STATUS":"1"}', "accepted", ""),
        (b'<string xmlns="x">{"STATUS":1}</string>', "accepted", ""),
        (b'{"STATUS":"-1","MSG":null}', "record", "对方未说明原因 · no reason was given"),
        ('{"STATUS":"-1","MSG":"坏\\u0000\\ud800了"}'.encode(), "record", "坏了"),
    ],
)
def test_answers_that_are_odd_and_understood(body: bytes, sort: str, words: str) -> None:
    answer = understand(body, held.answers())
    assert (answer.sort, answer.words) == (sort, words)


def test_words_without_end_are_cut() -> None:
    answer = understand(json.dumps({"STATUS": "-1", "MSG": "x" * 500_000}).encode(), held.answers())
    assert answer.sort == "record" and len(answer.words) == 1000


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[Handler], Awaitable[HttpReceiver]]]:
    """A receiver above that answers by a handler."""
    servers: list[TestServer] = []
    async with aiohttp.ClientSession() as session:

        async def start(handler: Handler) -> HttpReceiver:
            app = web.Application()
            app.router.add_post("/{tail:.*}", handler)
            servers.append(TestServer(app))
            await servers[-1].start_server()
            return HttpReceiver(session, str(servers[-1].make_url("/up")), held.answers(), total_s=5, connect_s=5)

        yield start
    for server in servers:
        await server.close()


async def test_an_answer_in_pieces_is_read_whole(serve: Any) -> None:
    async def pieces(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for piece in (b'{"STAT', b'US":"-1",', b'"MSG":"no"}'):
            await response.write(piece)
        return response

    answer = await (await serve(pieces)).send(b"v", b"d")
    assert (answer.sort, answer.words) == ("record", "no")


async def test_an_answer_without_end_is_left_off(serve: Any) -> None:
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while sent < 64 * MAX_ANSWER_BYTES:
                await response.write(b'{"STATUS":"1"}' + b" " * 65_536)
                sent += 65_536
        except ConnectionError:
            pass
        return response

    answer = await (await serve(endless)).send(b"v", b"d")
    assert answer.sort == "unknown" and "too large" in answer.words
    assert sent < 64 * MAX_ANSWER_BYTES


async def test_a_packed_answer_is_not_unpacked(serve: Any) -> None:
    async def packed(request: web.Request) -> web.StreamResponse:
        assert request.headers["Accept-Encoding"] == "identity"
        return web.Response(body=gzip.compress(b" " * (64 << 20)), headers={"Content-Encoding": "gzip"})

    answer = await (await serve(packed)).send(b"v", b"d")
    assert answer.sort == "unknown" and "compressed" in answer.words


async def test_a_redirect_is_not_followed(serve: Any) -> None:
    async def away(request: web.Request) -> web.StreamResponse:
        raise web.HTTPTemporaryRedirect("http://example.invalid/")

    assert (await (await serve(away)).send(b"v", b"d")).words == "HTTP 307"


@pytest.mark.parametrize("body", [b"", b"[]", DEEP, b'{"KEYS":3}', b'{"KEYS":[[1]]}', b'{"STATUS":"-1","MSG":"no"}'])
async def test_a_list_of_keys_of_another_form_is_none(serve: Any, body: bytes) -> None:
    async def told(request: web.Request) -> web.StreamResponse:
        return web.Response(body=body)

    assert await (await serve(told)).keys(b"v", "") is None


async def test_a_list_of_keys_that_never_ends_is_no_list(tmp_path: Path) -> None:
    """A receiver that tells the same page again and again would keep the reconciliation for ever."""

    class Again:
        calls = 0

        async def send(self, validation: bytes, data: bytes) -> Any:
            raise NotImplementedError

        async def keys(self, validation: bytes, after: str) -> list[tuple[str, str]] | None:
            self.calls += 1
            return [("91205000000000000000001", "held")]

    async with pair(tmp_path) as both:
        receiver = Again()
        job = Uplink(replace(both.hub.uplink()._parts, receiver=receiver))
        assert await job.theirs(1000) is None
        assert receiver.calls == 2
        # And the sandbox's own address, told nonsense.
        await _sandbox_is_told_nonsense(both)


async def _sandbox_is_told_nonsense(both: trial.Pair) -> None:
    url = both.server.make_url("/national/upload")
    validation = envelope.validation(SYSTEM, token.make(SYSTEM, SECRET, both.clock())).decode()
    async with aiohttp.ClientSession() as session:

        async def post(**more: Any) -> tuple[int, str]:
            if isinstance(more["data"], dict):
                more["data"] = io.BytesIO(urlencode(more["data"]).encode())
                more["headers"] = {"Content-Type": "application/x-www-form-urlencoded"}
            async with session.post(url, **more) as answer:
                return answer.status, await answer.text()

        for data in (
            {},
            {"validation": validation},
            {"validation": validation, "data": "<a>" * 100_000},
            {"validation": validation, "data": "<a/>" * 1_000_000},
            {"validation": "<x>" * 1000, "data": ""},
            {"validation": validation, "data": "\x00\ufffe"},
        ):
            status, text = await post(data=data)
            assert status == 200 and json.loads(text)["STATUS"] == "-1", (data.keys(), text[:200])
            assert len(text) < 2000
        form = aiohttp.FormData({"validation": validation})
        form.add_field("data", b"<DES/>", filename="data.xml")
        status, text = await post(data=form)
        assert status == 200 and json.loads(text)["STATUS"] == "-1"
        for headers, raw in (
            ({"Content-Type": "application/x-www-form-urlencoded; charset=utf-7"}, b"validation=+2AA-&data=+2AA-"),
            ({"Content-Type": "application/x-www-form-urlencoded; charset=no-such"}, b"validation=x"),
            ({"Content-Type": "application/x-www-form-urlencoded"}, b"validation=\xff\xfe"),
            ({"Content-Type": "multipart/form-data; boundary=x"}, b"--x\r\n\r\n"),
            ({"Content-Type": "multipart/form-data"}, b"no boundary"),
        ):
            status, text = await post(data=raw, headers=headers)
            assert status in (200, 400), (headers, status, text[:300])
            assert "Traceback" not in text
        status, _ = await post(data={"data": "x" * (13 << 20)})
        assert status == 413
        status, text = await post(
            data={"validation": validation, "data": "x" * (9 << 20)},
        )
        assert status == 200 and "过大" in json.loads(text)["MSG"]


# --- the folder ------------------------------------------------------------------------------------------------------


def test_half_an_answer_in_the_folder_is_read_again(tmp_path: Path) -> None:
    folder = Folder(tmp_path, held.answers())
    assert folder.exchange("k", "insert", b"<DES/>").sort == "unknown"
    (tmp_path / "in").mkdir()
    answer = tmp_path / "in" / "k.insert.json"
    answer.write_bytes(b'{"STAT')
    assert folder.exchange("k", "insert", b"<DES/>").sort == "unknown" and answer.is_file()
    answer.write_bytes(b" " * (MAX_ANSWER_BYTES + 1))
    assert "too large" in folder.exchange("k", "insert", b"<DES/>").words
    answer.write_bytes(b'{"STATUS":"1"}')
    assert folder.exchange("k", "insert", b"<DES/>").sort == "accepted" and not answer.exists()


# --- envelopes -------------------------------------------------------------------------------------------------------

LAUGHS = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
GOOD = "<DES><TITLE><DATA_NO>500</DATA_NO></TITLE></DES>"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (f'<!DOCTYPE DES [<!ENTITY a0 "ha">{LAUGHS}]><DES><TITLE><A>&a9;</A></TITLE></DES>'.encode(), "document type"),
        (f'<!DOCTYPE DES [<!ENTITY % x "{"y" * 9000}">]>{GOOD}'.encode(), "document type"),
        (f"<!DOCTYPE DES [{'%p;' * 9000}]>{GOOD}".encode(), "document type"),
        (f'<?xml version="1.0" encoding="UTF-16"?>{GOOD}'.encode("utf-16"), "UTF-8"),
        (f'<?xml version="1.0" encoding="utf-16"?>{GOOD}'.encode(), "another encoding"),
        (b'<?xml version="1.0" encoding="UTF-7"?>+ADwAIQ-DOCTYPE+AD4-' + GOOD.encode(), "another encoding"),
        ('<?xml version="1.0" encoding="GB18030"?><DES><TITLE><A>中</A></TITLE></DES>'.encode("gb18030"), "UTF-8"),
        (b"<DES><TITLE><A>\xff\xfe</A></TITLE></DES>", "UTF-8"),
        (b"<a/>" * (MOST_TAGS + 1), "too many"),
        (b"<DES>" + b"<TITLE>" * 3000 + b"</TITLE>" * 3000 + b"</DES>", "no XML"),
        (b"<DES " + b"".join(b'a%d="1" ' % n for n in range(2000)) + b"/>", "too long"),
        (b"<![CDATA[" * 900_000, "not closed"),
        (b"<!--" * 1_000_000, "not closed"),
        (b"<!-- <![CDATA[ -->" + b"<a/>" * (MOST_TAGS + 1) + b"<!-- ]]> -->", "too many"),
        (b"<" * 1_000_000, "not closed"),
        (b"x" * (MAX_BYTES + 1), "too large"),
        (b"<DES><TITLE><A>1</A><A>2</A></TITLE></DES>", "stands twice"),
        (b"<DES><TITLE/><TITLE/></DES>", "stands twice"),
        (b"<DES><TITLE><A>text<b>more</b></A></TITLE></DES>", "holds elements"),
        (b"<DES><TITLE><A>&undefined;</A></TITLE></DES>", ""),
    ],
    ids=range(20),
)
def test_an_envelope_that_would_be_much_more_than_it_looks(data: bytes, why: str) -> None:
    with pytest.raises(Malformed) as caught:
        envelope.read(data)
    assert why in caught.value.detail and len(caught.value.detail) < 400


def test_html_in_a_text_is_carried_as_text() -> None:
    html = "<p>招标公告 <!-- 注 --> <b>全文</b> & 附件 ]]></p>" + "<br/>" * 50_000
    made = envelope.Envelope({"DATA_NO": "503"}, {"NOTICE_CONTENT": html})
    assert envelope.read(envelope.write(made)) == made
    data = b"<DES><TITLE><A/></TITLE><CONTEXT><B><![CDATA[" + b"<br/>" * 50_000 + b"]]></B></CONTEXT></DES>"
    assert (envelope.read(data).context or {})["B"] == "<br/>" * 50_000
