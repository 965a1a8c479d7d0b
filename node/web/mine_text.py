"""Texts of a party's own pages and of identities seen: key -> (Chinese, English); keys begin with `mine_`."""

from __future__ import annotations

from typing import Final

from node.web.portal_text import Pair

TEXT: Final[dict[str, Pair]] = {
    "mine_name": ("我的交易", "My trades"),
    "mine_menu": ("我的交易导航", "My trades"),
    "mine_public": ("公开页面", "Public pages"),
    "mine_open": ("在“我的交易”中打开", "Open in My trades"),
    "mine_footer": (
        "交易和信用信息来自带签名、只增不改的日志；投标回执和保证金是受理中心的工作数据，不对外公开。",
        "Trades and credit come from signed logs that only grow; receipts of bids and deposits are working data of the"
        " centre that took them and are not public.",
    ),
    # who
    "mine_who": ("单位与账号", "Organisation and account"),
    "mine_account": ("账号", "Account"),
    "mine_org": ("单位", "Organisation"),
    "mine_code": ("统一社会信用代码", "Unified social credit code"),
    "mine_pool_number": ("专家库编号", "Number in the pool"),
    "mine_identity": ("主体身份", "Identity"),
    "mine_proven": ("已核验", "Seen"),
    "mine_unproven": ("未核验", "Not seen yet"),
    "mine_proven_by": ("由{centre}于 {when} 核验证件", "papers seen by {centre} on {when}"),
    "mine_unproven_note": (
        "以上信息为注册时自行填写，尚无交易中心核对过证件。注册、投标、查看公开信息均不受影响；"
        "但本单位的保证金、他人代为登记的投标回执等非公开信息，须核验后才显示。",
        "This is what was stated at registration; no centre has seen papers of it. Registering, bidding and reading"
        " what is public need no such thing; but what is not public of an organisation, such as its deposits and bids"
        " that a clerk took in, is shown only afterwards.",
    ),
    "mine_unproven_how": (
        "持营业执照（专家持聘书）和数字证书到任一交易中心受理窗口，一次核验，各中心通用。",
        "Take the business licence (experts: the letter of appointment) and the certificate to the counter of any"
        " centre: seen once, it is good at all of them.",
    ),
    "mine_no_code": (
        "您的账号没有填写代码，无法查找与您有关的交易。",
        "Your account has no code, so trades that concern you cannot be found.",
    ),
    # what is owed
    "mine_dues": ("应办事项", "What is owed"),
    "mine_dues_lead": (
        "本单位作为项目单位或代理机构的交易中，依法应办而未办的事项。",
        "Acts owed by law in trades whose owner or agency you are.",
    ),
    "mine_dues_public": (
        "仅列公开义务；身份核验后列出全部。",
        "Disclosures alone; all of them once identity was seen.",
    ),
    "mine_dues_none": ("没有应办事项。", "Nothing is owed."),
    "mine_due_act": ("事项", "Act"),
    "mine_due_until": ("截止", "Until"),
    "mine_due_trade": ("交易", "Trade"),
    # trades
    "mine_trades": ("与我有关的交易", "Trades that concern me"),
    "mine_trades_lead": (
        "各交易中心的交易，以各中心签名日志为准；列出公开信息中载明本代码的交易，以及已开标的本单位投标。",
        "Trades of all centres, from their signed logs: those whose public acts name your code, and your bids once"
        " bidding has ended.",
    ),
    "mine_trades_none": ("还没有载明本代码的交易。", "No trade names your code yet."),
    "mine_trades_more": (
        "仅列最近的部分；更早的请用公开检索。",
        "The newest alone; search the public pages for older ones.",
    ),
    "mine_trade": ("交易", "Trade"),
    "mine_part": ("作为", "As"),
    "mine_stage": ("阶段", "Stage"),
    "mine_centre": ("交易中心", "Centre"),
    "mine_here": ("本中心", "here"),
    "mine_last": ("最近环节", "Last act"),
    "mine_not_public": ("尚未公开", "not disclosed yet"),
    "mine_search": ("检索公开信息", "Search the public pages"),
    "mine_find_open": ("查找可投标的项目", "Find trades to bid in"),
    "mine_bids_count": ("本中心有您的投标回执 {number} 份", "{number} receipts of yours at this centre"),
    # one trade
    "mine_page_public": ("公开页面", "Its public page"),
    "mine_lots": ("标段进展", "Where its lots stand"),
    "mine_named": ("载明本代码的环节", "Acts that name your code"),
    "mine_disclosed": ("已公开的环节与凭证", "Disclosures and their receipts"),
    "mine_receipt_log": ("日志凭证", "Log receipt"),
    "mine_receipt_log_hint": (
        "日志凭证可离线核验：ggzy verify 文件 --policy 信任策略。",
        "Verify a log receipt offline: ggzy verify FILE --policy FILE.",
    ),
    # bids
    "mine_bids": ("投标与回执", "Bids and receipts"),
    "mine_bids_lead": (
        "截止时间之前，只有递交的账号（及核验为该单位的账号）能看到这里的内容，交易中心的页面也不显示名单和家数。",
        "Before the deadline only the account that handed in, and one shown to be that organisation's, sees this; the"
        " centre's own pages show neither names nor numbers.",
    ),
    "mine_bids_none": ("本中心没有您的投标回执。", "No receipts of yours at this centre."),
    "mine_bids_unproven": (
        "窗口代为登记的投标回执，须核验主体身份后才显示。",
        "Bids that a clerk took in are shown once your identity was seen.",
    ),
    "mine_bid_lot": ("标段", "Lot"),
    "mine_bid_sort": ("类型", "Sort"),
    "mine_bid_time": ("接收时间", "Received"),
    "mine_bid_state": ("状态", "State"),
    "mine_bid_file": ("文件摘要", "Hash of the file"),
    "mine_bid_note": ("下载回执", "Download the receipt"),
    "mine_bid_note_back": ("下载撤回回执", "Download the receipt of withdrawal"),
    "mine_bid_note_hint": (
        "回执由本节点签名，可离线核验：ggzy verify 回执 --policy 信任策略。",
        "Receipts bear this node's signature; verify them offline: ggzy verify RECEIPT --policy FILE.",
    ),
    "mine_hand_in": ("递交投标", "Hand in a bid"),
    "mine_hand_in_lead": (
        "须先用投标工具加密（CMS 数字信封、国密数字信封或 age）。本节点核对加密格式，计算摘要并签发回执，"
        "不保存文件本身：请妥善保管原文件，开标时按回执上的摘要核对。时间以本节点收完文件的时刻为准。",
        "Encrypt it first (CMS enveloped data, its SM2 sibling, or age). This node looks at the form of encryption,"
        " hashes the file and signs a receipt; it does not keep the file. Keep the original: at the opening it is"
        " held against the hash. What counts is the moment at which all of the file had come.",
    ),
    "mine_hand_in_as": ("以 {name}（{code}）的名义递交", "Handed in as {name} ({code})"),
    "mine_hand_in_do": ("递交并领取回执", "Hand in, get the receipt"),
    "mine_bid_choose": ("已加密的投标文件", "The encrypted file"),
    "mine_bid_choose_hint": ("不超过 {most}", "At most {most}"),
    "mine_bid_until": ("标段 {lot}：{when} 截止", "lot {lot}: until {when}"),
    "mine_bid_replaces": ("替换先前递交的", "In place of"),
    "mine_bid_replaces_none": ("不替换", "nothing"),
    "mine_bid_handed": ("已接收，回执如下。请下载并妥善保存。", "Received; here is its receipt. Download and keep it."),
    "mine_bid_back": ("已撤回，撤回回执可在下方下载。", "Taken back; its receipt is below."),
    "mine_bid_unseen": ("账号 {account} 自行递交，身份未核验", "handed in by {account}, identity not seen"),
    "mine_bid_withdraw": ("撤回", "Take back"),
    "mine_bid_closed": (
        "本交易现在不接收投标：尚未公告截止时间、已过截止时间，或已暂停、结束。",
        "Nothing may be handed in now: no deadline is announced, it has passed, or the trade is suspended or ended.",
    ),
    "mine_bid_elsewhere": (
        "该交易属于{centre}，投标请在该中心递交；回执和保证金也保存在该中心。",
        "This trade is {centre}'s: hand bids in there; receipts and deposits lie there too.",
    ),
    "mine_elsewhere": ("其他交易中心", "Other centres"),
    "mine_elsewhere_lead": (
        "投标回执和保证金只保存在受理的中心，不随日志同步。用同一账号登录即可查看：",
        "Receipts of bids and deposits lie at the centre that took them and do not travel. Log in there with"
        " this account:",
    ),
    # deposits
    "mine_deposits": ("保证金", "Deposits"),
    "mine_deposits_none": ("本中心没有登记您的保证金。", "This centre has no deposits of yours."),
    "mine_deposits_unproven": (
        "保证金属于本单位的非公开信息，核验主体身份后显示。",
        "Deposits are not public: they are shown once your identity was seen.",
    ),
    "mine_deposit_form": ("形式", "Form"),
    "mine_deposit_amount": ("金额", "Sum"),
    "mine_deposit_paid": ("缴纳时间", "Paid"),
    "mine_deposit_due": ("应退还", "To be returned"),
    "mine_deposit_interest": ("利息 {sum}", "interest {sum}"),
    "mine_deposit_until": ("保函至 {day}", "letter until {day}"),
    # credit
    "mine_credit": ("信用记录", "Credit records"),
    "mine_credit_lead": (
        "载明代码 {code} 的公开信用记录，与公开页面所列相同。有异议或已修复的，请向该记录的认定单位提出，"
        "由其更正或撤回；更正和撤回随日志显示。",
        "Public credit records that bear the code {code}, as the public pages list them. Objections and repairs go to"
        " the authority that made the record; its correction or withdrawal is shown as soon as it is in the log.",
    ),
    "mine_credit_none": ("没有载明该代码的信用记录。", "No credit record bears this code."),
    "mine_credit_members": (
        "会员单位的信用记录均为公开信息，请按单位名称或代码检索。",
        "Credit records of members are public: search for them by name or code.",
    ),
    # experts
    "mine_expert": ("专家库中的记录", "Your record in the pool"),
    "mine_expert_none": ("本节点没有该编号的专家记录。", "This node has no record of that number."),
    "mine_expert_classes": ("评标专业", "Classes"),
    "mine_expert_division": ("地区", "Place"),
    "mine_expert_standing": ("状态", "Standing"),
    "mine_expert_trades": (
        "只列出评标委员会名单依法公开之后的交易。",
        "Trades are listed only after the names of their committee were disclosed.",
    ),
    # the console's page
    "mine_bindings": ("核验主体身份", "Identities"),
    "mine_bindings_lead": (
        "交易主体注册时填写的单位和代码是其自述。核对证件原件后在此记录，该主体即可在各中心查看本单位的非公开信息。"
        "这不是准入审批：未核验不影响注册、投标和查看公开信息，任何办理环节都不得以此为前提。",
        "What a party says of itself at registration is its own word. Once you have seen the papers, note it here: then"
        " the party sees what is its own at every centre. This is no admission: without it a party registers, bids and"
        " reads what is public, and no act may ask for it.",
    ),
    "mine_binding_look": ("查找账号", "Find the account"),
    "mine_binding_account_hint": ("完整账号，如 zhangsan@500103", "In full, such as zhangsan@500103"),
    "mine_binding_states": ("账号自述", "What the account states"),
    "mine_binding_name": ("证件上的名称", "Name on the papers"),
    "mine_binding_seen": ("已核对的证件", "Papers seen"),
    "mine_binding_do": ("证件与自述一致，记录核验", "The papers agree: note it"),
    "mine_binding_warn": (
        "代码或名称与证件不一致的，不要记录；请主体以正确信息重新注册。",
        "If code or name differ from the papers, note nothing: the party registers anew with what is right.",
    ),
    "mine_binding_already": (
        "该账号已由{centre}于 {when} 核验，无需重复。",
        "Seen already by {centre} on {when}; nothing to do.",
    ),
    "mine_binding_list": ("本中心的核验记录", "What was seen here"),
    "mine_binding_list_none": ("还没有核验记录。", "Nothing yet."),
    "mine_binding_clerk": ("经办", "By"),
    "mine_binding_at": ("时间", "When"),
    "mine_binding_revoked": ("已撤销", "Revoked"),
    "mine_binding_revoke": ("撤销", "Revoke"),
    "mine_binding_reason": ("撤销原因", "Reason"),
    "mine_binding_noted": ("已记录，随日志送达各中心。", "Noted; it reaches every centre with the log."),
    "mine_binding_gone": ("已撤销。", "Revoked."),
}
