from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from node.attachments import rows
from node.attachments.check import check
from node.attachments.files import Coming
from node.domain.acts import Attached
from node.errors import BadProof, Malformed, Refused, Rejected, TooLarge, Unavailable
from node.trusted import Trusted
from tests.attachments.conftest import EAST, Bench, stream

Make = Callable[..., Bench]
PDF = b"%PDF-1.7\n" + bytes(range(256)) * 10


def scanner(tmp_path: Path, body: str) -> list[str]:
    script = tmp_path / "scan.py"
    script.write_text(f"import sys, time\npath = sys.argv[1]\ndata = open(path, 'rb').read()\n{body}\n")
    return [sys.executable, "-S", "-E", str(script)]


async def test_a_file_is_kept_and_said_the_way_a_record_lists_it(bench: Make) -> None:
    made = bench()
    attached = await made.files.put("a/招标文件.pdf", stream(PDF[:7], PDF[7:]), by="clerk", audience="shared")
    assert (attached.name, attached.size, attached.media_type, attached.audience) == (
        "招标文件.pdf",
        len(PDF),
        "application/pdf",
        "shared",
    )
    with made.files.shelf.open(attached.sha256) as file:
        assert file.read() == PDF
    again = await made.files.put("b.pdf", stream(PDF), by="other")
    found = await made.store.read(lambda conn: rows.find(conn, attached.sha256))
    assert again.sha256 == attached.sha256 and found is not None and found.uploaded_by == "clerk"
    assert made.files.shelf.pieces() == {}


async def test_limits(bench: Make) -> None:
    made = bench(max_attachment_bytes=len(PDF), attachment_types=["application/pdf"])
    await made.files.put("a.pdf", stream(PDF), by="clerk")
    with pytest.raises(TooLarge):
        await made.files.put("a.pdf", stream(PDF, b"x"), by="clerk")
    with pytest.raises(Malformed):
        await made.files.put("a.pdf", stream(), by="clerk")
    with pytest.raises(Refused, match="not among the types"):
        await made.files.put("a.txt", stream(b"text"), by="clerk")
    with pytest.raises(Refused):
        await made.files.put("a.svg", stream(b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>"), by="clerk")
    assert made.files.shelf.pieces() == {} and len(list(made.files.shelf.held())) == 1


async def test_what_the_scan_refuses_is_in_quarantine_with_its_words(bench: Make, tmp_path: Path) -> None:
    command = scanner(tmp_path, "if b'EICAR' in data: print(path + ': Eicar-Test FOUND'); sys.exit(1)")
    made = bench(attachment_scan_command=command)
    await made.files.put("a.pdf", stream(PDF), by="clerk")
    with pytest.raises(Refused, match="Eicar-Test FOUND") as caught:
        await made.files.put("b.pdf", stream(PDF, b"EICAR"), by="clerk")
    assert "已隔离" in caught.value.advice_zh and str(tmp_path) not in caught.value.detail
    found = await made.store.read(lambda conn: [each for each in rows.all_files(conn) if each.state != rows.HELD])
    assert [(each.state, each.reason) for each in found] == [("quarantined", "Eicar-Test FOUND")]
    assert (made.settings.attachments / "quarantine" / found[0].sha256).is_file()
    assert not made.files.shelf.has(found[0].sha256)


@pytest.mark.parametrize(
    ("body", "said"), [("print('no database'); sys.exit(2)", "ended with 2"), ("time.sleep(60)", "no verdict within")]
)
async def test_without_a_verdict_nothing_is_taken_in(bench: Make, tmp_path: Path, body: str, said: str) -> None:
    made = bench(attachment_scan_command=scanner(tmp_path, body), attachment_scan_timeout_s=0.3)
    upload = await made.uploads.begin("clerk", "a.pdf", len(PDF))
    upload = await made.uploads.append(upload, 0, stream(PDF))
    with pytest.raises(Unavailable, match=said):
        await made.uploads.finish(upload)
    # It waits for another try, once the scan works.
    made.files._scanner = bench().files._scanner
    assert (await made.uploads.finish(await made.uploads.get("clerk", upload.id))).size == len(PDF)


async def test_bytes_of_another_hash_are_thrown_away(bench: Make) -> None:
    made = bench()
    made.files.shelf.append("piece", 0, PDF)
    with pytest.raises(BadProof):
        await made.files.finish("piece", Coming("a.pdf", "", len(PDF), "other", sha256="00" * 32))
    assert made.files.shelf.length("piece") == 0 and list(made.files.shelf.held()) == []


async def test_a_record_may_list_only_what_was_uploaded_here(bench: Make) -> None:
    made = bench()
    attached = await made.files.put("a.pdf", stream(PDF), by="clerk")
    await made.store.read(lambda conn: made.files.require(conn, [attached]))
    made.files.shelf.append("piece", 0, PDF + b"x")
    foreign = await made.files.finish("piece", Coming("b.pdf", "application/pdf", len(PDF) + 1, "another node"))
    for wrong in (
        Attached("b.pdf", foreign.sha256, foreign.size, foreign.media_type),
        Attached("c.pdf", "ab" * 32, 5),
        Attached("a.pdf", attached.sha256, attached.size + 1, attached.media_type),
    ):
        with pytest.raises(Rejected):
            await made.store.read(lambda conn, each=wrong: made.files.require(conn, [each]))


async def test_content_that_a_crash_left_without_a_row_is_found_whole(bench: Make) -> None:
    """Between the name and the row: nobody was told that it is kept, and bringing it again finds it."""
    made = bench()
    attached = await made.files.put("a.pdf", stream(PDF), by="clerk")
    await made.store.write(lambda conn: rows.forget(conn, attached.sha256))
    trusted = Trusted(made.store, EAST, made.clock)
    assert [each.fault for each in await check(made.files, trusted)] == ["unknown"]
    assert (await made.files.put("a.pdf", stream(PDF), by="clerk")) == attached
    assert await check(made.files, trusted) == []
    await made.store.write(lambda conn: rows.forget(conn, attached.sha256))
    await check(made.files, trusted, repair=True)
    assert await check(made.files, trusted) == []
    with pytest.raises(Rejected):
        await made.store.read(lambda conn: made.files.require(conn, [attached]))
