"""The envelope of an upload: DES with TITLE, CONTEXT (none on delete) and SOURCE, as XML; and the validation beside it.

The form is that of running systems (data-standard.md §7.2). Reading loads no entity, no DTD and nothing from the
network.
"""

from __future__ import annotations

from dataclasses import dataclass

from lxml import etree

from node.errors import Malformed
from node.uplink.shape import Fields, clean

OPERATIONS = {"insert": "1", "update": "2", "delete": "3"}
BY_TYPE = {code: name for name, code in OPERATIONS.items()}
KEY_CHARS, SYSTEM_CHARS = 22, 4
MAX_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that belongs to a record: its name in the dictionary, its own name, where it lies."""

    dictionary: str
    name: str
    place: str
    deleted: bool = False


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
    """The root of an XML text. Raises Malformed for what is no XML, too large, or brings a document type."""
    if len(data) > MAX_BYTES:
        raise _malformed("the XML is too large", "XML 过大", "data")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(data.removeprefix(b"\xef\xbb\xbf").strip(), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise _malformed(f"no XML: {error}"[:200], "不是有效的 XML", "data") from None
    if b"<!DOCTYPE" in data or root.getroottree().docinfo.internalDTD is not None:
        raise _malformed("a document type is not allowed", "XML 不得含 DOCTYPE", "data")
    return root


def _values(parent: etree._Element) -> Fields:
    return {str(each.tag): (each.text or "").strip() for each in parent}


def _text(parent: etree._Element, name: str) -> str:
    return (parent.findtext(name) or "").strip()


def _malformed(en: str, zh: str, field: str) -> Malformed:
    return Malformed(f"envelope: {en}", zh=f"报文：{zh}", field=field)
