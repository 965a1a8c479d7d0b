"""The public pages: they answer in both languages, show what may be shown, and survive whatever is in an address."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import update
from yarl import URL

from node.domain import KINDS
from node.domain.entities import Company
from node.domain.experts import ExpertProfile
from node.domain.record import FLAGS, Amount, Flag, Source
from node.errors import Frozen
from node.projections.reasons import REASONS
from node.rules import Rules
from node.settings import build
from node.store import peers
from node.store.tables import Log, table
from node.trusted import Trusted
from node.web import exports, pages, portal, portal_columns, problems, texts
from node.web.i18n import Words
from node.web.keys import CLOCK, RULES, SETTINGS, STORE, TRUSTED
from node.web.portal_labels import LABELS
from node.web.portal_text import TEXT
from tests.projections.world import EAST, FLAGGED, HUB, NOW_MS, World, behaviour, result, score

SETTINGS_OF_HUB = {
    "name": "ggzy.example/cq/500000",
    "title": "重庆市公共资源交易中心",
    "role": "hub",
    "division": "500000",
}
PAGES = ("/", "/trades", "/credit", "/entities", "/codes", "/status", "/verify-help")


@pytest.fixture
def world():
    made = World()
    yield made
    made.store.close()


@pytest.fixture
async def client(world, tmp_path):
    app = web.Application(middlewares=[problems.middleware(pages.error_page)])
    app[STORE], app[CLOCK], app[RULES] = world.store, lambda: NOW_MS + 3_600_000, Rules.packaged()
    app[SETTINGS] = build(tmp_path, dict(SETTINGS_OF_HUB))
    app[RULES] = Rules.packaged()
    app[TRUSTED] = Trusted(world.store, SETTINGS_OF_HUB["name"], lambda: NOW_MS)
    pages.setup(app)
    app.add_routes(exports.routes)
    app.add_routes(portal.routes)
    async with TestClient(TestServer(app)) as made:
        yield made


class Page(HTMLParser):
    """What a test wants to know of a page: its elements, and that they are closed in order."""

    VOID = frozenset({"meta", "link", "img", "input", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


async def get(client, address, status=200):
    answer = await client.get(URL(address, encoded=True), headers={"Accept": "text/html"})
    text = await answer.text()
    assert answer.status == status, text[:2000]
    return text


def url(put, more=""):
    return f"/records/{put.record_id.hex()}{more}"


# --- every page -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("address", PAGES)
async def test_every_page_stands_on_an_empty_node_and_on_a_full_one(client, world, address, language):
    for _ in range(2):
        page = Page(await get(client, f"{address}?lang={language}"))
        assert page.all("html") == [{"lang": {"zh": "zh-CN", "en": "en"}[language]}]
        assert not page.all("script") and not page.all("style")
        assert not [attrs for _, attrs in page.tags if any(name.startswith("on") or name == "style" for name in attrs)]
        assert len(page.all("h1")) == 1 and len(page.all("main")) == 1
        assert len(page.all("caption")) == len(page.all("table"))
        labels = {attrs["for"] for attrs in page.all("label")}
        assert {attrs["id"] for attrs in page.all("input") + page.all("select")} == labels
        ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
        assert len(ids) == len(set(ids))
        first = world.put(result(), flags=FLAGGED, made_up=True)
        world.put(result("改"), after=first, held=False)
        world.put(score(), kind="credit.score")
        world.put(behaviour(good=False), kind="credit.behaviour")
        world.put(Company(name="甲", uscc="91350100M000100Y43"), kind="entity.company")
        world.entry(EAST, b"?")
        world.cosign(EAST, "ggzy.example/cq/500000/witness")


async def test_nothing_is_loaded_from_elsewhere(client, world):
    world.put(result(), source=Source("来源", "https://example.org/a"))
    for address in PAGES:
        page = Page(await get(client, address))
        loaded = [attrs.get("src") or attrs.get("href") for tag in ("img", "link") for attrs in page.all(tag)]
        assert all(at.startswith("/") for at in loaded), loaded


async def test_the_language_is_remembered_and_the_switch_keeps_the_address(client):
    chinese = await get(client, "/trades?words=%E9%81%93%E8%B7%AF&page=1")
    assert "/trades?words=%E9%81%93%E8%B7%AF&amp;page=1&amp;lang=en" in chinese
    english = await get(client, "/trades?words=%E9%81%93%E8%B7%AF&lang=en")
    assert "Lowest amount" in english
    assert "Lowest amount" in await get(client, "/trades")
    assert "金额下限" in await get(client, "/trades?lang=zh")
    assert "金额下限" in await get(client, "/trades?lang=%3Cscript%3E")


async def test_static_files_are_kept_for_ever_under_their_hash(client):
    page = Page(await get(client, "/"))
    (style,) = [attrs["href"] for attrs in page.all("link") if attrs["rel"] == "stylesheet"]
    answer = await client.get(style)
    assert answer.headers["Cache-Control"] == pages.CACHE_FOR_EVER
    assert answer.content_type == "text/css"
    again = await client.get(style, headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status == 304
    assert (await client.get("/static/portal.css")).headers["Cache-Control"] == "no-cache"
    assert (await client.get("/static/..%2f..%2fsettings.py")).status == 404
    assert (await client.get("/static/none.css")).status == 404


def test_the_style_sheet_names_no_other_place():
    sheet = (Path(pages.__file__).parent / "static" / "portal.css").read_text("utf-8")
    assert "url(" not in sheet and "@import" not in sheet


def test_every_text_has_both_languages_and_is_used():
    assert all(zh and en for zh, en in TEXT.values())
    source = "".join(path.read_text("utf-8") for path in Path(pages.__file__).parent.rglob("*.html"))
    source += "".join(Path(module.__file__).read_text("utf-8") for module in (exports, portal_columns))
    used = set(re.findall(r"\bt\(['\"](\w+)['\"]", source))
    # One of two words, as in t('found' if … else 'found_more').
    for chosen in re.findall(r"\bt\(['\"]\w+['\"] if ([^,()]*)", source):
        used |= set(re.findall(r"else ['\"](\w+)['\"]", chosen))
    # Of a key that is put together only the beginning stands there.
    used = {key for key in used if not key.endswith("_")}
    assert used <= set(texts.TEXT), "also those of other areas' pages"
    in_loops = {"latest_results", "latest_notices", "missing", "quarantined"}
    in_loops |= {"unknown_failed", "unknown_quiet"}
    assert set(TEXT) - used == in_loops
    with pytest.raises(KeyError):
        Words("zh")("no such text")


def test_every_field_of_every_shape_has_a_label():
    for kind in KINDS.values():
        document = msgspec.inspect.type_info(kind.sections["main"][0])
        (body,) = [field.type for field in document.fields if field.name == "body"]
        assert {field.name for field in body.fields} <= set(LABELS), kind.name


# --- what is shown --------------------------------------------------------------------------------------------------


async def test_home_tells_what_is_new_and_who_has_signed(client, world):
    world.put(result("新桥工程", published_on="2025-11-25"), origin=HUB)
    world.put(result(), origin=EAST)
    world.cosign(EAST, "ggzy.example/cq/500000/witness")
    text = await get(client, "/")
    assert "新桥工程" in text and "市级枢纽节点" in text
    assert "已签至最新" in text and "尚无其他节点共同签名" in text
    assert "/trades?category=%E5%B7%A5%E7%A8%8B%E5%BB%BA%E8%AE%BE" in text


async def test_a_frozen_log_is_announced(client, world):
    frozen = update(table(Log)).where(table(Log).c.origin == HUB).values(frozen="a note beyond our head")
    world.store.write_now(lambda conn: conn.execute(frozen))
    assert "日志已冻结" in await get(client, "/")
    assert "a note beyond our head" in await get(client, "/status")


async def test_a_search_keeps_its_state_in_the_address(client, world):
    puts = [world.put(result(f"桥梁{n:02d}", amount=None), project=False) for n in range(45)]
    world.project(*puts)
    world.put(result("道路"))
    text = await get(client, "/trades?words=%E6%A1%A5%E6%A2%81&category=&page=2&order=amount")
    assert "共 45 条" in text and "第 2 / 3 页" in text and "道路" not in text
    assert 'value="桥梁"' in text
    assert 'href="/trades?words=%E6%A1%A5%E6%A2%81&amp;order=amount&amp;page=3"' in text
    assert 'href="/trades.csv?words=%E6%A1%A5%E6%A2%81&amp;order=amount"' in text
    beyond = await get(client, "/trades?words=%E6%A1%A5%E6%A2%81&page=99")
    assert "这一页没有记录" in beyond and "page=3" in beyond


async def test_amounts_are_understood_as_people_write_them(client, world):
    world.put(result("大", amount=msgspec.convert({"text": "", "fen": 12_000_000_000}, type(result().amount))))
    assert "共 1 条" in await get(client, "/trades?min=1.2%E4%BA%BF&max=1%2C2000%E4%B8%87")
    assert "共 0 条" in await get(client, "/trades?max=11999.99%E4%B8%87")


async def test_a_record_is_shown_whole(client, world):
    put = world.put(result(), flags=FLAGGED, made_up=True, source=Source("某网", "https://example.org/a?b=1&c=2", "17"))
    text = await get(client, url(put))
    for part in (
        "演示数据·虚构",
        "招标人",
        "Owner",
        "20,797,381.58 元（约 2,079.74 万元）",
        "按名称比对补充，非公告原文",
        FLAGS["consortium"][0],
        "下浮率20%",
        'href="https://example.org/a?b=1&amp;c=2" rel="noopener noreferrer external"',
        f"/api/records/{put.record_id.hex()}/receipt",
        put.leaf.hex(),
        "尚无签名覆盖该记录",
        "社会公开",
    ):
        assert part in text, part
    Page(text)
    assert await get(client, f"/records/{put.record_id.hex().upper()}")
    dashed = re.sub(r"(.{8})(.{4})(.{4})(.{4})(.{12})", r"\1-\2-\3-\4-\5", put.record_id.hex())
    assert put.leaf.hex() in await get(client, f"/records/{dashed}?lang=en")


async def test_a_record_shows_what_changed_and_keeps_what_was_withdrawn(client, world):
    first = world.put(result("旧名"))
    second = world.put(result("新名"), after=first)
    gone = world.put(result("新名"), after=second, status="withdrawn", reason="评标有误")
    text = await get(client, url(gone))
    assert "该记录已被发布者撤回" in text and "评标有误" in text
    assert "<del>旧名</del>" in text and "<ins>新名</ins>" in text
    older = await get(client, url(first, "?version=1"))
    assert "这是旧版本" in older and "<h1>旧名</h1>" in older
    assert f"/api/records/{first.record_id.hex()}/receipt?version=1" in older
    await get(client, url(first, "?version=9"), 404)
    await get(client, url(first, "?version=x"), 404)


async def test_signers_are_named_with_what_they_say(client, world):
    put = world.put(result())
    world.cosign(EAST, "ggzy.example/cq/500000/witness", seconds=1_764_000_000)
    text = await get(client, url(put))
    assert "重庆市公共资源交易中心" in text and "见证：所见日志只增不改" in text and "2025-11-25 00:00:00" in text
    assert "目前只有发布节点自己的签名" not in text


async def test_what_is_not_public_is_not_shown(client, world):
    expert = world.put(ExpertProfile(alias="秘密专家-0417", classes=["A01"]), kind="expert.profile")
    slip = world.put(ExpertProfile(alias="秘密专家-0418"), kind="expert.profile", audience="public")
    closed = world.put(result("限定工程名"), audience="shared")
    for put, secret in ((expert, "秘密专家"), (slip, "秘密专家"), (closed, "限定工程名")):
        text = await get(client, url(put))
        assert secret not in text and "不向社会公开" in text
    for address in (*PAGES, "/codes.json", "/entities.csv"):
        assert "秘密专家" not in await get(client, address)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"held": False}, "内容尚未送达本节点"),
        ({"held": False, "may_have": False, "audience": "restricted"}, "未向本节点开放"),
        ({"header": {"schema": 9}}, "软件无法读取"),
    ],
)
async def test_a_record_without_content_says_why(client, world, more, words):
    assert words in await get(client, url(world.put(result(), **more)))


async def test_an_id_used_by_two_origins_is_pointed_out(client, world):
    mine = world.put(result("市级"), origin=HUB)
    world.put(result("区级"), origin=EAST, header={"record_id": mine.record_id})
    assert "另有节点发布了同一编号的记录" in await get(client, url(mine))
    theirs = await get(client, url(mine, "?origin=ggzy.example%2Fcq%2F500103%2F1"))
    assert "<h1>区级</h1>" in theirs
    await get(client, url(mine, "?origin=%00"), 404)


async def test_status_shows_faults_with_what_to_do(client, world):
    world.project(world.entry(EAST, b"?"))
    standing = peers.Standing("ggzy.example/cn", world.ids[EAST], "push", 1, 0, 0, last_error="bad-proof: roots differ")
    world.store.write_now(lambda conn: peers.put(conn, standing))
    text = await get(client, "/status")
    assert REASONS["header-unreadable"][0] in text
    assert "证明不成立" in text and "roots differ" in text and "不要重新签名" in text


def tell(world, peer, origin, direction, *, ok_ms, **more):
    standing = peers.Standing(peer, world.ids[origin], direction, last_ok_ms=ok_ms, **more)
    world.store.write_now(lambda conn: peers.put(conn, standing))


async def test_what_an_unreachable_node_above_holds_is_not_known(client, world):
    now_ms = NOW_MS + 3_600_000
    world.put(result(), origin=HUB)
    tell(world, "ggzy.example/cn", HUB, "push", ok_ms=now_ms - 1000, witnessed_size=1)
    tell(world, "ggzy.example/cn", EAST, "pull", ok_ms=now_ms - 2000)
    text = await get(client, "/status")
    assert "无滞后" in text and "未知" not in text
    assert "上级已见证 1<br>上级已镜像 0" in text
    failed = {"failures": 1, "last_try_ms": now_ms - 500, "last_error": "unavailable: no answer"}
    tell(world, "ggzy.example/cn", HUB, "push", ok_ms=now_ms - 1000, **failed)
    assert (await get(client, "/status")).count("未知（上级不可达）") == 2
    tell(world, "ggzy.example/cn", HUB, "push", ok_ms=now_ms - 1000)
    tell(world, "ggzy.example/cn", EAST, "pull", ok_ms=now_ms - 600_000)
    assert "未知（久未联系上）" in await get(client, "/status")


async def test_today_is_counted_by_the_date_and_by_the_log(client, world):
    world.put(result("旧公告"), header={"claimed_ms": NOW_MS + 1})
    text = await get(client, "/")
    assert "<b>0</b> 公告日期为今日" in text and "<b>1</b> 今日入库" in text


async def test_an_amount_in_doubt_is_marked_on_the_home_page(client, world):
    put = world.put(result(amount=Amount("0", 0)), flags=[Flag("amount-zero", "amount", "0")])
    assert f'href="/records/{put.record_id.hex()}#notes"' in await get(client, "/")


@pytest.mark.parametrize("address", ["/trades", "/credit", "/entities", "/codes"])
async def test_an_empty_list_says_whether_anything_was_asked(client, address):
    assert "这里还没有记录" in await get(client, address)
    assert "请放宽条件" in await get(client, f"{address}?words=x")


async def test_programs_get_a_problem_document_for_a_search_that_is_not_understood(client):
    answer = await client.get("/trades?min=abc", headers={"Accept": "application/json"})
    problem = await answer.json(content_type="application/problem+json")
    assert (answer.status, problem["code"], problem["field"]) == (400, "malformed", "min")
    assert "<form" in await get(client, "/trades?min=abc", 400)


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_the_help_to_verify_names_the_files_and_the_fingerprint(client, language):
    text = await get(client, f"/verify-help?lang={language}")
    for part in (
        "-v1.tlog-proof",
        "-v1.main.payload",
        "--fingerprint",
        "sed '/^$/,$d' trust-policy-1.note | sha256sum",
    ):
        assert part in text, part


@pytest.mark.parametrize("address", ["/", "/status", "/verify-help", "/trades", "/records/zz"])
async def test_english_pages_have_no_chinese_punctuation(client, address):
    text = await get(client, f"{address}?lang=en", 404 if "zz" in address else 200)
    english = re.sub(r'<div lang="zh-CN">.*?</div>', "", text, flags=re.DOTALL)
    assert not re.search("[（）「」。，：；]", english)
    assert "zz" not in address or "A record id is" in english


# --- hostile input --------------------------------------------------------------------------------------------------


async def test_markup_in_records_stays_text(client, world):
    evil = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
    put = world.put(
        result(evil, project_code=evil, division_name=evil, details={evil: evil}, category=evil),
        source=Source(evil, "javascript:alert(1)", evil),
    )
    world.put(score(evil), kind="credit.score")
    world.put(Company(name=evil, uscc=evil), kind="entity.company")
    world.put(result(evil), header={"kind": "<script>x</script>"})
    for address in ("/", "/trades", "/credit", "/entities", "/status", url(put)):
        text = await get(client, address)
        page = Page(text)
        assert not page.all("script")
        assert all(attrs.get("src", "/static/").startswith("/static/") for attrs in page.all("img"))
        assert "javascript:" not in text
        assert "&lt;script&gt;" in text


@pytest.mark.parametrize(
    "query",
    [
        "page=0",
        "page=-1",
        "page=1e9",
        "page=99999999999999999999999999",
        "page=%D9%A3",
        "page=NaN",
        "min=NaN",
        "min=Infinity",
        "min=-1",
        "min=1e400",
        "max=9999999999999%E4%BA%BF",
        "min=5&max=4",
        "from=2025-02-30",
        "from=0000-00-00",
        "to=2025-1-1",
        "from=2025-05-02&to=2025-05-01",
        "from=%F0%9F%92%A9",
        "category=x",
        "kind=entity.company",
        "origin=..%2F..",
        "order=drop",
        "words=" + "a" * 201,
        "words=" + "+".join("abcdefghijk"),
    ],
)
async def test_a_search_that_is_not_understood_is_answered_with_its_form(client, world, query):
    world.put(result())
    text = await get(client, f"/trades?{query}", 400)
    page = Page(text)
    assert "请修改后重新查询" in text
    assert "page=" in query or [attrs for _, attrs in page.tags if "aria-invalid" in attrs]
    answer = await client.get(URL(f"/trades.json?{query}", encoded=True), headers={"Accept": "application/json"})
    if not query.startswith("page="):
        assert answer.status == 400 and (await answer.json())["code"] == "malformed"


@pytest.mark.parametrize("address", ["/trades", "/credit", "/entities", "/codes", "/", "/status"])
@pytest.mark.parametrize(
    "query",
    [
        "words=%25%25_%5C",
        "words=%00%01",
        "words=%ED%A0%80",
        "words=%FF%FE",
        "words=%27%20OR%201%3D1--",
        "words=%7B%7B7*7%7D%7D",
        "words=" + "%F0%9F%92%A9" * 50,
        "words[]=a&words[]=b",
        "lang=xx&lang=en",
        "division=%27",
        "division=%EF%BC%95%EF%BC%90",
        "grade=%00",
        "table=%00",
        "sort=%00",
        "%00=%00",
        "&&&===",
        "min=%EF%BC%91%EF%BC%90%E4%B8%87",
    ],
)
async def test_no_query_breaks_a_page(client, world, address, query):
    world.put(result())
    answer = await client.get(URL(f"{address}?{query}", encoded=True))
    text = await answer.text()
    assert answer.status in (200, 400), text
    assert "49" not in re.findall(r'value="([^"]*)"', text)
    Page(text)


@pytest.mark.parametrize("name", ["", "zz", "0" * 31, "0" * 33, "0" * 32, "g" * 32, "%00", "..%2f", "0" * 32 + "/x"])
async def test_unknown_records_get_a_page_in_both_languages(client, name):
    text = await get(client, f"/records/{name}", 404)
    assert 'lang="en"' in text and 'lang="zh-CN"' in text and "返回首页" in text
    Page(text)


async def test_claimed_times_beyond_the_calendar_are_shown_as_nothing(client, world):
    put = world.put(result(), header={"claimed_ms": 2**53 - 1})
    assert put.leaf.hex() in await get(client, url(put))
    await get(client, "/")
    await get(client, "/status")


async def test_headers_answer_without_a_body(client, world):
    put = world.put(result())
    for address in (*PAGES, url(put), "/trades.csv", "/trades.json", "/trades.xlsx"):
        answer = await client.head(address)
        assert answer.status == 200 and await answer.read() == b""


async def test_the_error_page_takes_any_error(client):
    async def broken(request):
        raise Frozen("head <b>beyond</b> ours", zh="<i>冻结</i>")

    app = web.Application(middlewares=[problems.middleware(pages.error_page)])
    for key in (STORE, CLOCK, SETTINGS):
        app[key] = client.app[key]
    pages.setup(app)
    app.router.add_get("/broken", broken)
    async with TestClient(TestServer(app)) as other:
        answer = await other.get("/broken", headers={"Accept": "text/html"})
        text = await answer.text()
        assert answer.status == 503 and "&lt;i&gt;冻结&lt;/i&gt;" in text and "<b>beyond" not in text
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
