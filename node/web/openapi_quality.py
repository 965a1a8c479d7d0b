"""The addresses of the data quality board."""

from __future__ import annotations

from node.quality.measures import BITS
from node.web.board_text import MEASURE_NAMES, SHOWN, STEP_NAMES
from node.web.openapi_pages import FILES, LANG, NOT_UNDERSTOOD, PAGES, pick
from node.web.openapi_parts import Answer, Json, Operation, header, in_query, page, string
from node.web.portal_query import CATEGORY_NAMES

_DIVISION: Json = in_query("division", "code of six digits, or `none` · 区县代码", string(examples=["500102", "none"]))
_CATEGORY = pick("category", "category of trade · 交易类别", CATEGORY_NAMES)
_LIST: tuple[Json, ...] = (
    pick("measure", "a measure or one thing that is checked · 指标或核对项", {**MEASURE_NAMES, **BITS}),
    pick("show", "those not right, those right, or all · 显示", SHOWN),
    _DIVISION,
    _CATEGORY,
    pick("step", "stage · 环节", STEP_NAMES),
    in_query("lag", "a class of a lag, as the board links it: `hub_lag.3` · 时滞", string()),
    in_query("after", "a place in the list, as the page links it · 起点", string()),
    LANG,
)

TABLE: tuple[Operation, ...] = (
    Operation(
        "get",
        "/quality",
        "qualityBoard",
        "Data quality board · 数据质量看板",
        PAGES,
        {200: page("measures by district and category, ranked · 各区县、各类别指标"), 400: page(NOT_UNDERSTOOD)},
        (400, 503),
        (pick("measure", "what is ranked by · 排序指标", MEASURE_NAMES), _DIVISION, _CATEGORY, LANG),
        browser=True,
    ),
    Operation(
        "get",
        "/quality/records",
        "qualityRecords",
        "The records behind a figure · 指标明细",
        PAGES,
        {200: page("newest first; the address is stable · 明细页"), 400: page(NOT_UNDERSTOOD)},
        (400, 503),
        _LIST,
        browser=True,
    ),
    Operation(
        "get",
        "/quality/records.csv",
        "qualityRecordsCsv",
        "The records behind a figure, CSV · 指标明细 CSV",
        FILES,
        {
            200: Answer(
                "UTF-8 with a mark for Excel; formulas are defused · 含防公式处理",
                {"text/csv": string()},
                {"Content-Disposition": header("a file name · 文件名")},
            )
        },
        (400, 503),
        _LIST,
        about="Takes the parameters of the page. · 参数与网页相同。",
        browser=True,
    ),
)
