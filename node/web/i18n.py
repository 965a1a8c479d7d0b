"""Two languages, Chinese first: which one a request wants, and the words of the pages in it.

Every text of the pages is one line of `node.web.texts.TEXT`; a key that is not there is an error, not a blank.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aiohttp import web

from node.web.portal_text import Pair
from node.web.texts import TEXT

LANGUAGES: Final = ("zh", "en")
COOKIE: Final = "lang"
COOKIE_AGE_S: Final = 365 * 24 * 3600


class Words:
    """The words of one language; callable as `t(key)` in a template."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.html = "zh-CN" if language == "zh" else "en"

    def __call__(self, key: str, **values: object) -> str:
        """The text of `key`, with `{name}` filled from `values`. Raises KeyError."""
        found = self.pick(TEXT[key])
        return found.format(**values) if values else found

    def pick(self, pair: Pair) -> str:
        return pair[LANGUAGES.index(self.language)]

    def name(self, names: Mapping[str, str], value: str) -> str:
        """A Chinese value in this language, where `names` (Chinese -> English) knows it."""
        return value if self.language == "zh" else names.get(value, value)


def language(request: web.Request) -> str:
    """What the address asks for, else what the cookie remembers, else Chinese."""
    for wanted in (request.query.get("lang"), request.cookies.get(COOKIE)):
        if wanted in LANGUAGES:
            return wanted
    return LANGUAGES[0]


def remember(request: web.Request, response: web.StreamResponse) -> None:
    """Keep the language that the address asked for."""
    wanted = request.query.get("lang")
    if wanted in LANGUAGES and not response.prepared:
        response.set_cookie(COOKIE, wanted, max_age=COOKIE_AGE_S, path="/", httponly=True, samesite="Lax")


def switch(request: web.Request) -> str:
    """This very address in the other language."""
    other = LANGUAGES[1 - LANGUAGES.index(language(request))]
    return str(request.rel_url.update_query(lang=other))
