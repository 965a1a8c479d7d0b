"""Texts of the pages about board: key -> (Chinese, English); keys begin with `board_`."""

from __future__ import annotations

from typing import Final

from node.web.portal_text import Pair

MEASURE_NAMES: Final[dict[str, Pair]] = {
    "any": ("总体合格率", "Nothing wrong"),
    "coverage": ("覆盖率", "Coverage"),
    "completeness": ("完整率", "Completeness"),
    "compliance": ("合规率", "Compliance"),
    "accuracy": ("准确率", "Accuracy"),
    "timeliness": ("及时率", "Timeliness"),
    "repair": ("修复率", "Repair rate"),
}
BIT_NAMES: Final[dict[str, Pair]] = {
    "no_notice": ("有结果无公告", "Result without notice"),
    "no_result": ("公告到期无结果", "Notice without result in time"),
    "missing": ("必填项缺失", "Required field missing"),
    "owed": ("应公开未公开", "Disclosure overdue"),
    "code": ("代码不在代码表", "Code not in its table"),
    "order": ("结果早于公告", "Result before its notice"),
    "value": ("数值不可用", "Value of no use"),
    "duplicate": ("重复记录", "Duplicate"),
    "late_published": ("发布迟于时限", "Published late"),
    "late_act": ("环节逾期", "Late by a legal clock"),
    "unrepaired": ("问题未修复", "Not put right"),
}
STEP_NAMES: Final[dict[str, Pair]] = {
    "notice": ("交易公告", "Notice"),
    "qualification": ("资格审查", "Qualification"),
    "candidates": ("候选人公示", "Candidates"),
    "result": ("成交信息", "Result"),
    "performance": ("履约信息", "Performance"),
    "change": ("变更信息", "Change"),
    "trade": ("整宗交易", "Whole trade"),
}
SHOWN: Final[dict[str, Pair]] = {
    "bad": ("有问题的", "Not right"),
    "good": ("没有问题的", "Right"),
    "all": ("全部", "All that were judged"),
}
LAG_NAMES: Final[dict[str, Pair]] = {
    "lag": ("发生至发布", "From event to publishing"),
    "hub_lag": ("发布至上一级", "From publishing to the node above"),
    "top_lag": ("发布至再上一级", "From publishing to the next above that"),
}

TEXT: Final[dict[str, Pair]] = {
    "board_title": ("数据质量看板", "Data quality board"),
    "board_lead": (
        "由节点对每条公开的交易记录自动核对得出，随记录更新；按 95% 置信下限（Wilson）排序，记录少的不会因偶然而居前。"
        "点击数字可查看对应记录。",
        "Every public record of a trade is checked by this node as it comes. Ranked by the lower bound of Wilson's 95%"
        " interval, so that few records do not come first by chance. Each figure leads to its records.",
    ),
    "board_measure": ("指标", "Measure"),
    "board_place": ("区县", "District"),
    "board_no_place": ("区划不明", "Place unknown"),
    "board_update": ("查看", "Show"),
    "board_total": ("本次范围", "In this view"),
    "board_judged": ("{bad} / {judged} 有问题", "{bad} of {judged} not right"),
    "board_bad_of": ("问题数", "Not right"),
    "board_judged_of": ("核对数", "Judged"),
    "board_share": ("合格率", "Right"),
    "board_bounds": ("95% 区间", "95% interval"),
    "board_by_place": ("各区县排名", "Districts, ranked"),
    "board_by_category": ("各类别排名", "Categories, ranked"),
    "board_rank": ("名次", "Rank"),
    "board_ranked_by": ("按“{measure}”的置信下限从高到低", "by the lower bound of: {measure}"),
    "board_not_judged": ("无可核对的记录", "nothing to judge"),
    "board_more_places": ("只列出前 {most} 个，共 {number} 个。", "The first {most} of {number}."),
    "board_checks": ("核对项", "What is checked"),
    "board_check": ("核对项", "Check"),
    "board_heat": ("环节 × 区县", "Stage × district"),
    "board_heat_lead": (
        "格内为“{measure}”；空格表示没有可核对的记录。",
        "Cells show: {measure}; an empty cell has nothing to judge.",
    ),
    "board_funnel": ("应报 → 已报 → 已收", "Owed → sent → accepted"),
    "board_funnel_uplink": ("上报国家平台（报送数据项）", "Reported to the national platform (messages)"),
    "board_funnel_verdicts": ("本节点记录在上级的结论", "What the receiver above said of this node's records"),
    "board_funnel_mirror": ("逐级汇聚（日志条目，以上级签名为准）", "Mirrored upwards (log entries, by cosignature)"),
    "board_owed": ("应报", "Owed"),
    "board_sent": ("已报", "Sent"),
    "board_accepted": ("已收", "Accepted"),
    "board_published": ("已发布", "Published"),
    "board_at_hub": ("已到市级", "At the city hub"),
    "board_at_top": ("已到国家级", "At the national node"),
    "board_funnel_none": (
        "本节点还没有上报或汇聚的数据。",
        "Nothing has been sent upwards yet, as known here.",
    ),
    "board_stage": ("阶段", "Stage"),
    "board_count": ("数量", "Number"),
    "board_lags": ("时滞分布", "How long it took"),
    "board_lags_lead": (
        "发生至发布：环节按办理时间，导入记录按来源公布日的当天结束；发布至上级：以上级第一次签名覆盖的时间为准，"
        "签名之前不计。",
        "From event to publishing: for acts from when they happened, for imported records from the end of the day that"
        " the source gives. To the nodes above: up to their first signature that covers the record.",
    ),
    "board_lag_class": ("时长", "Time"),
    "board_defined": ("各指标的精确定义", "How each measure is defined"),
    "board_def_coverage": (
        "成交与候选人公示有对应公告；公告在 {least}–{most} 天（按类别）内有对应成交信息。",
        "Results and candidates have a notice; notices have a result within {least} to {most} days, by category.",
    ),
    "board_def_completeness": (
        "必填项齐全；法定时限已过的公开事项已公开。",
        "Nothing required is missing; no disclosure is overdue by a legal clock.",
    ),
    "board_def_compliance": (
        "类别、区划、信用代码、选项都在代码表内；成交不早于公告。",
        "Category, division, credit codes and choices are in their tables; no result before its notice.",
    ),
    "board_def_accuracy": (
        "金额、日期等数值可用；没有内容相同的另一条记录。",
        "Sums and days can be used; no other record says the very same.",
    ),
    "board_def_timeliness": (
        "环节发生后 {hours} 小时内发布；公开环节未超过法定时限。",
        "Acts are published within {hours} hours; no public act was late by a legal clock.",
    ),
    "board_def_repair": (
        "曾有内容问题（缺项、代码、数值）的记录，在最新版本中已改正。",
        "Of records that ever lacked a field or had a wrong code or value: put right in the newest version.",
    ),
    "board_def_not_judged": (
        "不能判断的不计入：撤回的记录、不公开的环节、没有项目编号和名称的记录之间的对应、未到期的公告。",
        "What cannot be judged does not count: withdrawn records, steps that are not public, links of records without"
        " project code and name, notices whose time still runs.",
    ),
    "board_records": ("质量核对明细", "Records behind a figure"),
    "board_back": ("返回看板", "Back to the board"),
    "board_found": (
        "核对 {judged} 条，其中有问题 {bad} 条。",
        "{judged} were judged, {bad} of them are not right.",
    ),
    "board_wrong": ("问题", "What is not right"),
    "board_step": ("环节", "Stage"),
    "board_show": ("显示", "Show"),
    "board_address": ("网址", "Address"),
    "board_none": ("没有符合条件的记录。", "No record fits."),
    "board_first": ("回到第一页", "First page"),
    "board_next": ("下一页", "Next page"),
    "board_fine": ("无", "nothing"),
    "board_empty": ("尚无可核对的交易记录。", "There is no record of a trade to judge yet."),
}
