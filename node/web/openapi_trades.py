"""A trade as JSON: its address and its shapes (`node.web.disclosures.plain` makes what is described here)."""

from __future__ import annotations

from node.domain.acts import DISCLOSURES
from node.domain.trades import CATEGORIES
from node.web.disclosure_text import STATES
from node.web.openapi_parts import (
    Json,
    Operation,
    array,
    boolean,
    choice,
    either,
    in_path,
    in_query,
    integer,
    json,
    record,
    ref,
    string,
)

TRADE_KEY = "^[0-9a-f]{32}$"
TRADES = "trades · 交易"
IN_PATH = in_path("trade", "key of a trade, 32 hex digits · 交易标识", string(pattern=TRADE_KEY))
NODE = in_query("node", "whose trade; without it the one that registered it first · 交易所属节点", string())
_NULL: Json = {"type": "null"}
_PAIR = ref("TwoLanguages")
_NUMBER: Json = {"type": "integer"}
"""What an act says of itself, whatever its size."""
_TIME: Json = {"type": "integer", "description": "UTC milliseconds · UTC 毫秒"}
_SEQ = array(_NUMBER, "numbers of acts · 环节序号")
_HEX = string(pattern="^[0-9a-f]{64}$")


def schemas() -> dict[str, Json]:
    return {
        "TwoLanguages": record(zh=string(), en=string()),
        "Trade": record(
            "Everything that a trade disclosed, withdrawn acts too · 一笔交易的全部公开信息，含已撤回的",
            trade=string("key · 交易标识", pattern=TRADE_KEY),
            node=string("whose trade · 所属节点"),
            category=string(f"{', '.join(CATEGORIES)}, or one of a newer node · 交易类别"),
            title=string(),
            project_name=string(),
            project_code=string(),
            division=string(),
            owner=string(),
            agency=string(),
            unified_codes=array(string(), "统一交易标识码"),
            rules=string("package and version · 规则包与版本"),
            ended=boolean(),
            void=boolean("its registration was withdrawn · 登记已撤回"),
            made_up=boolean("invented for demonstration · 演示数据"),
            fault=either(
                _PAIR, _NULL, about="why it cannot be judged here, without lots and strip then · 无法判断的原因"
            ),
            missing_acts=_SEQ,
            lots=array(ref("TradeLot")),
            strip=array(ref("TradeStrip"), "one for each of the five kinds · 五类信息的完整性"),
            disclosures=array(ref("TradeDisclosure"), "in the order of their numbers · 按序号"),
        ),
        "TradeLot": record(
            number=string(),
            name=string(),
            code=string("unified or section code, where one was disclosed · 标识码或标段编号"),
            stage=_PAIR,
            round=_NUMBER,
            suspended=boolean(),
            steps=array(record(stage=string(), name=_PAIR, state=choice(("past", "here", "ahead")))),
        ),
        "TradeStrip": record(
            disclosure=choice(DISCLOSURES),
            name=_PAIR,
            state=choice(STATES),
            acts=_SEQ,
            owed=array(
                record(
                    act=_PAIR,
                    lots=array(string()),
                    clock=_PAIR,
                    basis=string("document and clause · 依据"),
                    verified=boolean("whether a person has read the clause · 依据已核"),
                    due_ms=either(_TIME, _NULL),
                    state=choice([state for state in STATES if state != "none"]),
                    done_by=integer("number of the act that met it, 0 for none · 完成的环节"),
                )
            ),
        ),
        "TradeDisclosure": record(
            seq=_NUMBER,
            act=string(),
            name=_PAIR,
            title=string(),
            disclosure=choice(["", *DISCLOSURES]),
            lots=array(string(), "none: all of them · 空为全部"),
            at_ms=_TIME,
            published_ms=_TIME,
            late=boolean(),
            record_id=string(pattern="^[0-9a-f]{32}$"),
            version=integer(least=1),
            origin=string("name of a log · 日志名称"),
            index=integer("in its log · 日志序号"),
            leaf=_HEX,
            receipt=string("address of its receipt · 回执地址"),
            withdrawn=boolean(),
            withdrawn_ms=_TIME,
            reason=string("of the withdrawal · 撤回理由"),
            publisher=string(),
            changes_act=integer("number of the act that it changes or answers, 0 for none · 所变更的环节"),
            changed_by=_SEQ,
            changes=array(record(label=_PAIR, old=array(_PAIR), new=array(_PAIR)), "field by field · 逐项变更"),
            fields={"type": "object", "description": "as signed, by the names of the rule package · 原始字段"},
            shown=array(record(name=string(), label=_PAIR, lines=array(_PAIR)), "the same in words · 文字形式"),
            attachments=array(record(name=string(), sha256=string(), size=_NUMBER, media_type=string())),
        ),
    }


TABLE: tuple[Operation, ...] = (
    Operation(
        "get",
        "/api/trades/{trade}",
        "getTrade",
        "All that a trade disclosed · 一笔交易的全部公开信息",
        TRADES,
        {200: json("as its page shows it · 与网页一致", ref("Trade"))},
        (404, 503),
        (IN_PATH, NODE),
        about="404 also while nothing of the trade is public. · 尚未公开任何信息时也返回 404。",
    ),
)
