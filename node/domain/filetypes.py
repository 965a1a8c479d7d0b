"""Which files a centre takes in: the types of tender work, known by name and by their first bytes.

What a browser or a desk would run is refused: programs, scripts, pages, documents with macros, drawings (SVG) with
script. What is taken in is still only ever handed out as a download. The bytes decide, the name must fit them, and the
type that the sender claims must be the one that both say; a type that is not in `TYPES` is `application/octet-stream`,
which a node takes only where its settings allow it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import NamedTuple

from node.errors import Malformed, Refused

HEAD_BYTES = 4096
"""So much of a file's beginning is looked at."""
MAX_SVG_BYTES = 4 << 20
MAX_NAME = 200
OCTETS = "application/octet-stream"

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_OLE = (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",)
Test = Callable[[bytes], bool]


class FileType(NamedTuple):
    """A type by its media type: extensions, how its bytes begin, its name in Chinese and English."""

    extensions: tuple[str, ...]
    fits: Test
    zh: str
    en: str


def _begins(*marks: bytes) -> Test:
    return lambda head: head.startswith(marks)


def _text(head: bytes) -> bool:
    """Text of UTF-8, UTF-16 with its mark, or GB 18030: no byte of it is a control character that no text has."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    if re.search(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]", head):
        return False
    # What is cut off at the end of the piece may be half a character.
    return any(_decodes(head[: len(head) - cut], code) for code in ("utf-8", "gb18030") for cut in range(4))


def _decodes(data: bytes, code: str) -> bool:
    try:
        data.decode(code)
    except UnicodeDecodeError:
        return False
    return True


TYPES: dict[str, FileType] = {
    "application/pdf": FileType((".pdf",), lambda head: b"%PDF-" in head[:1024], "PDF 文档", "PDF"),
    "application/ofd": FileType((".ofd",), _begins(*_ZIP), "OFD 版式文档", "OFD"),
    "application/msword": FileType((".doc", ".wps"), _begins(*_OLE, b"{\\rtf"), "Word 文档（旧）", "Word, old"),
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": FileType(
        (".docx",), _begins(*_ZIP), "Word 文档", "Word"
    ),
    "application/vnd.ms-excel": FileType((".xls", ".et"), _begins(*_OLE), "Excel 表格（旧）", "Excel, old"),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": FileType(
        (".xlsx",), _begins(*_ZIP), "Excel 表格", "Excel"
    ),
    "application/vnd.ms-powerpoint": FileType((".ppt", ".dps"), _begins(*_OLE), "演示文稿（旧）", "PowerPoint, old"),
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": FileType(
        (".pptx",), _begins(*_ZIP), "演示文稿", "PowerPoint"
    ),
    "application/rtf": FileType((".rtf",), _begins(b"{\\rtf"), "RTF 文档", "RTF"),
    "application/zip": FileType((".zip",), _begins(*_ZIP), "ZIP 压缩包", "ZIP archive"),
    "application/vnd.rar": FileType((".rar",), _begins(b"Rar!\x1a\x07"), "RAR 压缩包", "RAR archive"),
    "application/x-7z-compressed": FileType((".7z",), _begins(b"7z\xbc\xaf\x27\x1c"), "7z 压缩包", "7z archive"),
    "image/png": FileType((".png",), _begins(b"\x89PNG\r\n\x1a\n"), "PNG 图片", "PNG image"),
    "image/jpeg": FileType((".jpg", ".jpeg"), _begins(b"\xff\xd8\xff"), "JPEG 图片", "JPEG image"),
    "image/gif": FileType((".gif",), _begins(b"GIF87a", b"GIF89a"), "GIF 图片", "GIF image"),
    "image/bmp": FileType((".bmp",), _begins(b"BM"), "BMP 图片", "BMP image"),
    "image/tiff": FileType((".tif", ".tiff"), _begins(b"II*\x00", b"MM\x00*"), "TIFF 图片", "TIFF image"),
    "image/svg+xml": FileType((".svg",), lambda head: _text(head) and b"<svg" in head, "SVG 图形", "SVG drawing"),
    "image/vnd.dwg": FileType((".dwg",), _begins(b"AC10"), "DWG 图纸", "DWG drawing"),
    "image/vnd.dxf": FileType((".dxf",), _text, "DXF 图纸", "DXF drawing"),
    "text/plain": FileType((".txt",), _text, "纯文本", "Plain text"),
    "text/csv": FileType((".csv",), _text, "CSV 表格", "CSV table"),
    "application/json": FileType((".json",), _text, "JSON 数据", "JSON data"),
    "application/xml": FileType((".xml",), _text, "XML 数据", "XML data"),
    "video/mp4": FileType((".mp4",), lambda head: head[4:8] == b"ftyp", "MP4 录像", "MP4 video"),
    "audio/mpeg": FileType((".mp3",), _begins(b"ID3", b"\xff\xfb", b"\xff\xf3"), "MP3 录音", "MP3 recording"),
}
_BY_EXTENSION = {extension: name for name, each in TYPES.items() for extension in each.extensions}

_PROGRAMS = (
    b"MZ",
    b"\x7fELF",
    b"#!",
    b"\xca\xfe\xba\xbe",
    b"\xfe\xed\xfa\xce",
    b"\xfe\xed\xfa\xcf",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
    b"L\x00\x00\x00\x01\x14\x02\x00",
    b"\x00asm",
    b"dex\n",
)
_PROGRAM_NAMES = frozenset(
    "exe com scr pif msi msp dll sys cpl jar bat cmd ps1 psm1 vbs vbe js jse mjs wsf wsh hta lnk reg inf chm apk app"
    " dmg iso img sh py pl rb php jsp asp aspx htm html xhtml shtml mht mhtml svgz swf docm dotm xlsm xltm xlam pptm"
    " ppsm url scf desktop".split()
)
_PAGE = re.compile(rb"<\s*(!doctype\s+html|html|head|body|script|iframe|meta|title|link|object|embed)\b", re.I)
_SVG_ACTIVE = re.compile(
    rb"<\s*(\w+:)?(script|foreignObject|iframe|object|embed|handler|animate|set)\b|\bon[a-z]+\s*=|javascript\s*:"
    rb"|<!ENTITY|<\?xml-stylesheet|data\s*:\s*text/html|@import"
    rb"|href\s*=\s*[\"']\s*(?!#|data:image/(png|jpeg|gif))",
    re.I,
)


def clean_name(name: str) -> str:
    """The name of a file as a record may list it: no path, no control or turning marks, NFC, bounded.

    Raises Malformed when nothing is left of it.

    >>> clean_name("C:\\\\图纸\\\\总平面图.dwg"), clean_name("../../etc/通知.pdf")
    ('总平面图.dwg', '通知.pdf')
    """
    # Once more after NFC: it never makes a slash, but what it makes must be judged as it will stand there.
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    kept = "".join(char for char in last if char.isprintable() and unicodedata.category(char) != "Cf").strip(" .")
    if len(kept) > MAX_NAME:
        ending = extension(kept) if len(extension(kept)) < 20 else ""
        kept = kept[: MAX_NAME - len(ending)] + ending
    if not kept:
        raise Malformed("a file without a name", zh="文件没有名称", field="name")
    return unicodedata.normalize("NFC", kept)


def extension(name: str) -> str:
    """The last part of a name after its dot, small, with the dot; empty without one."""
    return "." + name.rpartition(".")[2].lower() if "." in name else ""


def judge(name: str, claimed: str, head: bytes) -> str:
    """The media type of a file by its name, the type that its sender claims, and its first `HEAD_BYTES`.

    Raises Refused for what is not taken in: a program, a page, or bytes that are not what the name says.
    """
    if head.startswith(_PROGRAMS) or extension(name)[1:] in _PROGRAM_NAMES:
        raise _refused(name, "程序、脚本或含宏的文档", "a program, a script, or a document with macros")
    mine = _BY_EXTENSION.get(extension(name), OCTETS)
    if mine != "image/svg+xml" and _PAGE.search(head[:1024]) and _text(head):
        raise _refused(name, "网页", "a web page")
    claimed = claimed.partition(";")[0].strip().lower()
    if mine != OCTETS and not TYPES[mine].fits(head):
        raise _refused(name, "内容与扩展名不符的文件", "a file whose bytes are not what its name says")
    if mine == OCTETS and (claimed in TYPES or _looks_like(head)):
        raise _refused(name, "扩展名与内容不符的文件", "a file whose name is not what its bytes are")
    if claimed in TYPES and claimed != mine and not _same_family(claimed, mine):
        raise _refused(name, f"声明为 {claimed} 而实为 {mine} 的文件", f"claimed to be {claimed} and is {mine}")
    return mine


def judge_svg(data: bytes) -> None:
    """Raise Refused for a drawing that could do anything: script, handlers, links out of itself."""
    plain = data.replace(b"\x00", b"")
    declared = re.sub(rb"xmlns(:\w+)?\s*=", b"", plain)
    if _SVG_ACTIVE.search(declared) or re.search(rb"&#(x0*|0*)[0-9a-f]+;?", declared, re.I):
        raise _refused("SVG", "含脚本或外部链接的图形", "a drawing with script or links")


def _looks_like(head: bytes) -> bool:
    """Whether bytes are plainly of a type that has a name of its own."""
    strict = ("application/pdf", "image/png", "image/jpeg", "image/gif", "application/vnd.rar")
    return any(TYPES[each].fits(head) for each in strict)


def _same_family(claimed: str, mine: str) -> bool:
    """Browsers claim a spreadsheet's type for CSV, plain text for any text, ZIP for what is made of it."""
    if mine in ("text/csv", "text/plain", "application/json", "application/xml", "image/vnd.dxf", "image/svg+xml"):
        return claimed in ("text/plain", "text/csv", "application/vnd.ms-excel", "application/xml", "application/json")
    return claimed in ("application/zip", "application/msword", "application/vnd.ms-excel", "application/rtf") and (
        TYPES[mine].fits is TYPES[claimed].fits or TYPES[claimed].fits(b"PK\x03\x04") == TYPES[mine].fits(b"PK\x03\x04")
    )


def _refused(name: str, zh: str, en: str) -> Refused:
    return Refused(
        f"{name[:80]}: {en} is not taken in",
        zh=f"不接收该文件：{zh}",
        field="file",
        advice_zh="请转为 PDF、OFD、Office 文档、图片、图纸或压缩包（内容与扩展名一致）后重新上传。",
        advice_en="Send a PDF, OFD, office document, picture, drawing or archive whose ending is what its bytes are.",
    )
