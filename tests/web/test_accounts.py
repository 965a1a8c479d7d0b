"""Log-in, forms and accounts through the pages, as a browser sees them."""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from sqlalchemy import select

from node.accounts import codes
from node.app import Node
from node.store.tables import table
from node.store.tables_accounts import AuditView
from tests.web.persons import PASSWORD, Browser, Clock, serving

ADMIN, OTHER = "li.ming", "wang.fang"
World = tuple[Node, TestClient[Any, Any], Clock]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    clock = Clock()
    async with serving(tmp_path / "n", clock) as (node, client):
        await node.accounts.add(ADMIN, "李明", ["administrator"], PASSWORD)
        await node.accounts.add(OTHER, "王芳", ["acceptance"], PASSWORD)
        yield node, client, clock


async def test_log_in_gives_a_cookie_that_scripts_and_other_sites_do_not_get(world: World) -> None:
    browser = Browser(world[1])
    assert await browser.log_in(ADMIN) == 303
    assert browser.last is not None
    cookies = browser.last.headers.getall("Set-Cookie")
    session = next(cookie for cookie in cookies if cookie.startswith("ggzy_session="))
    assert "HttpOnly" in session and "SameSite=Strict" in session and "Path=/" in session
    assert "Secure" not in session  # this node speaks plain HTTP
    status, page = await browser.get("/account")
    assert status == 200 and "李明" in page and ADMIN in page
    assert "no-store" in browser.last.headers["Cache-Control"]


async def test_behind_tls_cookies_are_secure_and_bound_to_the_host(tmp_path: Path) -> None:
    settings = {"public_url": "https://yuzhong.example"}
    async with serving(tmp_path / "n", Clock(), settings=settings) as (node, client):
        await node.accounts.add(ADMIN, "李明", ["administrator"], PASSWORD)
        browser = Browser(client)
        assert await browser.log_in(ADMIN) == 303
        assert browser.last is not None
        session = next(c for c in browser.last.headers.getall("Set-Cookie") if c.startswith("__Host-ggzy_session="))
        assert "Secure" in session and "Domain" not in session


async def test_whatever_is_wrong_is_said_in_the_same_words(world: World) -> None:
    browser = Browser(world[1])
    pages = []
    for account, password in ((ADMIN, "wrong"), ("nobody", PASSWORD), ("nobody@500999", PASSWORD), ("", "")):
        status, page = await browser.post("/login", {"account": account, "password": password})
        assert status == 401
        pages.append(re.search(r'role="alert">(.*?)</div>', page, re.DOTALL)[1])  # type: ignore[index]
    assert len(set(pages)) == 1


async def test_pages_that_need_a_person_send_strangers_to_log_in_and_back(world: World) -> None:
    browser = Browser(world[1])
    status, _ = await browser.get("/accounts?x=1")
    assert browser.last is not None
    assert (status, browser.last.headers["Location"]) == (303, "/login?next=/accounts?x%3D1")
    status, _ = await browser.post("/login", {"account": ADMIN, "password": PASSWORD, "next": "/accounts?x=1"})
    assert (status, browser.last.headers["Location"]) == (303, "/accounts?x=1")


@pytest.mark.parametrize("evil", ["//evil.example", "/\\evil.example", "https://evil.example", "/a\nb", "/login"])
async def test_log_in_never_leads_to_another_site(world: World, evil: str) -> None:
    browser = Browser(world[1])
    await browser.post("/login", {"account": ADMIN, "password": PASSWORD, "next": evil})
    assert browser.last is not None and browser.last.headers["Location"] == "/console"


async def test_a_form_without_this_sessions_token_does_nothing(world: World) -> None:
    node, client, _ = world
    browser, thief = Browser(client), Browser(client)
    await browser.log_in(ADMIN)
    await thief.log_in(OTHER)
    foreign = thief.token((await thief.get("/account"))[1])
    form = {"account": f"{OTHER}@500103", "role": "venue"}
    for token in ("", "0" * 64, foreign):
        status, page = await browser.post("/accounts/roles", form, token=token)
        assert status == 403 and "foreign-form" in page
    for headers in (
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Origin": "http://evil.example"},
    ):
        status, _ = await browser.post("/accounts/roles", form, **headers)
        assert status == 403
    person = await node.accounts.log_in(OTHER, PASSWORD)
    assert person.person.roles == {"acceptance"}
    status, _ = await browser.post("/accounts/roles", form, Sec_Fetch_Site="same-origin", Origin="null")
    assert status == 303


async def test_a_log_in_form_has_a_token_before_there_is_a_session(world: World) -> None:
    browser = Browser(world[1])
    status, _ = await browser.post("/login", {"account": ADMIN, "password": PASSWORD}, token="")
    assert status == 403
    token = browser.token((await browser.get("/login"))[1])
    assert await Browser(world[1]).post("/login", {"account": ADMIN, "password": PASSWORD}, token=token) != 303


async def test_a_session_that_was_planted_is_never_taken_over(world: World) -> None:
    browser = Browser(world[1])
    token = browser.token((await browser.get("/login"))[1])
    planted = browser.cookies["ggzy_session"] = "ab" * 32
    known_to_all = hmac.new(bytes.fromhex(planted), b"ggzy/csrf/session/v1", "sha256").hexdigest()
    fields = {"account": ADMIN, "password": PASSWORD}
    assert (await browser.post("/login", fields, token=known_to_all))[0] == 403
    assert (await browser.post("/login", fields, token=token))[0] == 303
    assert browser.cookies["ggzy_session"] != planted
    browser.cookies["ggzy_session"] = planted
    assert (await browser.get("/account"))[0] == 303


async def test_sessions_end_when_idle_and_when_old(world: World) -> None:
    node, client, clock = world
    browser = Browser(client)
    await browser.log_in(ADMIN)
    idle_ms, most_ms = node.accounts.limits.idle_ms, node.accounts.limits.most_ms
    began = clock.now_ms
    clock.now_ms += idle_ms - 1
    assert (await browser.get("/account"))[0] == 200
    clock.now_ms += idle_ms - 1
    assert (await browser.get("/account"))[0] == 200
    while clock.now_ms + idle_ms // 2 < began + most_ms:
        clock.now_ms += idle_ms // 2
        assert (await browser.get("/account"))[0] == 200
    clock.now_ms = began + most_ms
    assert (await browser.get("/account"))[0] == 303
    await browser.log_in(ADMIN)
    clock.now_ms += idle_ms
    assert (await browser.get("/account"))[0] == 303


async def test_a_new_password_ends_every_session(world: World) -> None:
    browser, second = Browser(world[1]), Browser(world[1])
    await browser.log_in(ADMIN)
    await second.log_in(ADMIN)
    new = "seven herons on a wall"
    fields = {"old": PASSWORD, "password": new, "again": new + "!"}
    assert (await browser.post("/account/password", fields))[0] == 422
    assert (await browser.post("/account/password", fields | {"old": "no", "again": new}))[0] == 401
    assert (await browser.post("/account/password", fields | {"password": "short", "again": "short"}))[0] == 422
    assert (await browser.post("/account/password", fields | {"again": new}))[0] == 303
    assert (await second.get("/account"))[0] == 303
    assert await browser.log_in(ADMIN) == 401
    assert await browser.log_in(ADMIN, new) == 303


async def test_logging_out_ends_the_session_in_the_database(world: World) -> None:
    browser = Browser(world[1])
    await browser.log_in(ADMIN)
    kept = dict(browser.cookies)
    assert (await browser.post("/logout", {}))[0] == 303
    browser.cookies = kept
    assert (await browser.get("/account"))[0] == 303


async def test_one_time_codes_are_asked_for_once_switched_on_and_work_once(world: World) -> None:
    _, client, clock = world
    browser = Browser(client)
    await browser.log_in(ADMIN)
    page = (await browser.get("/account"))[1]
    shown = re.search(r'name="secret" value="([A-Z2-7 ]+)"', page)
    assert shown is not None and "otpauth://totp/" in page
    secret = base64.b32decode(shown[1].replace(" ", ""))
    code = codes.TOTP(secret, 6, codes.SHA1(), 30).generate(clock.now_ms // 1000).decode()
    fields = {"secret": shown[1], "old": PASSWORD, "code": "000000" if code != "000000" else "111111"}
    assert (await browser.post("/account/totp", fields))[0] == 422
    assert (await browser.post("/account/totp", fields | {"code": code}))[0] == 303
    assert await browser.log_in(ADMIN) == 401
    assert await browser.log_in(ADMIN, PASSWORD, code) == 303
    assert await Browser(client).log_in(ADMIN, PASSWORD, code) == 401
    clock.now_ms += 60_000
    later = codes.TOTP(secret, 6, codes.SHA1(), 30).generate(clock.now_ms // 1000).decode()
    assert (await browser.post("/account/totp", {"secret": "", "old": PASSWORD, "old_code": later}))[0] == 303
    assert await browser.log_in(ADMIN) == 303


async def test_the_administrator_is_told_why_posts_exclude_each_other(world: World) -> None:
    browser = Browser(world[1])
    await browser.log_in(ADMIN)
    for role, words in (("supervisor", "管办分离"), ("bidder", "不得以交易主体身份")):
        fields = [("login", "zhao.lei"), ("name", "赵磊"), ("role", "venue"), ("role", role)]
        status, page = await browser.post("/accounts", fields)
        assert status == 422 and words in page
    status, page = await browser.post("/accounts", [("login", "zhao.lei"), ("name", "赵磊"), ("role", "supervisor")])
    assert status == 422 and "管办分离" in page
    status, page = await browser.post("/accounts", [("login", "zhao.lei"), ("name", "赵磊"), ("role", "venue")])
    assert status == 200
    first = re.search(r"的初始密码：(\S+?)（", page)
    assert first is not None
    new = Browser(world[1])
    assert await new.log_in("zhao.lei", first[1]) == 303
    assert (await new.get("/account"))[0] == 200
    assert (await new.get("/accounts"))[0] == 303  # first a password of his own
    fields2 = {"old": first[1], "password": PASSWORD, "again": PASSWORD}
    assert (await new.post("/account/password", fields2))[0] == 303
    await new.log_in("zhao.lei")
    assert (await new.get("/accounts"))[0] == 403


async def test_the_administrator_closes_no_partys_account_and_not_his_own(world: World) -> None:
    node, client, _ = world
    await node.accounts.add(
        "anan", "安安", ["bidder"], PASSWORD, org="91500000MA5U000000", org_name="某某建设", own=True
    )
    browser = Browser(client)
    await browser.log_in(ADMIN)
    for account in ("anan@500103", f"{ADMIN}@500103"):
        status, _ = await browser.post("/accounts/active", {"account": account, "active": "no"})
        assert status == 422
        status, _ = await browser.post("/accounts/roles", {"account": account, "role": "owner"})
        assert status == 422
    assert (await browser.post("/accounts/active", {"account": f"{OTHER}@500103", "active": "no"}))[0] == 303
    assert await Browser(client).log_in(OTHER) == 401
    party = Browser(client)
    assert await party.log_in("anan") == 303
    assert (await party.post("/account/roles", [("role", "bidder"), ("role", "owner")]))[0] == 303
    assert (await party.post("/account/roles", [("role", "venue")]))[0] == 422
    assert (await party.post("/account/close", {"old": PASSWORD}))[0] == 303
    assert await party.log_in("anan") == 401


async def test_a_party_registers_by_itself_and_nothing_is_asked_beforehand(world: World) -> None:
    browser = Browser(world[1])
    fields = {
        "role": "bidder",
        "login": "chenjie",
        "name": "陈杰",
        "org_name": "重庆某某建设有限公司",
        "org": "91350100M000100Y43",
        "password": PASSWORD,
        "again": PASSWORD,
    }
    assert (await browser.post("/register", fields | {"org": "91350100M000100Y44"}))[0] == 422
    assert (await browser.post("/register", fields | {"role": "administrator"}))[0] == 422
    assert (await browser.post("/register", fields))[0] == 303
    assert await browser.log_in("chenjie") == 303
    assert (await Browser(world[1]).post("/register", fields))[0] == 409
    statuses = [(await Browser(world[1]).post("/register", fields))[0] for _ in range(4)]
    assert statuses[-1] == 429


async def test_large_forms_and_other_bodies_are_refused(world: World) -> None:
    node, client, _ = world
    browser = Browser(client)
    status, _ = await browser.post("/login", {"account": "x" * (node.settings.max_form_bytes + 1)})
    assert status == 413
    answer = await client.post("/login", data=b"{}", headers={"Content-Type": "application/json"})
    assert answer.status == 400


async def test_what_is_done_is_on_record_with_the_persons_signature(world: World) -> None:
    node, client, _ = world
    browser = Browser(client)
    await browser.log_in(ADMIN)
    await browser.post("/accounts/roles", {"account": f"{OTHER}@500103", "role": "venue"})
    assert await node.audit.flush() == 1
    await node.projector.run()
    view = table(AuditView)
    rows = await node.store.read(lambda conn: conn.execute(select(view.c.account, view.c.action)).all())
    assert (f"{ADMIN}@500103", "log-in") in rows and (f"{ADMIN}@500103", "account.roles") in rows
