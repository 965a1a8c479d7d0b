"""Texts of the pages about routing: key -> (Chinese, English); keys begin with `routing_`."""

from __future__ import annotations

from typing import Final

from node.web.portal_text import Pair

TEXT: Final[dict[str, Pair]] = {
    "routing_title": ("层级分工与进场核对", "Tiers, and what is held where"),
    "routing_lead": (
        "本页由规则自动核对：每宗交易按登记的事实重新判断应在哪级平台、哪个中心交易。",
        "Checked by rule: where each trade belongs is decided again from the facts of its registration.",
    ),
    "routing_wrong": ("层级或属地不符", "At the wrong centre"),
    "routing_wrong_none": ("未发现层级或属地不符的交易。", "No trade is at the wrong centre."),
    "routing_held_by": ("现由", "Held by"),
    "routing_right": ("应由", "Belongs to"),
    "routing_why": ("理由", "Why"),
    "routing_trade": ("交易", "Trade"),
    "routing_order": ("指令", "Order"),
    "routing_missing": ("应进场而未见的项目", "Must be held, and found nowhere"),
    "routing_missing_lead": (
        "由导入的审批项目与采购预算清单比对得出。自愿进场项目不计入。未见不等于违规，请核实。",
        "From imported lists of approved projects and budgets. Voluntary ones are never"
        " counted. Not found is no proof of a breach: look into it.",
    ),
    "routing_missing_none": ("没有应进场而未见的项目。", "Nothing that must be held is missing."),
    "routing_project": ("项目", "Project"),
    "routing_list": ("清单", "List"),
    "routing_row": ("第 {row} 行", "row {row}"),
    "routing_nearest": ("最相近的交易", "Nearest trade"),
    "routing_alike": ("相似 {percent}%", "{percent}% alike"),
    "routing_tried": ("已比对：投资项目代码、项目编号、名称", "tried: investment code, project code, name"),
    "routing_open": ("清单信息不足、未见的项目", "Not found, and the list does not say enough"),
    "approved_title": ("审批项目清单核对", "Approved projects against trades held"),
    "approved_lead": (
        "导入审批项目、采购预算清单，与平台上的登记和公告逐项比对（先比代码，后比名称）。应进场而未见的列出理由和最相近的交易。未见不等于违规，请核实；"
        "核实无误的，写明理由标为“已说明”。自愿进场项目不比对。",
        "Lists of approved projects and budgets are held against registrations and notices, by codes first and by name "
        "last. What must be held and is found nowhere stands here with the reason and the nearest trade. Not found is "
        "no proof: look into it, and where it is right say why. What an owner may decide is never looked for.",
    ),
    "approved_bring": ("导入清单", "Bring a list"),
    "approved_template": ("下载清单模板（Excel）", "Template of a list (Excel)"),
    "approved_file": ("清单文件（XLSX、CSV、JSONL）", "The list (XLSX, CSV, JSONL)"),
    "approved_category": ("未注明类别的行按", "Rows that name no category are"),
    "approved_do": ("导入并核对", "Bring it and look"),
    "approved_taken": ("导入结果", "What came of it"),
    "approved_counts": (
        "读取 {read} 行：新增 {added}，已有 {known}，未通过 {refused}。",
        "{read} rows: {added} new, {known} known, {refused} refused.",
    ),
    "approved_back": ("下载未通过的行", "Take the refused rows home"),
    "approved_bad": ("未通过的单元格", "Cells that were refused"),
    "approved_cell": ("单元格", "Cell"),
    "approved_column": ("列", "Column"),
    "approved_result": ("核对结果", "What was found"),
    "approved_all": (
        "清单共 {number} 项，其中自愿进场 {voluntary} 项不比对。",
        "{number} items in all; {voluntary} that an owner decides are not looked for.",
    ),
    "approved_export": ("导出全部（CSV）", "Export all (CSV)"),
    "approved_again": ("重新核对", "Look again"),
    "approved_found": ("对应的交易", "The trade"),
    "approved_explanation": ("说明", "Explanation"),
    "approved_explain": ("标为已说明", "Mark as explained"),
    "approved_unexplain": ("撤销说明", "Take it back"),
    "approved_reason": ("理由（记入操作日志）", "Why (goes into the audit trail)"),
    "approved_none": ("没有项目。", "No projects."),
    "routing_incoming": ("移交给本中心的项目", "Handed over to this centre"),
    "routing_incoming_none": ("没有移交给本中心的项目。", "Nothing was handed over to this centre."),
    "routing_outgoing": ("本中心移出的项目", "Handed over by this centre"),
    "routing_from": ("移交方", "From"),
    "routing_when": ("时间", "When"),
    "routing_take": ("生成登记草稿", "Make a draft of it"),
    "routing_taken": ("已生成草稿", "A draft was made"),
    "routing_rules": ("层级规则", "The rules of tiers"),
    "routing_rules_lead": (
        "{document}；自上而下，第一条相符的规则生效。",
        "{document}; from above, the first row that fits decides.",
    ),
    "routing_category": ("类别", "Category"),
    "routing_fact": ("看什么", "Looks at"),
    "routing_tier": ("平台", "Platform"),
    "routing_clause": ("条款", "Clause"),
    "routing_unread": ("待核实", "not verified"),
    "routing_fact_approval_level": ("审批层级", "level of approval"),
    "routing_fact_fund_level": ("资金层级", "level of the funds"),
    "routing_fact_owner_level": ("资产（出让）层级", "level of the owner"),
    "routing_fact_": ("—", "—"),
}
