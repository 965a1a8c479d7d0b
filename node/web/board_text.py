"""Texts of the data quality board: key -> (Chinese, English); keys begin with `quality_`."""

from __future__ import annotations

from typing import Final

from node.web.portal_text import Pair

MEASURES: Final[dict[str, Pair]] = {
    "coverage": ("覆盖", "Coverage"),
    "completeness": ("完整", "Completeness"),
    "compliance": ("合规", "Compliance"),
    "accuracy": ("准确", "Accuracy"),
    "timeliness": ("及时", "Timeliness"),
    "repair": ("修复", "Repair"),
    "electronic": ("电子化", "Electronic"),
}
MEANINGS: Final[dict[str, Pair]] = {
    "coverage": ("公告与结果互相对得上", "notices and results find each other"),
    "completeness": ("必填项齐全，应公开的都已公开", "required fields are there, what is owed is published"),
    "compliance": ("代码在代码表内，环节次序合规", "codes are in their tables, acts in their order"),
    "accuracy": ("数值可用，没有重复", "values are of use, nothing comes twice"),
    "timeliness": ("发生后按时公开，法定期限内办理", "published in time, done within legal terms"),
    "repair": ("曾有问题的记录已在新版本改正", "records with a fault were put right in a newer version"),
    "electronic": (
        "投标、开标、评标、合同全程电子化的交易",
        "trades without paper in bidding, opening, evaluation and contract",
    ),
}
FAULTS: Final[dict[str, Pair]] = {
    "no_notice": ("有结果无公告", "result without a notice"),
    "no_result": ("有公告无结果", "notice without a result"),
    "missing": ("缺必填项", "required field missing"),
    "owed": ("应公开未公开", "disclosure overdue"),
    "code": ("代码不在表内", "code not in its table"),
    "order": ("环节次序不符", "acts out of order"),
    "value": ("数值不可用", "value of no use"),
    "duplicate": ("重复", "repeated"),
    "late_published": ("公开迟延", "published late"),
    "late_act": ("超过法定期限", "legal term exceeded"),
    "unrepaired": ("未修复", "not put right"),
    "on_paper": ("部分纸质", "partly on paper"),
    "any": ("任一问题", "anything wrong"),
}
# bit -> (what is judged, when it is wrong, what is not judged), each in both languages.
DEFINITIONS: Final[dict[str, tuple[Pair, Pair, Pair]]] = {
    "no_notice": (
        ("导入的候选人公示和结果", "imported lists of candidates and results"),
        (
            "本节点没有项目编号（或标段编号、项目名称）相同的公告",
            "no notice with the same project code (or section code, or project name) is held here",
        ),
        (
            "既无编号又无项目名称的；同一编号超过 1,000 条的",
            "without code and name; a code that over 1,000 records share",
        ),
    ),
    "no_result": (
        ("导入的公告，等待期已过或已有结果", "imported notices that have a result, or have waited long enough"),
        ("等待期（result_within_days）已过仍无结果", "no result, though the wait (result_within_days) is over"),
        (
            "等待期未过的；需求公示、预告等不期待结果的；没有日期的",
            "while it still waits; notices that expect no result, such as previews; without a day",
        ),
    ),
    "missing": (
        ("导入的记录；公开的环节", "imported records; public acts"),
        (
            "缺少该类必填项（required）；环节按规则包的必填字段",
            "a field required of its kind is empty; of an act, one that its rule requires",
        ),
        ("规则包不在本节点的环节；不公开的字段", "acts whose package is not held here; fields that are not disclosed"),
    ),
    "owed": (
        (
            "已公开过信息的交易，五类信息中有应公开或已公开的",
            "trades with anything disclosed or owed of the five kinds",
        ),
        ("任一应公开的已逾期", "any disclosure is overdue"),
        ("尚未公开任何信息的交易；无法重放的", "trades that have disclosed nothing yet, or cannot be replayed here"),
    ),
    "code": (
        ("导入的记录；公开的环节", "imported records; public acts"),
        (
            "行政区划不在 GB/T 2260，信用代码校验位不符，取值不在代码表",
            "a division not in GB/T 2260, a credit code that fails its check, a value not in its table",
        ),
        ("没有填写的代码（计入完整）", "codes that are not given (that is completeness)"),
    ),
    "order": (
        ("已公开过信息的交易", "trades that have disclosed something"),
        ("有环节与阶段次序不符", "an act that did not fit the stages"),
        ("导入的记录", "imported records"),
    ),
    "value": (
        ("导入的记录；公开的环节", "imported records; public acts"),
        (
            "金额、日期、分值不可识别，金额为零，编号在来源中重复，内容与字段不符；环节字段的类型、长度或范围不符",
            "a sum, day or score that cannot be read, a sum of zero, a code that comes twice at the source, content in"
            " the wrong field; of an act, a wrong type, length or range",
        ),
        ("以百分比、附条件表述的金额", "sums given as a percentage or with conditions"),
    ),
    "duplicate": (
        ("导入的记录", "imported records"),
        (
            "与另一条更早的记录在列表所示各项上完全相同",
            "it says the same as an earlier record in everything that a list shows",
        ),
        ("环节", "acts"),
    ),
    "late_published": (
        ("公开的环节", "public acts"),
        ("发生后超过 publish_within_hours 才公开", "published later than publish_within_hours after it happened"),
        ("导入的记录：何时导入不是当时的公开", "imported records: when they were imported says nothing of then"),
    ),
    "late_act": (
        ("有期限已到或已完成的交易", "trades of which any clock has ended or run out"),
        ("任一法定期限已超过，或超过后才办理", "any legal term is exceeded, or was before it was met"),
        ("期限都未到的交易；在途的中止", "trades with no clock over yet; clocks that stand still"),
    ),
    "unrepaired": (
        ("内容曾有问题（缺项、代码、数值）的导入记录", "imported records whose content had a fault in some version"),
        ("最新版本仍有问题", "the newest version still has one"),
        (
            "从未有问题的；被撤回的；环节（由更正环节改正）",
            "without a fault ever; withdrawn; acts, which other acts correct",
        ),
    ),
    "on_paper": (
        (
            "整笔交易，其投标截止、开标、评标、竞价、合同各环节均载明办理方式的；或任一环节载明纸质的",
            "trades whose acts of bidding, opening, evaluation, auction and contract all say how they were done, or of"
            " which any says that it was on paper",
        ),
        ("任一环节载明“纸质或部分纸质”", "any of them says that it was on paper, or partly"),
        (
            "有环节没有载明的：系统不推测；导入的记录",
            "with an act that does not say: nothing is guessed; imported records",
        ),
    ),
}
STEPS: Final[dict[str, Pair]] = {
    "notice": ("公告", "Notice"),
    "qualification": ("资格审查", "Qualification"),
    "candidates": ("候选人", "Candidates"),
    "result": ("结果", "Result"),
    "performance": ("履约", "Performance"),
    "change": ("变更", "Change"),
    "trade": ("整笔交易", "Whole trade"),
}
FUNNEL: Final[dict[str, Pair]] = {
    "published": ("本级已发布", "Published"),
    "at_hub": ("上级已保存", "At the node above"),
    "at_top": ("再上一级已保存", "At the one above that"),
    "owed": ("按期限应公开", "Owed by a clock"),
    "disclosed": ("已公开", "Disclosed"),
    "in_time": ("按时公开", "In time"),
    "overdue": ("逾期未公开", "Overdue"),
    "due_up": ("应上报", "To be reported"),
    "sent": ("已报送", "Sent"),
    "accepted": ("已接收", "Accepted"),
}
LAGS: Final[dict[str, Pair]] = {
    "lag": ("发生 → 公开", "event → published"),
    "hub_lag": ("公开 → 上级保存", "published → at the node above"),
    "top_lag": ("公开 → 再上一级保存", "published → at the one above that"),
}
BY: Final[dict[str, Pair]] = {"node": ("发布节点", "Publishing node"), "place": ("行政区划", "Place")}

TEXT: Final[dict[str, Pair]] = {
    "quality": ("数据质量", "Data quality"),
    "quality_lead": (
        "由本节点持有的全部公开交易信息逐条判定并汇总。每个数字都可点开看到对应的记录；各项如何计算、哪些不予判定，见",
        "Judged record by record from all public trade information held here. Every figure leads to its records; how"
        " each is computed, and what is not judged, says",
    ),
    "quality_docs": ("指标说明", "the definition of the measures"),
    "quality_ranked": (
        "排名按 95% 置信下限（Wilson），样本少的不会因偶然全对而排在前面。",
        "Ranked by the lower bound of 95 % confidence (Wilson): few records that happen to be right do not lead.",
    ),
    "quality_stop": ("。", "."),
    "quality_measures": ("指标说明", "Definition of the measures"),
    "quality_measures_lead": (
        "每一项只计能够判定的记录：分母是判定了的，分子是没有问题的。尺子（config/quality.toml）可按本市要求修改，法定期限来自规则包。",
        "Each counts only what could be judged: of those, how many have nothing wrong. The yardstick is"
        " config/quality.toml; terms of the law come from the rule packages.",
    ),
    "quality_measure": ("指标", "Measure"),
    "quality_counted": ("判定对象（分母）", "What is judged (denominator)"),
    "quality_bad_when": ("何时算有问题", "When something is wrong"),
    "quality_left_out": ("不判定", "Not judged"),
    "quality_by": ("按", "By"),
    "quality_sort": ("排名依据", "Ranked by"),
    "quality_node": ("发布节点", "Publishing node"),
    "quality_step": ("环节", "Step"),
    "quality_show": ("查看", "Show"),
    "quality_districts": ("各区县（节点）", "By district"),
    "quality_categories": ("各类交易", "By category"),
    "quality_line": ("名称", "Name"),
    "quality_records": ("记录", "Records"),
    "quality_of": ("{good} / {judged}", "{good} of {judged}"),
    "quality_low": ("下限 {low}", "at least {low}"),
    "quality_unjudged": ("未判定", "not judged"),
    "quality_wrong": ("有问题 {number}", "{number} at fault"),
    "quality_heat": (
        "环节 × 区县：没有任何问题的记录所占比例",
        "Steps × districts: share of records with nothing wrong",
    ),
    "quality_heat_caption": ("各区县各环节没有任何问题的记录", "Records with nothing wrong, by district and step"),
    "quality_funnel": ("应公开 → 已报送 → 已接收", "Owed → sent → accepted"),
    "quality_funnel_mirror": ("逐级保存（日志镜像）", "Up the tiers, by mirroring"),
    "quality_funnel_owed": ("按法定期限公开", "Disclosed as the clocks want it"),
    "quality_funnel_up": ("按国家数据规范上报", "Reported in the national format"),
    "quality_funnel_none": ("本节点尚无此类数据。", "Nothing of this kind here yet."),
    "quality_verdicts": ("上级对本节点记录的意见", "What the platform above said of records"),
    "quality_stage": ("步骤", "Step"),
    "quality_number": ("数量", "Number"),
    "quality_lags": ("时间间隔分布", "How long it took"),
    "quality_lags_note": (
        "“发生”按环节时间（本系统办理的交易）或来源所载日期（导入的记录，计入分布但不判定及时性）；“保存”取上级共同签名的时间，"
        "签名经整理后可能偏长，不会偏短。",
        "The event is the time of the act, or for imported records the day that the source gives (shown, not judged)."
        " That a node above holds a record is dated by its cosignature: perhaps too late, never too early.",
    ),
    "quality_span": ("间隔", "Span"),
    "quality_covered": (
        "本市 {total} 个区县中，{number} 个在本节点有公开交易信息。",
        "{number} of the city's {total} districts have public trade information here.",
    ),
    "quality_not_covered": ("尚无信息的 {number} 个区县", "The {number} districts with nothing yet"),
    "quality_list": ("问题记录", "Records at fault"),
    "quality_list_all": ("已判定的记录", "Records that were judged"),
    "quality_faults": ("问题", "What is wrong"),
    "quality_fine": ("无", "nothing"),
    "quality_all_of_them": ("看全部已判定的", "Show all that were judged"),
    "quality_only_bad": ("只看有问题的", "Show only those at fault"),
    "quality_back": ("回到看板", "Back to the board"),
    "quality_cut": (
        "只能翻到前 {number} 条；请按节点、类别或环节缩小范围。",
        "Only the first {number} can be reached; narrow by node, category or step.",
    ),
    "quality_division_name": ("区划名称", "Name of the division"),
    "quality_address": ("网址", "Address"),
    "quality_none": ("没有这样的记录。", "There are no such records."),
    "quality_no_place": ("（未载明区划）", "(no place given)"),
    "quality_chart": ("图：{name}。同样的数字见表。", "Chart: {name}. The table says the same."),
    "quality_milestones": ("里程碑", "Milestones"),
    "quality_milestones_lead": (
        "实施方案的时间目标与本节点所见的现状；只统计载明了的，没有载明的不推测。",
        "What the plan set, and how it stands as seen from this node; only what was stated counts, nothing is guessed.",
    ),
    "quality_milestone": ("目标", "Milestone"),
    "quality_milestone_due": ("期限", "By"),
    "quality_milestone_now": ("现状", "As it stands"),
    "quality_milestone_basis": ("依据", "Basis"),
    "quality_milestone_past": ("期限已过 {number} 天", "{number} days past"),
    "quality_milestone_left": ("还有 {number} 天", "{number} days left"),
    "quality_milestone_covered": (
        "{number} / {total} 个区县有公开交易信息",
        "{number} of {total} districts have public trade information",
    ),
    "quality_milestone_electronic": (
        "{good} / {judged} 宗交易全程电子化",
        "{good} of {judged} trades fully electronic",
    ),
    "quality_milestone_unknown": ("尚无交易载明办理方式", "no trade says yet how it was done"),
    "quality_empty": ("本节点还没有可判定的交易信息。", "There is nothing to judge here yet."),
}
