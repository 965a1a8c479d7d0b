"""By what records of the former centres belong together: keys of 63 bits for codes, project names and whole contents.

Only hashes are compared in bulk; whoever shows two records as one project compares the texts themselves as well.
"""

from __future__ import annotations

import hashlib
import unicodedata

_IN_NAME = str.maketrans("", "", " \t\r\n\u3000")


def code_key(category: str, project_code: str, section_code: str) -> int:
    """Of the project code, else of the section code; 0 without either.

    >>> code_key("工程建设", "", "") == 0 != code_key("工程建设", "A-1", "")
    True
    >>> code_key("工程建设", "A-1", "A-1-01") == code_key("工程建设", "A-1", "A-1-02")
    True
    """
    code = (project_code or section_code).strip()
    return _key("code", category, code) if code else 0


def name_key(category: str, project_name: str) -> int:
    """Of the project's name, whatever its blanks and widths; 0 without one.

    >>> name_key("工程建设", "示例 道路（一期）") == name_key("工程建设", "示例道路(一期)")
    True
    """
    name = plain_name(project_name)
    return _key("name", category, name) if name else 0


def plain_name(name: str) -> str:
    """A name for comparing: without blanks, in one width."""
    return unicodedata.normalize("NFKC", name).translate(_IN_NAME)


def same_key(*parts: str) -> int:
    """Of all that a list shows of a record: two records with the same key say the same."""
    return _key("same", *parts)


def _key(*parts: str) -> int:
    digest = hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).digest()
    # 0 says that there is no key.
    return int.from_bytes(digest[:8], "big") >> 1 or 1
