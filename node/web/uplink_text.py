"""Texts of the pages about uplink: key -> (Chinese, English); keys begin with `uplink_`."""

from __future__ import annotations

from typing import Final

from node.web.portal_text import Pair

STATES: Final[dict[str, Pair]] = {
    "queued": ("待送", "To be sent"),
    "blocked": ("等待上级记录", "Waits for another record"),
    "held": ("待改正", "Held: needs correction"),
    "rejected": ("被退回", "Rejected"),
    "dead": ("多次未送达", "Not delivered"),
    "accepted": ("已接收", "Accepted"),
    "deleted": ("已撤销", "Deleted"),
}

# How a record of a trade stands above, on the trade's page: state -> (words, class of its tag).
REPORTED: Final[dict[str, tuple[Pair, str]]] = {
    "none": (("不上报", "Not reported"), ""),
    "waiting": (("待上报", "To be reported"), ""),
    "sent": (("已发送，待应答", "Sent, not answered"), ""),
    "accepted": (("已接收", "Accepted"), "good"),
    "rejected": (("被退回", "Rejected"), "bad"),
    "held": (("待改正", "Needs correction"), "warn"),
    "blocked": (("等待", "Waits"), "warn"),
    "dead": (("多次未送达", "Not delivered"), "bad"),
    "deleted": (("已撤销", "Deleted"), ""),
}

# What a retry helps with, by state.
RETRIES: Final[dict[str, Pair]] = {
    "held": ("改正来源记录后会自动重送", "It goes again by itself once its record is corrected"),
    "rejected": ("请按退回原因改正来源记录，或直接重送", "Correct the record as the answer says, or send it again"),
    "dead": ("线路恢复后重送", "Send it again once the line works"),
}

# What the receiver says of a key.
THERE: Final[dict[str, Pair]] = {
    "held": ("已有", "Has it"),
    "deleted": ("已删除", "Deleted"),
    "": ("没有", "Has it not"),
}

TEXT: Final[dict[str, Pair]] = {
    "uplink_title": ("国家平台上报", "Uplink to the national platform"),
    "uplink_lead": (
        "市级枢纽把本市各中心的记录按国家数据规范逐条上报；每条都有应答，未成功的列在下面。",
        "The hub reports the records of all centres by the national data standard; every one has an answer, "
        "and what did not succeed is listed below.",
    ),
    "uplink_off": (
        "本节点尚未设置上报地址（uplink_url 或 uplink_folder），记录只在本地排队。",
        "No receiver is set (uplink_url or uplink_folder): records only queue here.",
    ),
    "uplink_totals": ("概况", "Overview"),
    "uplink_sets": ("各数据集", "By data set"),
    "uplink_sets_caption": ("各数据集的上报情况", "How each data set stands"),
    "uplink_set": ("数据集", "Data set"),
    "uplink_state": ("状态", "State"),
    "uplink_waiting": ("待送", "Waiting"),
    "uplink_failed": ("需处理", "Needs a person"),
    "uplink_lag": ("平均时滞", "Mean lag"),
    "uplink_lag_most": ("最长", "Longest"),
    "uplink_hours": ("{number} 小时", "{number} h"),
    "uplink_letters": ("记录明细", "Messages"),
    "uplink_letters_caption": ("上报记录及其应答", "Messages and their answers"),
    "uplink_all_failed": ("需处理的", "Those that need a person"),
    "uplink_record": ("记录", "Record"),
    "uplink_answer": ("应答与原因", "Answer and reasons"),
    "uplink_tries": ("尝试", "Tries"),
    "uplink_tried": ("最近一次", "Last tried"),
    "uplink_act": ("处理", "Act"),
    "uplink_retry_one": ("重送", "Send again"),
    "uplink_retry_filter": ("重送本次筛选的全部", "Send again all of this filter"),
    "uplink_retry_all": ("重送全部未成功的", "Send again all that failed"),
    "uplink_retried": ("已安排 {number} 条重送", "{number} will be sent again"),
    "uplink_none": ("没有符合条件的记录", "No such message"),
    "uplink_filter": ("筛选", "Filter"),
    "uplink_found": ("共 {number} 条", "{number} messages"),
    "uplink_filled": ("代填的字段", "Fields that were filled in"),
    "uplink_filled_lead": (
        "规范要求而记录未载明的字段，按代填政策（config/standard/fill.toml，本市可用 uplink_fill 另定）代填；"
        "补齐来源记录后不再代填。",
        "Fields that the standard asks for and records do not have are filled in by the policy "
        "(config/standard/fill.toml, or the city's own by uplink_fill); "
        "records that have them are sent as they are.",
    ),
    "uplink_field": ("字段", "Field"),
    "uplink_policy": ("代填政策", "Row of the policy"),
    "uplink_times": ("次数", "Times"),
    "uplink_placeholders": (
        "有 {number} 张代码表仍为占位（未取得原文），其取值只提示不退回；取得后用 ggzy standard tables load 载入。",
        "{number} code tables are still placeholders and only warn; load the real ones by ggzy standard tables load.",
    ),
    "uplink_reconcile": ("对账", "Reconciliation"),
    "uplink_reconcile_none": ("尚未对账", "Not yet reconciled"),
    "uplink_reconcile_caption": ("最近一次对账", "The last reconciliation"),
    "uplink_reconciled": ("{day} 对账", "Reconciled for {day}"),
    "uplink_sent": ("发送", "Sent"),
    "uplink_accepted": ("接收", "Accepted"),
    "uplink_refused": ("退回", "Refused"),
    "uplink_unanswered": ("无应答", "No answer"),
    "uplink_same": ("双方账目一致", "Both sides agree"),
    "uplink_not_compared": (
        "对方不提供清单，仅核对本方账目",
        "The receiver does not tell what it holds: our books only",
    ),
    "uplink_differences": ("差异", "Differences"),
    "uplink_ours": ("本方", "Ours"),
    "uplink_theirs": ("对方", "Theirs"),
    "uplink_unknown_here": ("本方没有", "Not known here"),
    "uplink_report_again": ("重新上报", "Report again"),
    "uplink_minutes": ("{number} 分钟", "{number} min"),
    "uplink_verdicts": ("上报结果", "Verdicts"),
    "uplink_verdicts_lead": (
        "市级枢纽把本中心的记录上报国家平台后，逐条回传结果。待改正的请改正来源记录，系统会自动重新上报。",
        "The hub tells what the national platform said of this centre's records. Correct a record that is held or "
        "rejected, and it is reported again by itself.",
    ),
    "uplink_verdicts_caption": ("本中心记录的上报结果", "What was said of this centre's records"),
    "uplink_verdicts_none": ("暂无上报结果", "No verdicts yet"),
    "uplink_reported": ("国家平台", "National platform"),
    "uplink_correct": ("去改正", "Correct it"),
    "uplink_filled_by": (
        "{field}：由代填政策“{row}”代填",
        "{field}: filled by policy row {row}",
    ),
    "uplink_filled_count": ("代填 {number} 项", "{number} filled in"),
    "uplink_any": ("全部", "All"),
    "uplink_version": ("第 {number} 版", "version {number}"),
    "uplink_at": ("时间", "When"),
}
