"""Operations about attachments and rules."""

from __future__ import annotations

from node.domain.audience import AUDIENCES
from node.web.openapi_pages import _LANG, _NOT_UNDERSTOOD, PAGES, _page
from node.web.openapi_pages import FILES as DOWNLOADS
from node.web.openapi_parts import (
    BYTES,
    JSON,
    Answer,
    Operation,
    body,
    header,
    in_header,
    in_path,
    in_query,
    integer,
    json,
    page,
    ref,
    string,
)
from node.wire import paths

FILES = "attachments · 附件"
_SHA256 = in_path("sha256", "SHA-256, lower-case hex · 摘要", string(pattern="^[0-9a-f]{64}$"))
_NODE = in_query("node", "the node whose log lists it · 列出该文件的节点", string(maxLength=300))
_UPLOAD = in_path("upload", "as the answer to the first call names it · 上传编号", string())
_CSRF = in_header("Ggzy-Csrf", "what the hidden field of a form holds · 表单令牌", string())
_STATE = {
    "Upload-Offset": header("bytes that are kept · 已收字节数", string()),
    "Upload-Complete": header("`?1` when the file is whole · 是否完成", string()),
    "Location": header("the upload's address · 上传地址", string()),
}
_RANGED = {
    "ETag": header("the file's hash · 文件摘要", string()),
    "Content-Disposition": header("always an attachment · 一律为下载", string()),
    "Content-Range": header("of a part · 部分内容", string()),
}
_PART = body(BYTES, "bytes of the file, or none · 文件内容")

_MONTHS = (
    in_query("since", "first month, YYYY-MM · 起始月份", string(examples=["2026-01"])),
    in_query("until", "last month, YYYY-MM · 截止月份", string(examples=["2026-12"])),
)
_LOGIN = Answer("to the log-in page, for whoever accepts HTML · 转到登录页", {"text/plain": string()})
TABLE: tuple[Operation, ...] = (
    Operation(
        "get",
        paths.FILE,
        "getFile",
        "A file that a record lists · 下载附件",
        FILES,
        {
            200: Answer("the file, as a download · 文件", {BYTES: None}, _RANGED),
            206: Answer("the part that was asked for · 部分内容", {BYTES: None}, _RANGED),
            304: Answer("it has not changed · 未变化"),
            416: Answer("no such part · 无此部分"),
        },
        (400, 401, 404, 503),
        (
            _SHA256,
            _NODE,
            in_header("Range", "one range of bytes · 字节范围", string()),
            in_header("If-Range", "the ETag · 文件摘要", string()),
            in_header("If-None-Match", "the ETag · 文件摘要", string()),
        ),
        about="For whoever may read a record that lists it. · 仅限可阅读列出该文件的记录者。",
        signed="may",
        browser=True,
    ),
    Operation(
        "post",
        paths.UPLOADS,
        "beginUpload",
        "Begin a resumable upload · 开始断点续传",
        FILES,
        {
            201: Answer(
                "begun; with the last byte, what a record lists · 已开始；传完则为可列入记录的附件",
                {JSON: ref("Attached")},
                _STATE,
            ),
            303: _LOGIN,
            409: Answer("go on from the offset in the answer · 请从所示位置续传", {}, _STATE),
        },
        (400, 401, 403, 413, 422, 503, 507),
        (
            in_query("name", "the file's name · 文件名", string(), required=True),
            in_query("audience", "who may have it · 公开范围", string(enum=list(AUDIENCES))),
            in_query("sha256", "to be held against · 供核对的摘要", string()),
            in_header("Upload-Length", "the file's size · 文件大小", string()),
            _CSRF,
        ),
        _PART,
        about="draft-ietf-httpbis-resumable-upload; by a person who is logged in. · 须登录。",
        busy=True,
        browser=True,
    ),
    Operation(
        "patch",
        paths.UPLOAD,
        "goOnUploading",
        "Bring more bytes of an upload · 续传",
        FILES,
        {
            200: json("whole: what a record lists · 已传完", ref("Attached")),
            204: Answer("kept so far · 已收", {}, _STATE),
            303: _LOGIN,
            409: Answer("go on from the offset in the answer · 请从所示位置续传", {}, _STATE),
        },
        (400, 401, 403, 404, 413, 422, 503, 507),
        (_UPLOAD, in_header("Upload-Offset", "where the bytes begin · 起始位置", string()), _CSRF),
        _PART,
        busy=True,
        browser=True,
    ),
    Operation(
        "delete",
        paths.UPLOAD,
        "giveUpUpload",
        "Give an upload up · 取消上传",
        FILES,
        {204: Answer("it is gone · 已取消"), 303: _LOGIN},
        (401, 403, 404, 503),
        (_UPLOAD, _CSRF),
        browser=True,
    ),
    Operation(
        "get",
        paths.FILES_ASKED,
        "listFilesAsked",
        "Files that this node waits for from the caller · 等待对方提供的附件",
        FILES,
        {200: json("at most 256 · 至多 256 个", ref("FilesAsked"))},
        (401, 503),
        signed="must",
    ),
    Operation(
        "post",
        paths.FILE_PIECE,
        "bringFile",
        "Bring bytes of a file from a node below · 上送附件内容",
        FILES,
        {
            200: json("what is kept · 已收", ref("FileKept")),
            409: json("go on from this size · 请从此处续传", ref("PayloadConflict")),
        },
        (400, 401, 403, 404, 413, 422, 503, 507),
        (
            _SHA256,
            _NODE,
            in_query("at", "where the bytes begin · 起始位置", integer(most=10**15 - 1), required=True),
        ),
        body(BYTES, "at most 1 MiB · 至多 1 MiB"),
        signed="must",
        busy=True,
    ),
    _page(
        "/services", "servicesPage", "Service list · 服务清单", "promises and how they were kept · 承诺时限与兑现情况"
    ),
    Operation(
        "get",
        "/fees",
        "feesPage",
        "What was charged · 收费统计",
        PAGES,
        {200: page("by payer, category and month · 按缴费方、类别、月份"), 400: page(_NOT_UNDERSTOOD)},
        (400, 503),
        (*_MONTHS, _LANG),
        browser=True,
    ),
    Operation(
        "get",
        "/fees.csv",
        "feesCsv",
        "What was charged, CSV · 收费统计 CSV",
        DOWNLOADS,
        {
            200: Answer(
                "UTF-8 with a mark for Excel; formulas are defused · 含防公式处理",
                {"text/csv": string()},
                {"Content-Disposition": header("a file name · 文件名")},
            )
        },
        (400, 503),
        (*_MONTHS, _LANG),
    ),
    _page("/rules", "rulesPage", "Rules of trading · 交易规则", "packages in force, services, tables · 现行规则"),
    _page(
        "/rules/diff",
        "rulesDiff",
        "What changed between two versions · 版本比较",
        "row by row · 逐行比较",
        in_query("from", "`<id>@<version>` · 旧版", string()),
        in_query("to", "`<id>@<version>` · 新版", string()),
        problems=(400, 404, 503),
    ),
    _page(
        "/rules/{rule:.+}",
        "rulePage",
        "A rule package or table · 规则包或规则表",
        "each row with its clause · 每条附依据",
        in_path("rule", "`<id>@<version>` · 编号与版本", string()),
        problems=(404, 503),
    ),
)
