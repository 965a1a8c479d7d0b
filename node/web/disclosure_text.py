"""Texts of the pages about disclosure: key -> (Chinese, English); keys begin with `disclosure_`."""

from __future__ import annotations

from typing import Final

from node.web.portal_text import Pair

STATES: Final[dict[str, Pair]] = {
    "none": ("尚无", "None yet"),
    "owed": ("应公开，未到期", "Owed, not due yet"),
    "done": ("已公开", "Done"),
    "late": ("逾期未公开", "Late"),
    "done-late": ("逾期公开", "Done late"),
}
STEPS: Final[dict[str, Pair]] = {"past": ("已过", "past"), "here": ("现在", "now"), "ahead": ("未到", "ahead")}
TONES: Final[dict[str, str]] = {"none": "", "owed": "warn", "done": "good", "late": "bad", "done-late": "warn"}

TEXT: Final[dict[str, Pair]] = {
    "disclosures": ("公开信息", "Disclosures"),
    "disclosure_lead": (
        "依法公开的五类信息：交易公告、资格审查结果、成交信息、履约信息和变更信息。公开后不覆盖、不删除；撤回的仍列出并注明。",
        "The five kinds that the law wants public: notices, qualification reviews, results, performance and changes."
        " Nothing is overwritten or removed; what was withdrawn stays, and says so.",
    ),
    "disclosure_kind": ("公开类别", "Kind of disclosure"),
    "disclosure_all": ("全部", "All"),
    "disclosure_caption": ("公开信息列表", "Disclosures"),
    "disclosure_withdrawn": ("已撤回", "Withdrawn"),
    "disclosure_trade": ("交易全程", "Whole trade"),
    "disclosure_project": ("同一项目", "Same project"),
    "disclosure_key": ("交易标识", "Trade key"),
    "disclosure_codes": ("统一交易标识码", "Unified trade identification code"),
    "disclosure_rules": ("所依规则", "Under the rules"),
    "disclosure_ended": ("已结束", "Ended"),
    "disclosure_running": ("进行中", "Running"),
    "disclosure_void": ("登记已撤回", "Registration withdrawn"),
    "disclosure_strip": ("公开完整性", "Completeness of disclosure"),
    "disclosure_strip_lead": (
        "五类信息各自应公开、已公开、逾期的情况，期限与条款来自该交易所依的规则。",
        "Of each of the five kinds what is owed, done and late; terms and clauses are those of the trade's rules.",
    ),
    "disclosure_due": ("期限 {when}", "due {when}"),
    "disclosure_due_open": ("无固定期限", "no fixed term"),
    "disclosure_by": ("由第 {number} 号完成", "met by no. {number}"),
    "disclosure_unverified": ("依据待核", "clause not verified"),
    "disclosure_more_dues": ("另有 {number} 项", "{number} more"),
    "disclosure_lots": ("标段（包、宗）进度", "Stages of the lots"),
    "disclosure_lot": ("标段 {number}", "Lot {number}"),
    "disclosure_round": ("第 {number} 次", "round {number}"),
    "disclosure_suspended": ("暂停中", "suspended"),
    "disclosure_fault": (
        "本节点无法判断该交易的进度与期限",
        "This node cannot judge the stages and terms of this trade",
    ),
    "disclosure_gaps": ("缺少的环节序号", "Acts that are not held here"),
    "disclosure_order": ("公开次序", "In order"),
    "disclosure_order_lead": (
        "本交易全部公开信息，按发生次序。序号不连续处为不公开的内部步骤。",
        "All disclosures of this trade in their order. Numbers left out are steps inside, which are not public.",
    ),
    "disclosure_number": ("序号", "No."),
    "disclosure_at": ("发生时间", "Happened"),
    "disclosure_published": ("公开时间", "Published"),
    "disclosure_what": ("内容", "What"),
    "disclosure_for_lots": ("涉及标段", "Lots"),
    "disclosure_all_lots": ("全部标段", "all lots"),
    "disclosure_nothing_of_kind": ("尚无此类信息。", "Nothing of this kind yet."),
    "disclosure_record": ("记录与回执", "Record and receipt"),
    "disclosure_receipt": ("下载回执", "Receipt"),
    "disclosure_changes": ("变更对照：对第 {number} 号“{name}”", "Changes to no. {number}, {name}"),
    "disclosure_about": ("针对第 {number} 号“{name}”", "About no. {number}, {name}"),
    "disclosure_changed_by": ("本条已被第 {numbers} 号变更", "Changed since by no. {numbers}"),
    "disclosure_field": ("项目", "Field"),
    "disclosure_old": ("变更前", "Before"),
    "disclosure_new": ("变更后", "After"),
    "disclosure_not_said": ("（未载）", "(not stated)"),
    "disclosure_emptied": ("（已删去）", "(taken out)"),
    "disclosure_withdrawn_by": (
        "本条已由 {who} 于 {when} 撤回，内容保留备查。",
        "Withdrawn by {who} on {when}; the content is kept for reference.",
    ),
    "disclosure_reason": ("理由", "Reason"),
    "disclosure_no_reason": ("未说明", "none given"),
    "disclosure_late": ("逾期公开", "published late"),
    "disclosure_files": ("附件", "Attachments"),
    "disclosure_hash": ("SHA-256 摘要", "SHA-256"),
    "disclosure_full_text": ("全文（{number} 字）", "Full text ({number} characters)"),
    "disclosure_json": ("本页的 JSON", "This page as JSON"),
    "disclosure_print": ("本页可直接打印，网址长期有效。", "This page can be printed; its address stays valid."),
    "disclosure_project_code": ("项目编号", "Project code"),
    "disclosure_project_lead": (
        "以下是各来源已公布的事实，由本市各节点导入并签名留存，按项目编号归在一起；不是在本系统内办理的交易环节。",
        "Facts that their sources had published, imported and signed by nodes here, put together by the project code;"
        " they are no acts of a trade on this system.",
    ),
    "disclosure_project_both": (
        "标“导入的事实”的，是其他来源已公布、由本市各节点导入并签名留存的；其余是在本系统内办理的交易所公开的。",
        "What is marked as imported had been published elsewhere and was imported and signed by nodes here; the rest"
        " was disclosed by trades held on this system.",
    ),
    "disclosure_imported": ("导入的事实", "Imported facts"),
    "disclosure_joined_name": ("按项目名称归入", "joined by the project's name"),
    "disclosure_whole_project": ("整个项目", "Whole project"),
    "disclosure_section": ("标段（包）", "Section"),
    "disclosure_here_trades": ("在本系统内办理的交易", "Trades held on this system"),
    "disclosure_cut": ("只列出前 {number} 条。", "Only the first {number} are listed."),
    "disclosure_publisher": ("发布节点", "Published by"),
}
