"""The envelope of an upload: DES with TITLE, CONTEXT (none on delete) and SOURCE, as XML; and the validation beside it.

The form is that of running systems (data-standard.md §7.2). Reading loads no entity, no DTD and nothing from the
network.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lxml import etree

from node.errors import Malformed
from node.uplink.shape import Fields, SourceFile, clean

OPERATIONS = {"insert": "1", "update": "2", "delete": "3"}
BY_TYPE = {code: name for name, code in OPERATIONS.items()}
KEY_CHARS, SYSTEM_CHARS = 22, 4
MAX_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class Envelope:
    """One upload. `title` and `context` keep the elements' spelling and order; `context` is None on a delete."""

    title: Fields
    context: Fields | None
    sources: tuple[SourceFile, ...] = ()

    @property
    def operation(self) -> str:
        """insert, update or delete; empty for a DATA_TYPE that is none of them."""
        return BY_TYPE.get(self.title.get("DATA_TYPE", ""), "")


def make(
    *,
    number: str,
    name: str,
    zh: str,
    data_key: str,
    operation: str,
    ca_key: str,
    fields: Fields,
    sources: tuple[SourceFile, ...] = (),
) -> Envelope:
    """The envelope of one message."""
    title = {
        "CA_KEY": ca_key,
        "DATA_CN": zh,
        "DATA_EN": name,
        "DATA_KEY": data_key,
        "DATA_NO": number,
        "DATA_TYPE": OPERATIONS[operation],
    }
    if operation == "insert":
        title["ROUTE_WAY"] = "0"
    return Envelope(title, None if operation == "delete" else fields, sources)


def write(envelope: Envelope) -> bytes:
    """The XML, in UTF-8 with a declaration and without a byte-order mark."""
    root = etree.Element("DES")
    if envelope.context is not None:
        context = etree.SubElement(root, "CONTEXT")
        for name, value in envelope.context.items():
            etree.SubElement(context, name).text = clean(value)
    title = etree.SubElement(root, "TITLE")
    for name, value in envelope.title.items():
        etree.SubElement(title, name).text = clean(value)
    for each in envelope.sources:
        source = etree.SubElement(root, "SOURCE")
        for name, value in (
            ("FILE_EN_NAME", each.dictionary),
            ("FILE_NAME", each.name),
            ("BINARY_CONTENT", each.place),
            ("IS_DELETE", "1" if each.deleted else "0"),
        ):
            etree.SubElement(source, name).text = clean(value)
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8"))


def read(data: bytes) -> Envelope:
    """An envelope from XML, with or without a byte-order mark. Raises Malformed, which names the missing part."""
    root = parse(data)
    if root.tag != "DES":
        raise _malformed(f"the root is {root.tag}, not DES", "根元素应为 DES", "DES")
    for name in ("TITLE", "CONTEXT"):
        if len(root.findall(name)) > 1:
            raise _malformed(f"{name} stands twice", f"{name} 重复", name)
    title, context = root.find("TITLE"), root.find("CONTEXT")
    if title is None:
        raise _malformed("no TITLE", "缺少 TITLE", "TITLE")
    sources = tuple(
        SourceFile(
            _text(each, "FILE_EN_NAME"),
            _text(each, "FILE_NAME"),
            _text(each, "BINARY_CONTENT"),
            _text(each, "IS_DELETE") == "1",
        )
        for each in root.findall("SOURCE")
    )
    return Envelope(_values(title), None if context is None else _values(context), sources)


def validation(system_no: str, token: str) -> bytes:
    """The first of the two arguments: who sends, and the token that proves it."""
    root = etree.Element("VALIDATION")
    etree.SubElement(root, "SYSTEM_NO").text = system_no
    etree.SubElement(root, "TOKEN").text = token
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8"))


def read_validation(data: bytes) -> tuple[str, str]:
    """(SYSTEM_NO, TOKEN). Raises Malformed."""
    root = parse(data)
    return _text(root, "SYSTEM_NO"), _text(root, "TOKEN")


def parse(data: bytes) -> etree._Element:
    """The root of an XML text in UTF-8. Raises Malformed for what is no XML, too large, or brings a document type.

    It is looked through before the parser sees it: a text of a few megabytes can make a tree of a thousand times that.
    """
    if len(data) > MAX_BYTES:
        raise _malformed("the XML is too large", "XML 过大", "data")
    data = data.removeprefix(b"\xef\xbb\xbf").strip()
    _look_through(data)
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        encoding="utf-8",
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise _malformed(f"no XML: {error}"[:200], "不是有效的 XML", "data") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise _no_doctype()
    return root


def _look_through(data: bytes) -> None:
    """Raise Malformed for another encoding, a document type, and more or longer tags than any envelope has."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        raise _malformed("the XML is not in UTF-8", "XML 应为 UTF-8 编码", "data") from None
    declared = _DECLARED.match(data)
    if declared is not None and declared[1].lower() not in (b"utf-8", b"utf8"):
        raise _malformed("the XML declares another encoding than UTF-8", "XML 声明的编码应为 UTF-8", "data")
    at, tags = data.find(b"<"), 0
    while at >= 0:
        end_mark = next((mark for start, mark in _SPANS if data.startswith(start, at)), b">")
        end = data.find(end_mark, at)
        if end < 0:
            raise _malformed("no XML: something is not closed", "不是有效的 XML", "data")
        if data.startswith(b"<!DOCTYPE", at):
            raise _no_doctype()
        tags += 1
        if tags > MOST_TAGS or (end_mark == b">" and end - at > MOST_TAG_BYTES):
            raise _malformed("too many or too long tags", "XML 标签过多或过长", "data")
        at = data.find(b"<", end)


_SPANS = ((b"<![CDATA[", b"]]>"), (b"<!--", b"-->"), (b"<?", b"?>"))
_DECLARED = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']")
MOST_TAGS, MOST_TAG_BYTES = 20_000, 4096


def _no_doctype() -> Malformed:
    return _malformed("a document type is not allowed", "XML 不得含 DOCTYPE", "data")


def _values(parent: etree._Element) -> Fields:
    """The texts of an element's children. Raises Malformed where one stands twice or is not only text."""
    found: Fields = {}
    for each in parent:
        name = str(each.tag)
        if name in found:
            raise _malformed(f"{name[:40]} stands twice", f"元素 {name[:40]} 重复", name[:40])
        if len(each):
            raise _malformed(
                f"{name[:40]} holds elements: HTML must be escaped or CDATA",
                f"元素 {name[:40]} 内有子元素，HTML 应转义或用 CDATA",
                name[:40],
            )
        found[name] = (each.text or "").strip()
    return found


def _text(parent: etree._Element, name: str) -> str:
    return (parent.findtext(name) or "").strip()


def _malformed(en: str, zh: str, field: str) -> Malformed:
    return Malformed(f"envelope: {en}", zh=f"报文：{zh}", field=field)
