from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain import filetypes
from node.domain.filetypes import OCTETS, clean_name, judge, judge_svg
from node.errors import Malformed, Refused

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
ZIP = b"PK\x03\x04" + bytes(20)


@pytest.mark.parametrize(
    ("name", "claimed", "head", "found"),
    [
        ("招标文件.pdf", "application/pdf", b"%PDF-1.7\n", "application/pdf"),
        ("a.PDF", "", b"\xef\xbb\xbf%PDF-1.4", "application/pdf"),
        ("清单.xlsx", "", ZIP, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ("清单.xlsx", "application/zip", ZIP, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ("公告.ofd", "application/octet-stream", ZIP, "application/ofd"),
        ("x.csv", "application/vnd.ms-excel", "名称,金额\n".encode("gb18030"), "text/csv"),
        ("x.txt", "text/plain; charset=utf-8", "多字节".encode()[:-1], "text/plain"),
        ("x.dwg", "", b"AC1032" + bytes(9), "image/vnd.dwg"),
        ("x.bin", "", b"\x00\x01\x02", OCTETS),
        ("招标文件.cqzf", "application/octet-stream", b"\x00\x01\x02", OCTETS),
    ],
)
def test_what_is_taken_in(name: str, claimed: str, head: bytes, found: str) -> None:
    assert judge(name, claimed, head) == found


@pytest.mark.parametrize(
    ("name", "claimed", "head"),
    [
        ("a.pdf", "application/pdf", PNG),
        ("a.png", "image/jpeg", PNG),
        ("a.exe", "", b"MZ\x90"),
        ("a.pdf", "application/pdf", b"MZ%PDF-1.4"),
        ("a", "", b"\x7fELF\x02"),
        ("a.txt", "", b"#!/bin/sh\n"),
        ("a.html", "text/html", b"<p>hello"),
        ("a.txt", "text/plain", b"  <!DOCTYPE html><html>"),
        ("a.csv", "text/csv", b"x,<script>alert(1)</script>"),
        ("a.docm", "", ZIP),
        ("a.js", "", b"alert(1)"),
        ("a.lnk", "", b"x"),
        ("a.bin", "", PNG),
        ("a", "application/pdf", b"%PDF-1.7"),
        ("a.txt", "", b"\x00\x01binary"),
        ("a.rar", "", ZIP),
    ],
)
def test_what_is_refused(name: str, claimed: str, head: bytes) -> None:
    with pytest.raises(Refused) as caught:
        judge(name, claimed, head)
    assert caught.value.zh.startswith("不接收该文件") and caught.value.advice_en


SVG = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">%s</svg>'


@pytest.mark.parametrize("inner", ['<path d="M0 0h9"/>', '<use xlink:href="#a"/>', "<text>正文</text>"])
def test_plain_drawings_are_taken_in(inner: str) -> None:
    judge_svg((SVG % inner).encode())


@pytest.mark.parametrize(
    "inner",
    [
        "<script>1</script>",
        "<SCRIPT/>",
        '<a href="javascript:1"><path/></a>',
        '<path onload="x"/>',
        '<path onload = "x"/>',
        "<foreignObject/>",
        '<image href="https://example.com/x.png"/>',
        '<use xlink:href="data:text/html,x"/>',
        "<style>@import 'x'</style>",
        '<a href="&#106;avascript:1"/>',
        "<svg:script/>",
    ],
)
def test_drawings_that_could_do_something_are_refused(inner: str) -> None:
    with pytest.raises(Refused):
        judge_svg((SVG % inner).encode())
    with pytest.raises(Refused):
        judge_svg((SVG % inner).encode("utf-16"))


@given(st.text(max_size=300))
def test_a_name_is_clean_or_refused(name: str) -> None:
    try:
        made = clean_name(name)
    except Malformed:
        return
    assert made and len(made) <= filetypes.MAX_NAME and unicodedata.is_normalized("NFC", made)
    assert not set(made) & set("/\\\x00\n\r\u202e") and made not in (".", "..")
    assert clean_name(made) == made


def test_a_long_name_keeps_its_ending() -> None:
    made = clean_name("长" * 300 + ".pdf")
    assert len(made) == filetypes.MAX_NAME and made.endswith("长.pdf")


@given(st.binary(max_size=200), st.sampled_from(["a.pdf", "a.txt", "a.svg", "a.bin", "a", "a.png"]))
def test_any_bytes_are_judged_without_a_fault(head: bytes, name: str) -> None:
    try:
        assert judge(name, "", head) in {OCTETS, *filetypes.TYPES}
    except Refused:
        pass
