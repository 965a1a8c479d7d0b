"""Resumable uploads: whatever is interrupted, repeated or brought out of turn, the file is the bytes that were sent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from hashlib import sha256

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.errors import Conflict, Malformed, NotFound, Overloaded, Refused, TooLarge
from tests.attachments.conftest import Bench, stream

Make = Callable[..., Bench]
PDF = b"%PDF-1.7\n" + bytes(range(256)) * 4


class Broken(Exception):
    """The line is down."""


async def breaking(data: bytes) -> AsyncIterator[bytes]:
    yield data
    raise Broken


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["go on", "break", "repeat", "ahead"]), st.integers(1, len(PDF))), max_size=8
    )
)
async def test_any_order_of_mishaps_ends_in_the_same_file(bench: Make, steps: list[tuple[str, int]]) -> None:
    made = bench()
    upload = await made.uploads.begin("clerk", "a.pdf", len(PDF))
    for what, count in steps:
        now = await made.uploads.get("clerk", upload.id)
        part = PDF[now.offset : now.offset + count]
        if what == "go on":
            assert (await made.uploads.append(now, now.offset, stream(part))).offset == now.offset + len(part)
        elif what == "break" and part:
            with pytest.raises(Broken):
                await made.uploads.append(now, now.offset, breaking(part))
            assert (await made.uploads.get("clerk", upload.id)).offset == now.offset + len(part), "what came is kept"
        elif (at := {"repeat": now.offset - count, "ahead": now.offset + count}.get(what, -1)) >= 0:
            with pytest.raises(Conflict) as caught:
                await made.uploads.append(now, at, stream(b"x"))
            assert caught.value.size == now.offset
    now = await made.uploads.get("clerk", upload.id)
    now = await made.uploads.append(now, now.offset, stream(PDF[now.offset :]))
    attached = await made.uploads.finish(now)
    assert attached.sha256 == sha256(PDF).hexdigest() and attached.size == len(PDF)
    with pytest.raises(NotFound):
        await made.uploads.get("clerk", upload.id)
    assert made.files.shelf.pieces() == {}


async def test_an_upload_belongs_to_who_began_it(bench: Make) -> None:
    made = bench()
    upload = await made.uploads.begin("clerk", "a.pdf", 10)
    with pytest.raises(NotFound):
        await made.uploads.get("another", upload.id)


async def test_no_more_bytes_than_were_announced(bench: Make) -> None:
    made = bench()
    upload = await made.uploads.begin("clerk", "a.pdf", 10)
    with pytest.raises(TooLarge):
        await made.uploads.append(upload, 0, stream(PDF))
    with pytest.raises(Malformed):
        await made.uploads.finish(await made.uploads.get("clerk", upload.id))


async def test_begun_uploads_are_bounded_in_number_and_bytes(bench: Make) -> None:
    made = bench(max_attachment_uploads=2, max_attachment_upload_bytes=100)
    first = await made.uploads.begin("clerk", "a.pdf", 40)
    await made.uploads.begin("clerk", "b.pdf", 40)
    with pytest.raises(Overloaded):
        await made.uploads.begin("clerk", "c.pdf", 1)
    with pytest.raises(Overloaded):
        await made.uploads.begin("other", "d.pdf", 21)
    await made.uploads.cancel(first)
    await made.uploads.begin("clerk", "e.pdf", 40)


async def test_what_was_given_up_expires_with_its_bytes(bench: Make) -> None:
    made = bench(attachment_upload_s=100)
    old = await made.uploads.begin("clerk", "a.pdf", len(PDF))
    await made.uploads.append(old, 0, stream(PDF[:100]))
    made.now_ms += 90_000
    young = await made.uploads.begin("clerk", "b.pdf", len(PDF))
    made.now_ms += 20_000
    assert await made.uploads.tidy() == 1 and made.files.shelf.length(old.id) == 0
    with pytest.raises(NotFound):
        await made.uploads.get("clerk", old.id)
    assert (await made.uploads.get("clerk", young.id)).offset == 0


async def test_what_is_refused_at_the_end_leaves_nothing(bench: Make) -> None:
    made = bench()
    body = b"MZ" + bytes(50)
    upload = await made.uploads.begin("clerk", "a.pdf", len(body))
    upload = await made.uploads.append(upload, 0, stream(body))
    with pytest.raises(Refused):
        await made.uploads.finish(upload)
    with pytest.raises(NotFound):
        await made.uploads.get("clerk", upload.id)
    assert made.files.shelf.pieces() == {}
