"""The portal's addresses: searches as pages and as files, and the pages of one record and of the federation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from node.domain.acts import DISCLOSURE_NAMES
from node.opendata.dump import NAME
from node.quality.measures import MASKS, STEPS
from node.web import openapi_trades
from node.web.board_text import BY
from node.web.exports import XLSX_ROWS
from node.web.i18n import LANGUAGES
from node.web.openapi_parts import (
    BYTES,
    Answer,
    Json,
    Operation,
    choice,
    either,
    header,
    in_path,
    in_query,
    integer,
    json,
    page,
    ref,
    string,
)
from node.web.openapi_schemas import RECORD_ID
from node.web.opendata import CONTENT_TYPES
from node.web.portal_query import (
    CATEGORY_NAMES,
    CODE_TABLES,
    MAX_PAGE,
    MAX_QUERY,
    MAX_WORDS,
    ORDERS,
    SORTS,
    TRADE_KINDS,
)
from node.web.quality.forms import SORTS as RANKS

PAGES = "pages · 网页"
FILES = "downloads · 下载"
ATOM = "application/atom+xml"
JSON_FEED = "application/feed+json"
DUMPS = (*CONTENT_TYPES.values(), BYTES)
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

_EMPTY: Json = {"const": ""}
_LANG = in_query(
    "lang",
    f"language, kept in a cookie: {' or '.join(LANGUAGES)}; others are ignored · 页面语言",
    string(examples=list(LANGUAGES)),
)
_PAGE = in_query("page", "page · 页码", either(integer(least=1, most=MAX_PAGE), _EMPTY))
_NOT_UNDERSTOOD = "the form again, with what was not understood · 查询条件有误"


def _pick(name: str, about: str, values: Mapping[str, Any]) -> Json:
    return in_query(name, about, choice(["", *values]))


def _words(name: str, about: str) -> Json:
    return in_query(name, f"{about}; at most {MAX_WORDS} words · 关键词", string(maxLength=MAX_QUERY))


def _day(name: str, about: str) -> Json:
    return in_query(name, about, either(string(format="date"), _EMPTY))


def _sum(name: str, about: str) -> Json:
    return in_query(name, f"{about}, in yuan or as 50万, 1.2亿", string(examples=["500000", "50万", "1.2亿"]))


_WORDS = _words("words", "words that must all occur")
_QUALITY = (
    in_query("node", "name of a publishing node, or empty · 发布节点", string()),
    in_query("division", "division code · 行政区划代码", string(maxLength=MAX_QUERY)),
    _pick("category", "category of trade · 交易类别", CATEGORY_NAMES),
    _pick("step", "step of a trade · 环节", dict.fromkeys(STEPS)),
)
_ORIGIN = in_query("origin", "a log known here, or empty · 日志", string())
_SEARCHES: dict[str, tuple[str, tuple[Json, ...]]] = {
    "trades": (
        "trades · 交易信息",
        (
            _WORDS,
            _pick("category", "category of trade · 交易类别", CATEGORY_NAMES),
            _pick("kind", "kind of record · 信息类型", TRADE_KINDS),
            _words("division", "division code of 2-6 digits, or part of a place's name"),
            _day("from", "published on or after · 发布起始日"),
            _day("to", "published on or before · 发布截止日"),
            _sum("min", "least sum · 最低金额"),
            _sum("max", "largest sum · 最高金额"),
            _ORIGIN,
            _pick("order", "order of a page; files are by date · 排序", ORDERS),
        ),
    ),
    "disclosures": (
        "disclosures · 公开信息",
        (
            _WORDS,
            _pick("disclosure", "one of the five kinds · 公开类别", DISCLOSURE_NAMES),
            _pick("category", "category of trade · 交易类别", CATEGORY_NAMES),
            _words("division", "division code of 2-6 digits, or part of a place's name"),
            _day("from", "disclosed on or after · 起始日"),
            _day("to", "disclosed on or before · 截止日"),
        ),
    ),
    "credit": (
        "credit records · 信用信息",
        (
            _WORDS,
            _pick("sort", "sort of credit record · 信用类型", SORTS),
            in_query("grade", "a grade that occurs; a page answers 400 to others · 等级", string(maxLength=MAX_QUERY)),
            _ORIGIN,
        ),
    ),
    "entities": ("market parties · 市场主体", (_WORDS,)),
    "codes": ("code tables · 代码表", (_pick("table", "which table · 代码表", CODE_TABLES), _WORDS)),
}


def _shapes(*medias: str) -> dict[str, Json | None]:
    """What is only said to be JSON is an object at least."""
    return {each: {"type": "object"} if each.endswith("json") else None for each in medias}


def _page(
    path: str, name: str, summary: str, about: str, *params: Json, problems: tuple[int, ...] = (503,)
) -> Operation:
    return Operation("get", path, name, summary, PAGES, {200: page(about)}, problems, (*params, _LANG), browser=True)


def _search(name: str) -> Operation:
    what, params = _SEARCHES[name]
    return Operation(
        "get",
        f"/{name}",
        f"{name}Page",
        f"Search {what}",
        PAGES,
        {200: page("a page of the search; the address is stable · 检索结果页"), 400: page(_NOT_UNDERSTOOD)},
        (400, 503),
        (*params, _PAGE, _LANG),
        browser=True,
    )


def _files(name: str) -> tuple[Operation, ...]:
    what, params = _SEARCHES[name]
    disposition = {"Content-Disposition": header("a file name · 文件名")}
    kinds = {
        "csv": Answer(
            "UTF-8 with a mark for Excel; formulas are defused · 含防公式处理", {"text/csv": string()}, disposition
        ),
        "xlsx": Answer(f"the first {XLSX_ROWS} rows · 前 {XLSX_ROWS} 行", {XLSX: None}, disposition),
        "json": json("all rows · 全部行", ref(f"{name.title()}Export")),
    }
    return tuple(
        Operation(
            "get",
            f"/{name}.{kind}",
            f"{name}{kind.title()}",
            f"All rows of a search: {what}, {kind.upper()}",
            FILES,
            {200: answer},
            (400, 503),
            (*params, _LANG),
            about="Takes the parameters of the page. · 参数与网页相同。",
            busy=kind == "xlsx",
            browser=True,
        )
        for kind, answer in kinds.items()
    )


TABLE: tuple[Operation, ...] = (
    _page("/", "home", "Home · 首页", "newest trades and the state of the federation · 最新信息"),
    *(_search(name) for name in _SEARCHES),
    *(operation for name in _SEARCHES for operation in _files(name)),
    _page(
        "/records/{record_id}",
        "recordPage",
        "A record for people · 记录页",
        "one version in full, all versions with what changed, who signed · 全文、版本与签名",
        in_path("record_id", "32 hex digits or UUID text · 记录编号", string(pattern=RECORD_ID)),
        in_query("version", "without it the newest · 版本", either(integer(most=10**15 - 1), _EMPTY)),
        in_query("origin", "the log to look in · 指定日志", string()),
        problems=(404, 503),
    ),
    *(
        Operation(
            "get",
            f"/{search}.{form}",
            f"{search}{name}",
            f"Newest rows of a search as {name} · 订阅检索结果",
            FILES,
            {200: Answer("at most 50 entries, newest first · 最新 50 条", _shapes(media))},
            (400, 503),
            (*_SEARCHES[search][1], _LANG),
            about="Takes the parameters of the page. · 参数与网页相同。",
            browser=True,
        )
        for search in ("trades", "disclosures", "credit", "entities")
        for form, name, media in (("atom", "Atom", ATOM), ("feed.json", "JsonFeed", JSON_FEED))
    ),
    _page("/open-data", "openDataPage", "Open data · 开放数据", "daily dumps with their hashes · 每日数据包"),
    Operation(
        "get",
        "/open-data/{file}",
        "openDataFile",
        "A file of a daily dump · 数据包文件",
        FILES,
        {
            200: Answer(
                "the file; its SHA-256 is in the log · 文件",
                _shapes(*DUMPS),
            )
        },
        (404, 503),
        (in_path("file", "file name · 文件名", string(pattern=NAME.pattern)),),
        browser=True,
    ),
    _page(
        "/trades/{trade}",
        "tradePage",
        "All that a trade disclosed · 一笔交易的全部公开信息",
        "stages, completeness, disclosures with changes and withdrawals · 进度、完整性、公开信息与变更",
        openapi_trades.IN_PATH,
        openapi_trades.NODE,
        problems=(404, 503),
    ),
    _page(
        "/projects/{code}",
        "projectPage",
        "Records of a project of the former centres · 同一项目的导入记录",
        "joined by project or section code, or by name · 按编号或名称归在一起",
        in_path("code", "project or section code · 项目或标段编号", string(minLength=1)),
        problems=(404, 503),
    ),
    Operation(
        "get",
        "/quality",
        "qualityBoard",
        "Data quality board · 数据质量看板",
        PAGES,
        {200: page("figures, charts and tables · 指标、图与表"), 400: page(_NOT_UNDERSTOOD)},
        (400, 503),
        (
            *_QUALITY,
            _pick("by", "lines are nodes or places · 按节点或区划", BY),
            _pick("sort", "ranked by · 排名依据", dict.fromkeys(RANKS)),
            _LANG,
        ),
        browser=True,
    ),
    Operation(
        "get",
        "/quality/records",
        "qualityRecords",
        "The records behind a figure · 指标对应的记录",
        PAGES,
        {200: page("a page of records · 记录列表"), 400: page(_NOT_UNDERSTOOD)},
        (400, 503),
        (
            *_QUALITY,
            _pick("measure", "a measure, or what is wrong · 指标或问题", MASKS),
            _pick("all", "1: all that were judged · 全部已判定的", {"1": 1}),
            _PAGE,
            _LANG,
        ),
        browser=True,
    ),
    _page(
        "/quality/measures",
        "qualityMeasures",
        "Definition of the measures · 指标说明",
        "what is judged, when it is wrong, what is left out · 判定对象、标准与例外",
        problems=(),
    ),
    _page(
        "/status", "statusPage", "State of the federation · 运行状态", "logs, peers and quarantine · 日志、节点与隔离"
    ),
    _page(
        "/verify-help", "verifyHelp", "How to verify a receipt · 如何核验回执", "step by step · 操作步骤", problems=()
    ),
    Operation(
        "get",
        "/static/{name}",
        "staticFile",
        "A style sheet, script or image · 静态文件",
        PAGES,
        {
            200: Answer(
                "the file · 文件", {"text/css": None, "text/javascript": None, "image/svg+xml": None, BYTES: None}
            ),
            304: Answer("it has not changed · 未变化"),
        },
        (404,),
        (
            in_path("name", "file name · 文件名", string()),
            in_query("v", "tag of the file: with it the answer may be kept for ever · 文件标签", string()),
        ),
        browser=True,
    ),
)
