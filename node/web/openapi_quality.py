"""The file of the data quality board; its pages are in `openapi_pages`."""

from __future__ import annotations

from node.domain.trades import CATEGORIES
from node.quality.measures import MASKS, STEPS
from node.web.openapi_pages import FILES
from node.web.openapi_parts import Answer, Operation, choice, header, in_query, string
from node.web.portal_query import MAX_QUERY

TABLE: tuple[Operation, ...] = (
    Operation(
        "get",
        "/quality/records.csv",
        "qualityRecordsCsv",
        "The records behind a figure, CSV · 指标对应的记录 CSV",
        FILES,
        {
            200: Answer(
                "UTF-8 with a mark for Excel; formulas are defused · 含防公式处理",
                {"text/csv": string()},
                {"Content-Disposition": header("a file name · 文件名")},
            )
        },
        (400, 503),
        (
            in_query("node", "name of a publishing node, or empty · 发布节点", string()),
            in_query("division", "division code · 行政区划代码", string(maxLength=MAX_QUERY)),
            in_query("category", "category of trade · 交易类别", choice(["", *CATEGORIES])),
            in_query("step", "step of a trade · 环节", choice(["", *STEPS])),
            in_query("measure", "a measure, or what is wrong · 指标或问题", choice(["", *MASKS])),
            in_query("all", "1: all that were judged · 全部已判定的", choice(["", "1"])),
            in_query("lang", "language of the words · 语言", string(examples=["zh", "en"])),
        ),
        about="All rows, newest first; takes the parameters of the page. · 全部行，参数与网页相同。",
        browser=True,
    ),
)
