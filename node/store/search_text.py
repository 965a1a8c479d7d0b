"""Words for finding: how text is folded before it is stored in a `search` column, and how a word becomes a pattern."""

from __future__ import annotations

import unicodedata

ESCAPE = "\\"


def fold(text: str) -> str:
    """Lower case in compatibility form, so that full-width letters, digits and brackets find their plain likes.

    >>> fold("ＡＢ（２０２５）第1标段")
    'ab(2025)第1标段'
    """
    return unicodedata.normalize("NFKC", text).lower()


def words(text: str) -> list[str]:
    """The folded words of a query; what a database could not take (control characters, half pairs) is dropped.

    >>> words("  道路\\x00  PPP ")
    ['道路', 'ppp']
    """
    whole = text.encode("utf-8", "ignore").decode("utf-8")
    spaced = "".join(" " if unicodedata.category(char) == "Cc" else char for char in whole)
    return fold(spaced).split()


def containing(word: str) -> str:
    r"""A LIKE pattern (with `ESCAPE`) for texts that contain `word`, whose own % and _ are only themselves.

    >>> containing("50%_")
    '%50\\%\\_%'
    """
    return f"%{_escape(word)}%"


def beginning(word: str) -> str:
    """A LIKE pattern (with `ESCAPE`) for texts that begin with `word`."""
    return f"{_escape(word)}%"


def _escape(word: str) -> str:
    for char in (ESCAPE, "%", "_"):
        word = word.replace(char, ESCAPE + char)
    return word
