"""Texts of the pages for drafting rules: key -> (Chinese, English); keys begin with `ruling_`."""

from __future__ import annotations

from typing import Final

from node.web.portal_text import Pair

TEXT: Final[dict[str, Pair]] = {
    "ruling_title": ("起草与发布规则", "Drafting and publishing rules"),
    "ruling_lead": (
        "{title}可起草下列规则的新版本。发布后由枢纽送达各节点，到生效日自动采用；已发布的版本不可改写。",
        "{title} may draft next versions of these. What is published reaches every node through the hub and is taken"
        " over at its day; a version is never edited.",
    ),
    "ruling_second": (
        "本节点要求双人复核：起草人送审，另一人复核通过后由起草人签名发布。",
        "This node asks for a second pair of eyes: the author submits, another person approves, the author then signs.",
    ),
    "ruling_own": ("可由本节点发布的规则", "What this node may publish"),
    "ruling_others": ("由其他部门发布的规则", "What others publish"),
    "ruling_who": ("发布部门", "Published by"),
    "ruling_state": ("状态", "State"),
    "ruling_in_force": ("现行", "in force"),
    "ruling_coming": ("将于 {day} 生效", "in force from {day}"),
    "ruling_next": ("起草新版本", "Draft a next version"),
    "ruling_next_of": ("起草新版本：{name}", "Draft a next version of {name}"),
    "ruling_withdraw": ("撤回", "Withdraw"),
    "ruling_withdraw_of": ("撤回：{name}", "Withdraw {name}"),
    "ruling_reason": ("撤回原因（公开）", "Why, for everybody to read"),
    "ruling_drafts": ("草稿", "Drafts"),
    "ruling_waiting": ("待您复核", "Waiting for your eyes"),
    "ruling_no_drafts": ("没有草稿。", "No drafts."),
    "ruling_state_open": ("起草中", "being drafted"),
    "ruling_state_waiting": ("待复核", "waiting for review"),
    "ruling_state_approved": ("复核通过", "approved"),
    "ruling_state_returned": ("已退回", "returned"),
    "ruling_based_on": ("自 {name} 起草", "drafted from {name}"),
    "ruling_new": ("以文件起草", "Draft from a file"),
    "ruling_new_lead": (
        "规则包、服务清单、公告模板或其他规则表的 TOML 文件，写法见 docs/rules.md。",
        "A TOML file of a package, a service list, templates of notices or another table; docs/rules.md shows how.",
    ),
    "ruling_file": ("文件", "File"),
    "ruling_text": ("文本", "Text"),
    "ruling_begin": ("建立草稿", "Make a draft"),
    "ruling_holidays": ("载入放假安排", "Load a year's holidays"),
    "ruling_holidays_lead": (
        "国务院办公厅发布下一年度放假通知后，照通知填写（[[year]] 行：year、legal_basis、tag、off、work）。"
        "数据须来自通知原文，不得推测。",
        "When the State Council has published the notice of the next year, enter it as it stands ([[year]] rows: year,"
        " legal_basis, tag, off, work). Nothing may be guessed.",
    ),
    "ruling_nodes": ("各节点进行中交易所用版本", "Versions under which trades run, by node"),
    "ruling_nodes_lead": (
        "按本节点所知的交易统计：交易沿用其开始时的版本。",
        "Counted from the trades that this node knows: a trade keeps the version it began under.",
    ),
    "ruling_node": ("节点", "Node"),
    "ruling_version": ("版本", "Version"),
    "ruling_running": ("进行中", "Running"),
    "ruling_draft": ("规则草稿", "Draft of rules"),
    "ruling_faults": ("有 {number} 处须改正", "{number} things to correct"),
    "ruling_sound": ("检查无误，可以发布。", "As it should be: it may be published."),
    "ruling_head": ("总则", "Head"),
    "ruling_rows": ("常用条目", "Rows that change most"),
    "ruling_rows_lead": (
        "可在此修改数值、条款、起止日和核实标记；其余内容在下方“全文”中修改。"
        "核对原文后把标记改为 S，该条即不再标“未核实”。",
        "Numbers, clauses, dates and tags are changed here, everything else in the whole text below. A row that was"
        " held against its text gets the tag S, and is no longer said to be unverified.",
    ),
    "ruling_whole": ("全文（TOML）", "Whole text (TOML)"),
    "ruling_upload": ("或以文件替换全文", "or put a file in its place"),
    "ruling_save_rows": ("保存条目", "Save the rows"),
    "ruling_save_text": ("保存全文", "Save the text"),
    "ruling_changes": ("与 {name} 相比的变化", "What changes from {name}"),
    "ruling_first": ("首个版本，没有可比较的版本。", "It is the first version: there is nothing to compare with."),
    "ruling_effects": ("影响的交易", "Trades that it touches"),
    "ruling_touches": ("适用于", "It applies to"),
    "ruling_leaves": ("不影响", "It leaves as they are"),
    "ruling_publish": ("签名并发布", "Sign and publish"),
    "ruling_publish_lead": (
        "以您的签名和本节点的密钥发布，{day} 起生效；发布后不可改写，生效前可以撤回。",
        "Published with your signature and this node's key, in force from {day}; never edited afterwards, withdrawn"
        " only before that day.",
    ),
    "ruling_submit": ("送复核", "Submit for review"),
    "ruling_approve": ("复核通过", "Approve"),
    "ruling_return": ("退回", "Return"),
    "ruling_note": ("意见（退回须填写）", "Remark (needed to return it)"),
    "ruling_discard": ("删除草稿", "Throw the draft away"),
    "ruling_waits": ("已送复核，等待另一人处理。", "Submitted: another person looks at it."),
    "ruling_done_saved": ("已保存。", "Saved."),
    "ruling_done_submitted": ("已送复核。", "Submitted."),
    "ruling_done_approve": ("已复核通过，由起草人发布。", "Approved: its author publishes it."),
    "ruling_done_return": ("已退回起草人。", "Returned to its author."),
    "ruling_done_published": ("已签名发布，枢纽将送达各节点。", "Signed and published: it goes to every node."),
    "ruling_done_discarded": ("草稿已删除。", "The draft is gone."),
    "ruling_done_withdrawn": ("已撤回，各节点不再采用。", "Withdrawn: no node takes it over."),
    "ruling_f_version": ("版本", "Version"),
    "ruling_f_zh": ("名称", "Name"),
    "ruling_f_en": ("英文名称", "English name"),
    "ruling_f_department": ("主管部门", "Department"),
    "ruling_f_effective_from": ("起", "From"),
    "ruling_f_effective_to": ("止", "Until"),
    "ruling_f_legal_basis": ("依据条款", "Clause"),
    "ruling_f_tag": ("核实", "Read"),
    "ruling_f_value": ("数值", "Value"),
    "ruling_f_unit": ("单位", "Unit"),
    "ruling_f_post": ("责任岗位", "Post"),
    "ruling_f_document": ("文号", "Document"),
    "ruling_f_cap": ("最高限额（分）", "Cap (fen)"),
    "ruling_f_threshold_fen": ("规模标准（分）", "Threshold (fen)"),
    "ruling_f_off": ("放假日", "Days off"),
    "ruling_f_work": ("调休上班日", "Days worked"),
    "ruling_f_text": ("正文", "Text"),
}
