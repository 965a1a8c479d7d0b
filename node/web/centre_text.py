"""Texts of pages on a centre's services, fees, sites and files: key -> (Chinese, English)."""

from __future__ import annotations

from typing import Final

from node.web.portal_text import Pair

TEXT: Final[dict[str, Pair]] = {
    # services (R24)
    "service_title": ("服务时限", "Service promises"),
    "service_lead": (
        "每项服务申请从收到到办结的用时，对照服务清单的承诺。登记、信息发布、场地安排、保证金退还由系统自动计时，其余在此登记。",
        "How long each request took, against what the service list promises. Registration, publication, rooms and"
        " refunds are timed by what happens; others are noted here.",
    ),
    "service_public": ("公开的服务清单", "The public service list"),
    "service_kept": ("各项服务（近一年）", "Each service, over the last year"),
    "service_name": ("服务", "Service"),
    "service_post": ("责任岗位", "Post"),
    "service_promise": ("承诺时限", "Promise"),
    "service_open": ("未办结", "Open"),
    "service_late": ("已超时", "Late"),
    "service_done": ("已办结", "Done"),
    "service_in_time": ("按时办结率", "Kept"),
    "service_requests": ("服务申请", "Requests"),
    "service_what": ("申请事项", "What was asked"),
    "service_asked": ("申请时间", "Asked"),
    "service_asked_hint": ("留空就是现在", "left open it is now"),
    "service_until": ("应于 {when} 前办结", "due by {when}"),
    "service_used": ("用时", "Took"),
    "service_no_promise": ("无承诺时限", "nothing promised"),
    "service_was_late": ("超时办结", "done late"),
    "service_was_kept": ("按时办结", "in time"),
    "service_note": ("办理情况或撤销原因", "What was done, or why not"),
    "service_mark_done": ("办结", "Done"),
    "service_mark_dropped": ("撤销", "Take back"),
    "service_by_itself": ("随业务办理自动办结", "ends with the work itself"),
    "service_none": ("没有符合条件的申请。", "There are no such requests."),
    "service_add": ("登记一项申请", "Note a request"),
    "service_add_lead": (
        "当面、电话或来函提出的申请在此登记；承诺时限按收到时的服务清单固定下来。",
        "What was asked at the counter, by telephone or by letter; the promise is that of the list on that day.",
    ),
    "service_asker": ("申请单位", "Who asks"),
    "service_asker_hint": ("只写单位名称，不写个人信息", "an organisation's name; nothing about persons"),
    "service_list": ("服务清单", "Service list"),
    "service_list_lead": (
        "本中心提供的服务、责任岗位、承诺时限，以及近一年的兑现情况。标“待核实”的时限尚无公布的依据。",
        "What this centre does for its users, who is responsible, within which time, and how that was kept over the"
        " last year. A time marked as unverified rests on no published text yet.",
    ),
    "service_rules": ("规则与服务清单的各版本", "Rules, and the versions of the list"),
    "service_today": ("服务申请", "Requests for services"),
    "service_today_all": ("全部服务申请", "All requests"),
    # fees (R27)
    "fees_title": ("收费统计", "What was charged"),
    "fees_lead": (
        "按缴费方、类别和月份汇总，只含按公布标准计收的费用：标准之外的项目系统不收。不列缴费单位名称。",
        "By payer, category and month. Only what the published tariff asks for: nothing else can be charged. No payer"
        " is named.",
    ),
    "fees_since": ("起始月份", "From month"),
    "fees_until": ("截止月份", "To month"),
    "fees_month": ("月份", "Month"),
    "fees_payer": ("缴费方", "Payer"),
    "fees_receipts": ("笔数", "Receipts"),
    "fees_receipts_n": ("{number} 笔", "{number} receipts"),
    "fees_back": ("返回收费", "Back to charges"),
    "fees_total": ("应收（元）", "Charged (yuan)"),
    "fees_paid": ("已收（元）", "Paid (yuan)"),
    "fees_deals": ("成交额（元）", "Deals (yuan)"),
    "fees_share": ("占成交额", "Of the deals"),
    "fees_change": ("较上一有收费的月份", "Against the month before"),
    "fees_trend": ("逐月趋势", "Month by month"),
    "fees_by_payer": ("按缴费方", "By payer"),
    "fees_by_category": ("按类别", "By category"),
    "fees_detail": ("明细", "In detail"),
    "fees_whole": ("合计", "All"),
    "fees_none": ("该期间没有收费。", "Nothing was charged in that time."),
    "fees_tariff": ("公布的收费标准", "The published tariff"),
    "fees_amounts": ("各档金额、依据与历次版本", "The amounts, their basis and all versions"),
    "fees_unverified": (
        "标“待核实”的标准不收费。",
        "A row that is not verified charges nothing.",
    ),
    # sites (R63)
    "site_title": ("场所与人员", "Sites and staff"),
    "site_lead": (
        "工作人员归属的场所，以及各场所承办的交易。有场所的人员登记的交易先归其场所，场地岗或受理岗可以改。",
        "Where people of this centre work, and which trades are held there. A trade is first held where its clerk"
        " works; the posts of venues and acceptance may change that.",
    ),
    "site_name": ("场所", "Site"),
    "site_staff": ("人员", "Staff"),
    "site_running": ("进行中的交易", "Running trades"),
    "site_trades": ("全部交易", "All trades"),
    "site_none": ("未分配", "None"),
    "site_mine_is": ("我的场所：{name}", "My site: {name}"),
    "site_only_mine": ("只看我的场所", "Only my site"),
    "site_everywhere": ("看全部场所", "All sites"),
    "site_of_trade": ("承办场所", "Held at"),
    "site_save": ("保存", "Save"),
    "site_bind": ("人员归属", "Who works where"),
    "site_admin_only": ("由管理员调整。", "The administrator changes it."),
    "site_no_venues": ("还没有场所，请先在“场地安排”添加。", "There is no site yet: add one under Venues."),
    # agencies (R58)
    "agency_title": ("代理机构集中度", "Agencies"),
    "agency_lead": (
        "代理机构由项目单位自行选择，中心不得指定。按各中心、各类别统计已公开的交易，依 95% 置信下限排序；"
        "至少 {trades} 宗且下限达到 {share} 的标出，供核查，不等于违规。",
        "The owner chooses the agency; a centre may not. Of disclosed trades, by centre and category, ranked by"
        " the lower bound of 95 %. From {trades} trades and {share} on an agency is marked: worth a look, no proof.",
    ),
    "agency_name": ("代理机构", "Agency"),
    "agency_centre": ("中心", "Centre"),
    "agency_share": ("占比", "Share"),
    "agency_flag": ("集中", "concentrated"),
    "agency_none": ("还没有载明代理机构的交易。", "No trade names an agency yet."),
    "agency_fees": (
        "各中心的收费统计在其公开页面 /fees，可下载 CSV。",
        "What each centre charged is on its public page /fees, also as CSV.",
    ),
    # files (retention)
    "kept_title": ("档案", "Files"),
    "kept_lead": (
        "已归档交易的档案保存期限。日志从不删除；这里说的是纸质材料和附件何时可以按规定处置，系统不会自动处置任何内容。",
        "Until when files of archived trades are kept. The log never deletes anything; this is about paper and"
        " attachments, and the node disposes of nothing by itself.",
    ),
    "kept_waiting": ("待归档", "To be archived"),
    "kept_waiting_none": ("没有可以归档的交易。", "No trade can be archived now."),
    "kept_shelf": ("已归档", "Archived"),
    "kept_file": ("档案", "File"),
    "kept_file_no": ("档案号", "File number"),
    "kept_until": ("保存至", "Kept until"),
    "kept_least": ("规定至少", "At least until"),
    "kept_dispose": ("可处置日期", "May be disposed of from"),
    "kept_over": ("期满，可按程序处置", "over: may be disposed of, as the rules say"),
    "kept_files": ("附件 {number} 个", "{number} attachments"),
    "kept_none": ("没有已归档的交易。", "Nothing is archived."),
    "kept_since": ("归档日 {day}", "archived on {day}"),
}
