"""Every operation between nodes."""

from __future__ import annotations

from node.tlog.mirror import INFO_CONTENT_TYPE
from node.tlog.witness import MAX_REQUEST_BYTES, SIZE_CONTENT_TYPE
from node.web.news_api import MAX_WAIT_S
from node.web.openapi_parts import (
    BYTES,
    JSON,
    TEXT,
    Answer,
    Operation,
    body,
    header,
    in_path,
    in_query,
    integer,
    json,
    ref,
    string,
    text,
)
from node.web.openapi_schemas import NUMBER, ORIGIN_HASH, TILE
from node.web.sync_api import IMMUTABLE, MAX_PAYLOAD_RANGE
from node.wire import pack, paths

TLOG = "tlog · 透明日志（c2sp.org）"
PAYLOADS = "payloads · 载荷"
FEDERATION = "federation · 联邦"

GZIP = "may come with `Content-Encoding: gzip` · 可用 gzip"

_LOG = in_path("origin_hash", "SHA-256 of the origin, lower-case hex · 日志名称的摘要", string(pattern=ORIGIN_HASH))
_TILE = in_path(
    "tile",
    "as c2sp.org/tlog-tiles writes it, slashes not escaped; any other spelling is 404 · 瓦片路径，斜线不转义",
    string(pattern=TILE, examples=["tile/0/x001/067", "tile/entries/000.p/8"]),
)
_COSIGNER = in_path(
    "cosigner",
    "key name, slashes included · 共同签名密钥名，含斜线",
    string(minLength=1, examples=["ggzy.example/cq/500000/mirror"]),
)
_RANGE = (
    in_query("start", "first index · 起始序号", integer(most=NUMBER), required=True),
    in_query(
        "end",
        f"after the last index; at most {MAX_PAYLOAD_RANGE} after start · 结束序号（不含）",
        integer(least=1, most=NUMBER),
        required=True,
    ),
)
_AFTER_WRAPS = in_query("after", "the `next` of the answer before; 0 at first · 上次应答的 next", integer(most=NUMBER))

_LINE = string("one cosignature line of a note · 一行共同签名", pattern="^— [^ +]+ [A-Za-z0-9+/=]+\n$")
_NOTE = string("a signed note (c2sp.org/signed-note) · 签名文书", pattern="\n\n(— [^\n]+\n)+$")
_SIZE = string("tree size in decimal and a newline · 十进制大小与换行", pattern="^[0-9]{1,19}\n$")
_INFO = string(
    "tree size, next entry and ticket, a line each · 树大小、下一条目、凭据各一行",
    pattern="^[0-9]{1,19}\n[0-9]{1,19}\n[A-Za-z0-9+/=]*\n$",
)
_GZIP_TOO = {"Accept-Encoding": header("what bodies may be compressed with · 可接受的压缩", string())}


def _info(about: str) -> Answer:
    return Answer(about, {INFO_CONTENT_TYPE: _INFO}, _GZIP_TOO)


def _note(about: str) -> Answer:
    return text(about, _NOTE, **{"Cache-Control": header("not without asking again · 须重新验证")})


TABLE: tuple[Operation, ...] = (
    # --- submission -------------------------------------------------------------------------------------------------
    Operation(
        "post",
        paths.ADD_CHECKPOINT,
        "addCheckpoint",
        "Witness a log's new head · 见证日志的新检查点",
        TLOG,
        {
            200: text("the witness's cosignature · 见证签名", _LINE),
            409: Answer(
                "the old size is not the one witnessed here; this is · 已见证的大小", {SIZE_CONTENT_TYPE: _SIZE}
            ),
        },
        (400, 403, 404, 413, 422, 429, 503, 507),
        body=body(
            TEXT,
            f"`old <size>`, proof, empty line, checkpoint; at most {MAX_REQUEST_BYTES} bytes · 旧大小、证明与检查点",
            string(pattern="^old [0-9]{1,19}\n"),
            BYTES,
        ),
        about="c2sp.org/tlog-witness. Open to anyone: the log's own signature authenticates it. · 由日志签名认证。",
    ),
    Operation(
        "post",
        paths.ADD_ENTRIES,
        "addEntries",
        "Mirror entries of a witnessed checkpoint · 镜像日志条目",
        TLOG,
        {
            200: text("all are stored: the mirror's cosignature · 镜像签名", _LINE),
            202: _info("a part is stored; go on from here · 已存一部分，请续传"),
            409: _info("the upload does not fit what is held; go on from here · 请从此处续传"),
        },
        (400, 404, 413, 422, 429, 503, 507),
        body=body(BYTES, f"header and packages of c2sp.org/tlog-mirror; streamed, {GZIP}"),
        about="c2sp.org/tlog-mirror. At most 32 packages a request. Open: each package proves itself. · 每包自带证明。",
        busy=True,
    ),
    # --- reading logs -----------------------------------------------------------------------------------------------
    Operation(
        "get",
        paths.CHECKPOINT,
        "getCheckpoint",
        "Newest checkpoint whose entries are all here · 最新检查点",
        TLOG,
        {200: _note("the log's and the mirror's signatures · 日志与镜像签名")},
        (404, 503),
        (_LOG,),
    ),
    Operation(
        "get",
        paths.TILE,
        "getTile",
        "A tile of hashes or a bundle of entries · 哈希瓦片或条目包",
        TLOG,
        {
            200: Answer(
                "the bytes; they never change · 内容不变，可长期缓存",
                {BYTES: None},
                {"Cache-Control": header(IMMUTABLE)},
            )
        },
        (404, 503),
        (_LOG, _TILE),
    ),
    Operation(
        "get",
        paths.WITNESS_CHECKPOINT,
        "getWitnessedCheckpoint",
        "Newest witnessed checkpoint · 最新见证检查点",
        TLOG,
        {200: _note("it may be ahead of the entries held here · 可能先于条目")},
        (404, 503),
        (_LOG,),
    ),
    Operation(
        "get",
        paths.COSIGNED,
        "getCosigned",
        "Newest checkpoint with a given cosigner's line · 含某方签名的最新检查点",
        TLOG,
        {200: _note("so a national cosignature finds its way back · 国家级签名由此回传")},
        (404, 503),
        (_LOG, _COSIGNER),
    ),
    Operation(
        "get",
        paths.LOGS,
        "listLogs",
        "All logs of this node · 本节点的全部日志",
        TLOG,
        {200: json("its own first · 自有日志在前", ref("Logs"))},
        (503,),
    ),
    # --- payloads ---------------------------------------------------------------------------------------------------
    Operation(
        "get",
        paths.PAYLOADS,
        "getPayloads",
        "Payloads of a stretch of a log · 取一段载荷",
        PAYLOADS,
        {200: Answer("packs, each behind its length (uint32, big-endian) · 载荷包序列", {pack.CONTENT_TYPE: None})},
        (400, 401, 404, 503),
        (_LOG, *_RANGE),
        about="Unsigned callers get public sections; an enrolled node those of its audience. · 未签名者仅得公开部分。",
        signed="may",
    ),
    Operation(
        "post",
        paths.PAYLOADS,
        "putPayloads",
        "Hand over payloads of a stretch of a log · 提交一段载荷",
        PAYLOADS,
        {
            200: json("where they stand now · 当前进度", ref("PayloadState")),
            409: json(
                "a gap, or beyond the entries held; go on from this index · 请从此序号续传", ref("PayloadConflict")
            ),
        },
        (400, 401, 403, 404, 413, 422, 503, 507),
        (_LOG, *_RANGE),
        body(
            pack.CONTENT_TYPE,
            f"packs, each of at most {pack.MAX_PACKED_BYTES} bytes; no Content-Encoding · 载荷包，不压缩",
            None,
            BYTES,
        ),
        about="Only the log's origin and the nodes above it may. · 仅限该日志的节点及其上级。",
        signed="must",
        busy=True,
    ),
    Operation(
        "get",
        paths.PAYLOAD_STATE,
        "getPayloadState",
        "How far payloads are accounted for, and which are missing · 载荷进度与缺失清单",
        PAYLOADS,
        {200: json("at most 1000 missing ones are listed · 缺失清单至多 1000 条", ref("PayloadState"))},
        (401, 404, 503),
        (_LOG,),
        signed="may",
    ),
    Operation(
        "get",
        paths.CUSTODY,
        "getCustody",
        "A fresh custody note over the payloads held · 载荷保管声明",
        PAYLOADS,
        {200: _note("ggzy-node/custody/v1: stored at this time · 此刻已保存")},
        (404, 503),
        (_LOG,),
    ),
    Operation(
        "get",
        paths.WRAPS,
        "getWraps",
        "Key wraps of sealed sections that changed · 密封部分的密钥封装",
        PAYLOADS,
        {200: json("at most 500 · 至多 500 份", ref("Wraps"))},
        (400, 401, 404, 503),
        (_LOG, _AFTER_WRAPS),
        about="Only what the calling node may hold as ciphertext. · 仅限调用节点可持有密文的部分。",
        signed="must",
    ),
    Operation(
        "post",
        paths.WRAPS,
        "putWraps",
        "Hand over key wraps of sealed sections · 提交密钥封装",
        PAYLOADS,
        {200: json("what was kept · 收下的情况", ref("WrapsTaken"))},
        (400, 401, 403, 404, 413, 503, 507),
        (_LOG,),
        body("application/json", "lists of wraps · 密钥封装清单", ref("WrapsGiven")),
        about="Only the log's origin and the nodes above it may; a list that is not good is left out. "
        "· 仅限该日志的节点及其上级；不合格的清单不予收存。",
        signed="must",
    ),
    Operation(
        "get",
        paths.CONSISTENCY,
        "getConsistency",
        "Proof that one tree of a log begins a larger one · 一致性证明",
        PAYLOADS,
        {
            200: text(
                "base64 hashes, a line each; none for equal sizes · 每行一个哈希",
                string(pattern="^([A-Za-z0-9+/]{43}=\n)*$"),
                **{"Cache-Control": header(IMMUTABLE)},
            )
        },
        (400, 404, 503),
        (
            _LOG,
            in_query("from", "the smaller size · 较小的树", integer(most=NUMBER), required=True),
            in_query("to", "the larger size · 较大的树", integer(most=NUMBER), required=True),
        ),
        about="RFC 6962 2.1.2, for `ggzy verify --consistency`. · 用于 ggzy verify --consistency。",
    ),
    # --- policy and news --------------------------------------------------------------------------------------------
    Operation(
        "get",
        paths.POLICY,
        "getPolicy",
        "The trust policy held here · 所持信任策略",
        FEDERATION,
        {200: json("its version and fingerprint · 版本与指纹", ref("Policy"))},
        (404,),
    ),
    Operation(
        "post",
        paths.POLICY,
        "putPolicy",
        "Hand over the next trust policy · 提交下一版信任策略",
        FEDERATION,
        {200: json("what is held now · 现持版本", ref("PolicyTaken"))},
        (400, 403, 404, 409, 413, 422, 503, 507),
        body=body(TEXT, f"a signed note; at most {MAX_REQUEST_BYTES} bytes · 签名文书", string(), BYTES),
        about="Open: a policy counts by its signatures. The first version is never taken here. · 首版须线下导入。",
    ),
    Operation(
        "get",
        paths.POLICY_VERSION,
        "getPolicyVersion",
        "One version of the trust policy · 某一版信任策略",
        FEDERATION,
        {200: _note("the signed note as it was taken over · 原文")},
        (400, 404, 503),
        (in_path("version", "from 1 · 版本号", integer(most=NUMBER)),),
    ),
    Operation(
        "post",
        paths.ENROL,
        "enrol",
        "Answer an invitation with a node's card · 凭邀请提交节点名片",
        FEDERATION,
        {200: json("what two people compare · 供双方核对的指纹", ref("Enrolled"))},
        (400, 403, 413, 429, 503, 507),
        body=body(TEXT, "a card that the invitation's code has signed too · 由邀请码另行签名的名片", string(), BYTES),
        about="Open; the one-time code is the proof. It counts once a person has confirmed it. · 经人工确认后生效。",
    ),
    Operation(
        "post",
        paths.HELLO,
        "hello",
        "Say that you are there and may have news · 问候",
        FEDERATION,
        {200: json("who met whom · 双方名称", ref("Hello"))},
        (400, 401, 404, 413),
        body={"required": False, "description": "at most 1024 bytes, ignored · 内容忽略", "content": {BYTES: {}}},
        signed="must",
    ),
    Operation(
        "post",
        paths.UNIFIED_CODES,
        "issueUnifiedCode",
        "Issue a unified trade identification code to a node below · 为下级节点给出统一交易标识码",
        FEDERATION,
        {200: json("the code, and whether this request had it already · 代码", ref("UnifiedCode"))},
        (400, 401, 403, 404, 409, 413, 422, 503, 507),
        body=body(JSON, "request: the asker's name for it; class; subject · 请求名、分类、对象", ref("CodeRequest")),
        about="Asked again by the same name, the same code. · 同一请求名重复提交得到同一代码。",
        signed="must",
    ),
    Operation(
        "get",
        paths.NEWS,
        "waitForNews",
        "Wait until there is something to fetch · 等待新消息",
        FEDERATION,
        {200: json("a number that rises with every news · 随消息递增的编号", ref("News"))},
        (400, 401, 404, 503),
        (
            in_query("after", "the number of the answer before · 上次答复的编号", integer(most=2**53 - 1, default=0)),
            in_query("wait", "seconds to wait at most · 最长等待秒数", integer(most=MAX_WAIT_S, default=0)),
        ),
        signed="must",
        busy=True,
    ),
)
