"""Every operation for records and for operators."""

from __future__ import annotations

from node.domain import KINDS
from node.web.openapi_parts import (
    BYTES,
    JSON,
    Answer,
    Operation,
    choice,
    either,
    header,
    in_path,
    in_query,
    integer,
    json,
    ref,
    string,
    text,
)
from node.web.openapi_schemas import CURSOR, RECORD_ID, STATES, VERSION
from node.web.records_api import MAX_PAGE
from node.wire import paths

RECORDS = "records · 记录"
OPERATIONS = "operations · 运维"

_RECORD = in_path("record_id", "32 hex digits or UUID text · 记录编号", string(pattern=RECORD_ID))
_ORIGIN = in_query("origin", "the log to look in; without it this node's own first · 指定日志", string())
_VERSION = in_query("version", "without it the newest · 版本，缺省为最新", integer(least=1, most=VERSION))

TABLE: tuple[Operation, ...] = (
    # --- records ----------------------------------------------------------------------------------------------------
    Operation(
        "get",
        paths.RECORDS,
        "listRecords",
        "Every version of every record, as they came to this node · 记录流",
        RECORDS,
        {200: json("a page; an empty one means: nothing new · 空页表示暂无新记录", ref("Records"))},
        (400, 404, 503),
        (
            in_query("cursor", "from the answer before · 上一页游标", either(string(pattern=CURSOR), {"const": ""})),
            in_query("limit", "rows · 每页条数", integer(least=1, most=MAX_PAGE, default=100)),
            in_query("kind", "record kind · 记录类型", choice(KINDS)),
            in_query("state", "state of the version · 版本状态", choice(STATES)),
            in_query("origin", "one log only; 404 when it is not here · 只看一个日志", string()),
        ),
        about="Records come in the order in which they reached this node, whatever their log, so a cursor never misses "
        "one; a version comes again when its content arrives later. After the read tables were made anew a cursor is "
        "answered with 400: begin again without it. · 按到达先后；查询表重建后请从头读取。",
    ),
    Operation(
        "get",
        paths.RECORD,
        "getRecord",
        "A record with its versions and what the caller may see · 一条记录及其版本",
        RECORDS,
        {200: json("newest version first · 新者在前", ref("Record"))},
        (400, 401, 404, 503),
        (_RECORD, _ORIGIN, _VERSION),
        about="Its newest versions, and that of `version` (404 when there is none). · 含最新各版本及指定版本。",
        signed="may",
    ),
    Operation(
        "get",
        paths.RECORD_RECEIPT,
        "getReceipt",
        "The receipt: proof that the record is in the log · 回执（可离线核验）",
        RECORDS,
        {
            200: text(
                "c2sp.org/tlog-proof, with header, salts and custody note as `extra` · 回执文件",
                string(pattern="^c2sp\\.org/tlog-proof@v1\n"),
                **{"Content-Disposition": header("a file name · 文件名")},
            )
        },
        (400, 401, 404, 503),
        (_RECORD, _ORIGIN, _VERSION),
        about="503 until a signed checkpoint covers the record. · 尚无签名检查点时返回 503。",
        signed="may",
    ),
    Operation(
        "get",
        paths.RECORD_ENTRY,
        "getEntry",
        "The entry's bytes, which hash to the leaf · 条目原始字节",
        RECORDS,
        {200: Answer("canonical msgpack · 规范 msgpack", {BYTES: None})},
        (400, 404, 503),
        (_RECORD, _ORIGIN, _VERSION),
    ),
    Operation(
        "get",
        paths.RECORD_PAYLOAD,
        "getPayload",
        "A section's payload, which with its salt hashes to the commitment · 某部分的载荷",
        RECORDS,
        {200: Answer("canonical msgpack · 规范 msgpack", {"application/msgpack": None})},
        (400, 401, 403, 404, 503),
        (_RECORD, in_path("section", "such as main · 部分名称", string(minLength=1)), _ORIGIN, _VERSION),
        signed="may",
    ),
    # --- operations -------------------------------------------------------------------------------------------------
    Operation(
        "get",
        "/healthz",
        "healthz",
        "The process answers · 进程存活",
        OPERATIONS,
        {200: json("nothing is said of the store · 不涉及存储", ref("Health"))},
    ),
    Operation(
        "get",
        "/readyz",
        "readyz",
        "Whether this node may be sent work · 是否就绪",
        OPERATIONS,
        {
            200: json("ready · 就绪", ref("Readiness")),
            503: Answer("not ready, and why · 未就绪及原因", {JSON: ref("Readiness")}),
        },
        (503,),
    ),
    Operation(
        "get",
        paths.ALARMS,
        "listAlarms",
        "Alarms about logs and nodes that are on · 当前告警",
        OPERATIONS,
        {200: json("what is not as it should be, with the numbers of evidence · 告警及证据编号", ref("Alarms"))},
        (503,),
    ),
    Operation(
        "get",
        "/metrics",
        "metrics",
        "Prometheus metrics · 监控指标",
        OPERATIONS,
        {200: text("text format 0.0.4; no personal data, no search words · 不含个人信息与检索词")},
        (503,),
    ),
    Operation(
        "get",
        "/openapi.json",
        "openapi",
        "This description · 本说明",
        OPERATIONS,
        {200: json("OpenAPI 3.1", {"type": "object", "required": ["openapi", "info", "paths"]})},
    ),
)
