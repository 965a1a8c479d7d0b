"""Why an entry is in quarantine: code -> what it means and what to do, in Chinese and English (docs/portal.md)."""

from __future__ import annotations

REASONS: dict[str, tuple[str, str]] = {
    "header-unreadable": (
        "条目头不是本协议规定的格式；请来源节点以新记录重新发布。",
        "The header is not of the protocol's form; its origin should publish the record anew.",
    ),
    "format-newer": (
        "条目头的格式版本比本软件新；升级软件后会自动读取。",
        "The header's format is newer than this software; it is read by itself after an upgrade.",
    ),
    "kind-unknown": (
        "记录类型不为本软件所知；升级软件后会自动读取。",
        "This software does not know the record's kind; it is read by itself after an upgrade.",
    ),
    "kind-changed": (
        "同一记录的新版本改变了类型；请来源节点以新记录重新发布。",
        "A new version changed the record's kind; its origin should publish a new record.",
    ),
    "schema-newer": (
        "记录的结构版本比本软件新；升级软件后会自动读取。",
        "The record's schema is newer than this software; it is read by itself after an upgrade.",
    ),
    "version-taken": (
        "同一记录的这一版本号已被序号更小的条目占用，以先者为准；请来源节点以下一版本重新发布。",
        "An entry of lower index already has this version of the record and wins; publish it as the next version.",
    ),
    "chain-broken": (
        "未指向同一记录在本日志中的上一版本；请来源节点检查后以正确的上一版本重新发布。",
        "It does not name the record's previous version in this log; its origin should publish it again with it.",
    ),
    "section-missing": (
        "条目头没有主体部分（main）；请来源节点以新版本重新发布。",
        "The header lists no main section; its origin should publish a new version.",
    ),
    "payload-missing": (
        "本节点应当持有的内容尚未送达；系统会继续向上下级索取，到达后自动恢复。",
        "Content that this node should hold has not arrived; it is asked for again and read when it comes.",
    ),
    "erasure-refused": (
        "删除令未获两个不同节点的有效授权，或所指内容不符，未予执行；请按 docs/operating.md 重新办理。",
        "The order lacks two different nodes' valid keys or names what is not so; it does nothing. Issue it anew.",
    ),
    "erasure-early": (
        "删除令先于所指记录到达；记录到达后自动执行。",
        "The order to erase came before the record that it names; it takes effect by itself when that comes.",
    ),
    "issuer-not-entitled": (
        "来源节点无权发布此类记录（管办分离）；记录不予采信，请其上级与监管部门核查该节点。",
        "Its origin may not issue such a record (service and supervision apart); it counts for nothing.",
    ),
    "payload-unreadable": (
        "内容不符合该类型的结构；请来源节点更正后以新版本发布。",
        "The content does not fit the kind's shape; its origin should correct it in a new version.",
    ),
}
