"""Shapes of the JSON that this node answers with: the components of the interface's description."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from node.domain import KINDS
from node.domain.audience import AUDIENCES
from node.errors import all_errors
from node.routing.series import MAX_SUBJECT
from node.store.alarms import SEVERITIES, TITLES
from node.web import openapi_trades
from node.web.openapi_parts import (
    Json,
    array,
    boolean,
    choice,
    either,
    in_header,
    integer,
    record,
    ref,
    string,
)
from node.web.portal_columns import COLUMNS
from node.wire.auth import COMPONENTS

NUMBER = 10**18 - 1
"""Largest number in an address: eighteen digits."""
VERSION = 2**53 - 1
NULL: Json = {"type": "null"}
ORIGIN_HASH = "^[0-9a-f]{64}$"
RECORD_ID = "^([0-9a-fA-F]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$"
CURSOR = r"^[0-9a-f]{8}\.[0-9]{1,18}$"
TILE = r"^tile/(entries|0|[1-9][0-9]?)/(x[0-9]{3}/){0,6}[0-9]{3}(\.p/[1-9][0-9]{0,2})?$"
STATES = ("current", "superseded", "withdrawn")

_UUID = string("UUID · 记录编号", pattern="^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
_HASH = string("SHA-256, hexadecimal · 十六进制", pattern="^[0-9a-f]{64}$")
_ORIGIN = string("name of a log · 日志名称", examples=["ggzy.example/cq/500103/1"])
_SIZE = integer("entries of a tree · 树的大小")
_TIME = either(string(format="date-time"), NULL, about="UTC; a claim of the signer, null when absurd · 时间，仅为声称")

# What a JSON export holds beyond text, by field.
_NUMBERS = ("index", "version", "flags")
_MAYBE_NUMBERS = ("amount_fen", "points")


def schemas() -> dict[str, Json]:
    """Every named shape."""
    contents, kinds = _contents()
    made: dict[str, Json] = {
        "Problem": record(
            "RFC 9457, with a code for programs and advice for people · 错误说明：代码与处理建议",
            optional=("field",),
            type=string("urn:ggzy:problem:<code>", pattern="^urn:ggzy:problem:[a-z-]+$"),
            title=string("what kind of error · 错误名称（英文）"),
            title_zh=string("the same or more exact, in Chinese · 错误名称（中文）"),
            status=integer("the HTTP status · HTTP 状态码", least=400, most=599),
            code=string(f"stable; as of now: {', '.join(sorted(error.code for error in all_errors()))} · 错误代码"),
            detail=string("what happened; never personal data · 具体原因"),
            advice_zh=string("what to do next, in Chinese · 处理建议（中文）"),
            advice_en=string("what to do next · 处理建议（英文）"),
            field=string("the offending field, when there is one · 有问题的字段"),
        ),
        "Logs": record(logs=array(ref("Log"))),
        "Log": record(
            "One log as this node holds it · 本节点所持的一个日志",
            origin=_ORIGIN,
            origin_hash=string("how addresses name the log · 地址中的日志名称", pattern=ORIGIN_HASH),
            own=boolean("whether this node writes it · 是否本节点自己的日志"),
            size=integer("of the mirrored, or own, checkpoint · 已镜像（或自有）检查点的大小"),
            witnessed=integer("of the newest witnessed checkpoint · 最新见证检查点的大小"),
            stored=integer("entries stored · 已存条目数"),
            payload_next=integer("payloads accounted for up to here · 载荷已核到的位置"),
            wraps=integer("changes of key wraps of sealed sections so far · 密封密钥封装的变更计数"),
            frozen=boolean("whether signing has stopped until a person has looked · 是否已冻结"),
        ),
        "PayloadState": record(
            "Where a log's payloads stand here · 载荷接收进度",
            next=integer("accounted for up to this index · 已核到的序号"),
            missing=array(
                array(either(integer(), string()), minItems=2, maxItems=2),
                "[index, section] of those that should be here and are not · 应有而缺的载荷",
            ),
        ),
        "PayloadConflict": record("Go on from here · 请从此处继续", size=integer()),
        "FilesAsked": record(files=array(ref("FileAsked"))),
        "FileAsked": record(
            "A file that a log of `node` lists and that is not here · 本节点缺少的附件",
            sha256=string(pattern="^[0-9a-f]{64}$"),
            node=string(),
            size=integer(),
            have=integer("bytes that are kept already · 已收字节数"),
        ),
        "FileKept": record(
            size=integer("bytes that are kept · 已收字节数"), held=boolean("whether all of it is here · 是否已完整")
        ),
        "Wraps": record(
            "Key wraps of sealed sections, signed by the origin · 密封部分的密钥封装",
            next=integer("ask for what came after this the next time · 下次从此处续取"),
            wraps=array(string("a signed note, ggzy-node/wraps/v1 · 签名文本")),
        ),
        "WrapsGiven": record(wraps=array(string("a signed note, ggzy-node/wraps/v1 · 签名文本"), maxItems=500)),
        "WrapsTaken": record(
            taken=integer("lists that were new and good · 新收下的份数"),
            early=boolean("one speaks of an entry that is not here yet · 有条目尚未到达"),
        ),
        "Policy": record(
            "The trust policy that this node holds · 本节点所持的信任策略",
            federation=string(),
            version=integer(least=1),
            hash=string("fingerprint: SHA-256 of the note's text · 指纹", pattern=ORIGIN_HASH),
        ),
        "PolicyTaken": record(
            version=integer("held now · 现持版本", least=1), taken=integer("versions that were new · 新接收的版本数")
        ),
        "Hello": record(node=string("who answers · 应答节点"), caller=string("who called · 呼叫节点")),
        "Enrolled": record(fingerprint=string("SHA-256 of the card's text · 名片指纹", pattern="^[0-9a-f]{64}$")),
        "CodeRequest": {
            "type": "object",
            "properties": {
                "request": string("the asker's own name for it · 请求名", pattern="^[A-Za-z0-9_.:-]{1,100}$"),
                "class": string("公共资源交易分类 · class", pattern="^[A-Z][0-9]{2}$"),
                "subject": string("what it is for · 对象", maxLength=MAX_SUBJECT),
            },
            "required": ["request", "class"],
        },
        "UnifiedCode": record(
            code=string("统一交易标识码", pattern="^[A-Z][0-9]{2}-[0-9A-Z]{18}-[0-9]{8}-[0-9]{6}-[0-9A-Z*]$"),
            again={"type": "boolean", "description": "this request had it already · 此前已给出"},
        ),
        "News": record(number=integer("rises with every news · 随消息递增")),
        "Records": record(
            records=array(ref("RecordRow")),
            cursor=string("give it back to go on, also later · 下一页游标，可稍后续取", pattern=CURSOR),
        ),
        "RecordRow": record(
            "One version of one record in the feed · 记录流中的一个版本",
            record_id=_UUID,
            origin=_ORIGIN,
            index=integer("in its log · 日志序号"),
            version=integer(least=1, most=VERSION),
            kind=string("a newer node may use kinds unknown here · 记录类型"),
            state=choice(STATES),
            title=string(),
            claimed_at=_TIME,
            leaf=_HASH,
            made_up=boolean("invented for demonstration · 演示数据"),
        ),
        "Record": record(
            "A record with its newest versions, newest first · 记录及其各版本，新者在前",
            record_id=_UUID,
            origin=_ORIGIN,
            versions=array(ref("RecordVersion"), minItems=1),
            versions_total=integer("more than are listed when the record is long · 版本总数", least=1),
            cosigners=array(
                record(
                    name=string("key name · 签名者"),
                    size=_SIZE,
                    signed_at=_TIME,
                ),
                "who signed a checkpoint that covers the newest version · 已签名方",
            ),
        ),
        "RecordVersion": record(
            origin=string("the log it lies in, of one epoch of its publisher · 所在日志"),
            index=integer("in its log · 日志序号"),
            version=integer(least=1, most=VERSION),
            kind=string(),
            schema=integer("of the kind's shape · 结构版本", least=1, most=VERSION),
            state=choice(STATES),
            claimed_at=_TIME,
            leaf=_HASH,
            prev_leaf=either(_HASH, NULL, about="leaf of the version before · 前一版本的叶子"),
            sections={"type": "object", "additionalProperties": ref("RecordSection")},
        ),
        "RecordSection": record(
            "A section, and its content as far as this node holds it and the caller may see it · 记录的一个部分",
            optional=("content",),
            audience=string(f"{', '.join(AUDIENCES)}, or one of a newer node · 公开范围"),
            commitment=string("salted hash of the payload · 加盐承诺", pattern="^[0-9a-f]{64}$"),
            state=choice(
                ("held", "sealed", "missing", "erased", "withheld", "unreadable"),
                "sealed is held as ciphertext, missing is a fault, erased was by law, withheld is by rule, unreadable "
                "has bytes that are no plain data · 状态",
            ),
            content=either(
                *({"$ref": target} for target in dict.fromkeys(kinds.values())),
                {"not": NULL},
                about="by kind and section: "
                + "; ".join(f"{name} → {target.rpartition('/')[2]}" for name, target in kinds.items())
                + ". What a newer node publishes may have any shape; bytes come as base64. · 内容，按类型",
            ),
        ),
        "Health": record(status={"const": "ok"}, version=string()),
        "Readiness": record(
            "Whether this node may be sent work, and why not · 是否就绪及原因",
            status=choice(("ready", "not-ready")),
            problems=array(string()),
            warnings=array(string("alarms and a stale policy, which do not make this one unready · 告警与策略过期")),
            worker=integer("number of the process that answered, from 1 · 应答进程编号"),
            workers=integer("of how many on this machine · 进程数"),
            jobs=choice(
                ("here", "elsewhere", "unknown"),
                "whether it runs the jobs, as it knew some seconds ago · 定时任务是否由它执行",
            ),
        ),
        "Alarms": record(
            "alarms that are on, the gravest first · 当前告警",
            alarms=array(
                record(
                    id=integer("number, for `ggzy alarms --ack` · 编号"),
                    code=choice(TITLES, "what is not as it should be · 告警代码"),
                    origin=_ORIGIN,
                    severity=choice(SEVERITIES),
                    detail=string("in English · 详情"),
                    since_ms=integer("first seen, UTC milliseconds · 首次发现"),
                    raised_ms=integer("told of since, UTC milliseconds · 告警起始"),
                    evidence=either(integer("number, for `ggzy evidence export` · 证据编号"), NULL),
                )
            ),
        ),
        **{f"{name.title()}Export": _export(name) for name in COLUMNS},
    }
    return made | openapi_trades.schemas() | contents


def parameters() -> dict[str, Json]:
    """The headers of a signed request, but for the signature itself, which is the security scheme."""
    return {
        "GgzyTo": in_header("Ggzy-To", "name of the node that is called · 被呼叫节点的名称", string()),
        "Digest": in_header(
            "Content-Digest",
            "`sha-256=:<base64>:` of the body (RFC 9530), of the empty body for GET · 正文摘要",
            string(),
        ),
        "SignatureInput": in_header(
            "Signature-Input",
            f'`ggzy={COMPONENTS};created=<seconds>;nonce="<16-64 of A-Z a-z 0-9 _ ->";keyid="<key name>+<hex id>"`'
            " · 签名参数",
            string(),
        ),
    }


@cache
def _contents() -> tuple[dict[str, Json], dict[str, str]]:
    """Shapes of the contents, and "kind section" -> address of its shape."""
    sections = {
        f"{kind.name} {name}": shape for kind in KINDS.values() for name, (shape, _audience) in kind.sections.items()
    }
    refs, components = msgspec.json.schema_components(sections.values(), ref_template="#/components/schemas/{name}")
    for shape in components.values():
        shape["description"] = " ".join(str(shape.get("description", "")).split())
    # What is no shape of its own, such as a map of whatever fields, gets a name here.
    for name, found in zip(sections, refs, strict=True):
        if "$ref" not in found:
            own = "".join(word.title() for word in name.replace(".", " ").split())
            components[own] = {"description": f"{name}: fields by their names", **found}
            found["$ref"] = f"#/components/schemas/{own}"
    return components, {name: found["$ref"] for name, found in zip(sections, refs, strict=True)}


def _export(name: str) -> Json:
    columns = {column.name: _column(column.name) for column in COLUMNS[name]}
    return record(
        "The rows of a search, newest first · 检索结果",
        source=string("log of the node that answers · 应答节点的日志"),
        made_at=string("local time · 生成时间"),
        query={"type": "object", "additionalProperties": string()},
        total=integer(),
        rows=array(record(**columns)),
    )


def _column(name: str) -> Any:
    if name == "made_up":
        return boolean()
    if name in _MAYBE_NUMBERS:
        return {"type": ["integer", "null"]}
    if name in _NUMBERS:
        return integer()
    return string()
