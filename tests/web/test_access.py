"""Who may open what: every route of a centre's node, a hub's and a department's, as a stranger and in each role.

The table says which roles are let in; everybody else is sent to the log-in page or refused, before anything is looked
up. A route without a row fails, and so does a row without a route. Who is there is told to the node directly: it is the
pages that are asked, not the passwords.
"""

from __future__ import annotations

import hmac
import re
from hashlib import sha256
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from node.accounts.passwords import new_secrets
from node.accounts.person import Person
from node.domain.posts import ROLES
from node.web.keys import ACCOUNTS
from tests.web.mine.parties import FIRM
from tests.web.persons import Clock, serving

STRANGER = "-"
PARTIES = frozenset(name for name, role in ROLES.items() if role.realm == "party")
CENTRE = frozenset(name for name, role in ROLES.items() if role.realm == "service")
SUPERVISION = frozenset(name for name, role in ROLES.items() if role.realm == "supervision")
POSTS = CENTRE - {"administrator"}
STAFF, PERSONS = CENTRE | SUPERVISION, CENTRE | SUPERVISION | PARTIES
ALL = PERSONS | {STRANGER}
WATCHERS = frozenset({"auditor", "discipline"})
ADMINISTRATOR, ARCHIVE, VENUE = frozenset({"administrator"}), frozenset({"archive"}), frozenset({"venue"})
ACCEPTANCE, SUPERVISOR, BIDDER = frozenset({"acceptance"}), frozenset({"supervisor"}), frozenset({"bidder"})
IMPORT = ACCEPTANCE | ADMINISTRATOR
PROGRAMS = ("/api/", "/tlog/", "/witness/")
"""For these a person is nobody: the answer is the stranger's (they have tests of their own)."""
PASSWORDS = ("/login", "/account/password", "/account/totp", "/account/close")

PUBLIC = """
    / /trades /trades/{trade} /records/{record_id} /projects/{code} /credit /entities /codes
    /disclosures /{name}.{format} /open-data /open-data/{file} /rules /rules/{rule} /rules/diff /services /fees
    /fees.csv /quality /quality/measures /quality/records /quality/records.csv /status /verify-help /static/{name}
    /login /files/{sha256} /healthz /readyz /metrics /openapi.json
""".split()
Rows = dict[str, frozenset[str]]
EVERYWHERE: Rows = {f"GET {path}": ALL for path in PUBLIC} | {
    "POST /login": ALL,
    "POST /logout": ALL,
    "GET /account": PERSONS,
    "POST /account/password": PERSONS,
    "POST /account/totp": PERSONS,
    "POST /account/sessions": PERSONS,
    "POST /account/roles": PARTIES,
    "POST /account/close": PARTIES,
    "GET /uplink": STAFF,
    "POST /uplink/retry": ADMINISTRATOR,
    "GET /routing/approved": STAFF,
    "GET /routing/approved.csv": STAFF,
    "GET /routing/approved/template.xlsx": STAFF,
    "POST /routing/approved": IMPORT | SUPERVISOR,
    "POST /files/uploads": POSTS,
    "HEAD /files/uploads/{upload}": POSTS,
    "PATCH /files/uploads/{upload}": POSTS,
    "DELETE /files/uploads/{upload}": POSTS,
}
AT_CENTRES: Rows = {
    "GET /register": ALL,
    "POST /register": ALL,
    "GET /routing": STAFF,
    "GET /accounts": ADMINISTRATOR,
    "POST /accounts": ADMINISTRATOR,
    "POST /accounts/roles": ADMINISTRATOR,
    "POST /accounts/active": ADMINISTRATOR,
    "POST /accounts/reset": ADMINISTRATOR,
    "GET /mine": PARTIES,
    "GET /mine/trades/{key}": PARTIES,
    "POST /mine/trades/{key}": BIDDER,
    "GET /mine/bids": PARTIES,
    "GET /mine/bids/{number}": PARTIES,
    "GET /mine/deposits": PARTIES,
    "GET /mine/credit": PARTIES,
    "GET /console": CENTRE,
    "GET /console/trades": CENTRE,
    "GET /console/trades.{format}": CENTRE,
    "GET /console/trades/new": ACCEPTANCE,
    "POST /console/trades/new": ACCEPTANCE,
    "GET /console/trades/new/{category}": ACCEPTANCE,
    "POST /console/trades/new/{category}": ACCEPTANCE,
    "GET /console/trades/{key}": CENTRE,
    "GET /console/trades/{key}/{act}": POSTS,
    "POST /console/trades/{key}/{act}": POSTS,
    "GET /console/trades/{key}/withdraw/{seq}": POSTS,
    "POST /console/trades/{key}/withdraw/{seq}": POSTS,
    "GET /console/trades/{key}/print": CENTRE,
    "GET /console/trades/{key}/print/{seq}": CENTRE,
    "GET /console/trades/{key}/bids": POSTS,
    "POST /console/trades/{key}/bids": POSTS,
    "POST /console/trades/{key}/site": ACCEPTANCE | VENUE,
    "GET /console/print/today": CENTRE,
    "GET /console/print/deposits": CENTRE,
    "GET /console/print/charges/{id}": CENTRE,
    "GET /console/drafts": POSTS,
    "GET /console/drafts/{id}": POSTS,
    "POST /console/drafts/{id}": POSTS,
    "POST /console/autosave": POSTS,
    "GET /console/venues": CENTRE,
    "GET /console/venues/day/{day}": CENTRE,
    "GET /console/venues/free": CENTRE,
    "POST /console/venues/free": VENUE,
    "GET /console/venues/bookings/{booking}": CENTRE,
    "POST /console/venues/bookings/{booking}": VENUE,
    "GET /console/venues/rooms": CENTRE,
    "POST /console/venues/rooms": VENUE,
    "GET /console/deposits": CENTRE,
    "POST /console/deposits": POSTS,
    "GET /console/charges": CENTRE,
    "POST /console/charges": POSTS,
    "GET /console/charges/report": CENTRE,
    "GET /console/services": CENTRE,
    "POST /console/services": POSTS,
    "GET /console/sites": CENTRE,
    "POST /console/sites": ADMINISTRATOR,
    "GET /console/archive": ARCHIVE,
    "GET /console/bindings": ACCEPTANCE,
    "POST /console/bindings": ACCEPTANCE,
    "GET /console/failures": CENTRE,
    "POST /console/failures": ADMINISTRATOR,
    "GET /console/failures/imports/{id}.xlsx": IMPORT,
    "POST /console/failures/imports/{id}": IMPORT,
    "GET /console/import": IMPORT,
    "GET /console/import.xlsx": IMPORT,
    "POST /console/import": IMPORT,
}


def drafting(who: frozenset[str]) -> Rows:
    address = "/rule-drafts"
    return {f"{method} {address}{one}": who for method in ("GET", "POST") for one in ("", "/{id}")}


AT_DEPARTMENTS: Rows = {
    "GET /supervision": SUPERVISION,
    "GET /supervision/trades/{trade}": SUPERVISION,
    "GET /supervision/agencies": SUPERVISION,
    "GET /supervision/orders": SUPERVISOR,
    "POST /supervision/orders": SUPERVISOR,
    "GET /supervision/audit": WATCHERS,
    "GET /supervision/audit.csv": WATCHERS,
}
TABLES: dict[str, Rows] = {
    "district": EVERYWHERE | AT_CENTRES,
    "hub": EVERYWHERE | AT_CENTRES | drafting(ADMINISTRATOR),
    "supervision": EVERYWHERE | AT_DEPARTMENTS | drafting(SUPERVISOR),
}
PARTS = {
    "format": "csv",
    "name": "portal.css",
    "rule": "construction@1",
    "category": "construction",
    "seq": "1",
    "act": "notice",
    "day": "2025-11-25",
    "booking": "1",
    "sha256": "0" * 64,
}


class Visitor:
    """Somebody at a node's door: nobody, or a person in one role. `csrf` is what forms that this one opens hold."""

    def __init__(self, role: str) -> None:
        self.role, self.token = role, sha256(role.encode()).digest()
        self.cookie = f"{'ggzy_form' if role == STRANGER else 'ggzy_session'}={self.token.hex()}"
        purpose = b"form" if role == STRANGER else b"session"
        self.csrf = hmac.new(self.token, b"ggzy/csrf/" + purpose + b"/v1", sha256).hexdigest()

    @property
    def person(self) -> Person:
        role = ROLES[self.role]
        org = {"uscc": FIRM, "department": "市发展改革委", "": ""}[role.org]
        roles, account = frozenset({role.id}), f"{role.id}@500103"
        return Person(account, role.id, role.realm, roles, org, session=self.token, secrets=new_secrets())


VISITORS = [Visitor(role) for role in (STRANGER, *ROLES)]


def routes_of(app: web.Application) -> list[tuple[str, str]]:
    """(method, pattern) of each route; HEAD where it is more than the other half of a GET."""
    found = {(route.method, route.resource.canonical) for route in app.router.routes() if route.resource is not None}
    return sorted(each for each in found if each[0] != "HEAD" or ("GET", each[1]) not in found)


def address(pattern: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda part: PARTS.get(part[1], "0" * 32), pattern)


async def ask(site: aiohttp.ClientSession, method: str, pattern: str, visitor: Visitor, csrf: str) -> int | str:
    """The status, or `login` for who is sent to log in."""
    headers = {"Accept": "text/html", "Cookie": visitor.cookie, "Ggzy-Csrf": csrf}
    data = {"csrf": csrf} if method == "POST" else None
    async with site.request(method, address(pattern), headers=headers, data=data, allow_redirects=False) as answer:
        to_login = answer.status == 303 and answer.headers["Location"].startswith("/login")
        return "login" if to_login else answer.status


@pytest.mark.parametrize("role", sorted(TABLES))
async def test_each_route_lets_in_whom_the_table_says(tmp_path: Path, role: str) -> None:
    rows, wrong = TABLES[role], []
    department = "市发展改革委" if role == "supervision" else ""
    jar = aiohttp.DummyCookieJar()
    async with (
        serving(tmp_path / "n", Clock(), role=role, department=department) as (_node, client),
        aiohttp.ClientSession(client.make_url("/"), cookie_jar=jar) as site,
    ):
        app = client.server.app
        known = {visitor.token: visitor.person for visitor in VISITORS if visitor.role != STRANGER}

        async def person(token: bytes, remote: str) -> Person | None:
            return known.get(token)

        app[ACCOUNTS].person = person
        routes = routes_of(app)
        pages = {f"{method} {path}" for method, path in routes if not path.startswith(PROGRAMS)}
        assert pages == rows.keys(), "a route without a row, or a row without a route"
        for method, path in routes:
            found = {each.role: await ask(site, method, path, each, each.csrf) for each in VISITORS}
            if path.startswith(PROGRAMS):
                same = set(found.values()) - {429}
                wrong += [(method, path, found)] if len(same) > 1 or same & {"login", 500} else []
                continue
            let_in = {each for each, status in found.items() if status not in ("login", 401, 403)}
            # A password that is wrong is 401: who was asked for it had come through the door.
            let_in |= {each for each, status in found.items() if status == 401 and path in PASSWORDS}
            expected = rows[f"{method} {path}"]
            broken = [each for each, status in found.items() if isinstance(status, int) and status >= 500]
            if let_in != expected or broken or (STRANGER not in expected and found[STRANGER] != "login"):
                wrong.append((method, path, found))
            if method in ("GET", "HEAD"):
                continue
            # Whoever is let in and sends a form that is not this session's own changes nothing.
            for each in VISITORS:
                if each.role in expected and (status := await ask(site, method, path, each, "")) not in (403, 404):
                    wrong.append((method, path, f"{each.role} without a token: {status}"))
    assert not wrong, "\n".join(map(str, wrong))
