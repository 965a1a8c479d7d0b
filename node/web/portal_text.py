"""Every text of the public pages: key -> (Chinese, English). Names of record kinds, flags and errors live with them."""

from __future__ import annotations

from typing import Final

Pair = tuple[str, str]
"""(Chinese, English)."""

NAVIGATION: Final[tuple[tuple[str, Pair], ...]] = (
    ("/", ("首页", "Home")),
    ("/trades", ("交易信息", "Trades")),
    ("/credit", ("信用信息", "Credit")),
    ("/entities", ("市场主体", "Market parties")),
    ("/codes", ("代码表", "Code tables")),
    ("/status", ("节点状态", "Node status")),
    ("/verify-help", ("如何核验", "How to verify")),
)

ROLES: Final[dict[str, Pair]] = {
    "district": ("区县节点", "District node"),
    "hub": ("市级枢纽节点", "City hub node"),
    "national": ("国家级节点", "National node"),
    "supervision": ("监管部门节点", "Node of a supervising department"),
}

# What an exchange with a peer does, by `peer_state.direction`.
DIRECTIONS: Final[dict[str, Pair]] = {
    "push": ("报送", "Push"),
    "pull": ("拉取", "Pull"),
    "witness": ("独立见证", "Witness"),
}

# What a signature on a checkpoint says, by the use of its key (DESIGN L13).
STATEMENTS: Final[dict[str, Pair]] = {
    "log": ("日志签名：这些条目由该节点发布", "log: this node published these entries"),
    "witness": ("见证：所见日志只增不改", "witness: the log only grew, as far as it has seen"),
    "mirror": ("镜像：已持久保存全部条目头", "mirror: it has stored all entry headers durably"),
    "custody": ("保管：已保存内容", "custody: it has stored the contents"),
    "other": ("其他签名", "another signature"),
}

# The same in a word, for tables.
USES: Final[dict[str, Pair]] = {
    "log": ("日志签名", "log"),
    "witness": ("见证", "witness"),
    "mirror": ("镜像", "mirror"),
    "custody": ("保管", "custody"),
    "other": ("其他", "other"),
}

STATES: Final[dict[str, Pair]] = {
    "current": ("现行", "Current"),
    "superseded": ("已被新版本取代", "Superseded"),
    "withdrawn": ("已撤回", "Withdrawn"),
}

SECTION_STATES: Final[dict[str, Pair]] = {
    "held": ("本节点持有", "Held here"),
    "sealed": ("本节点仅存密文", "Held here as ciphertext only"),
    "missing": ("应有而未到（故障）", "Missing (a fault)"),
    "erased": ("已依法删除", "Erased by law"),
    "withheld": ("不对本节点公开", "Not for this node"),
}

CONTENTS: Final[dict[str, Pair]] = {
    "held": ("该记录的内容不向社会公开。", "The content of this record is not open to the public."),
    "withheld": (
        "发布者未向本节点开放该内容；本节点只保存其条目头与承诺值。",
        "Its publisher has not opened this content to this node, which holds only the header and the commitment.",
    ),
    "sealed": ("内容已密封，到期解封后可读。", "The content is sealed until it is opened."),
    "erased": (
        "该内容已依法删除：条目头与回执仍可核验，内容在各节点均不再保存。",
        "This content was erased by law: header and receipts still verify, and no node keeps the content.",
    ),
    "missing": (
        "内容尚未送达本节点，系统会继续索取；请稍后再看，或到来源节点查看。",
        "The content has not reached this node and is asked for again; come back later or see its origin.",
    ),
    "unreadable": (
        "本节点的软件无法读取该内容；原始字节完好，仍可下载与核验。",
        "This node's software cannot read the content; its bytes are intact and can be downloaded and verified.",
    ),
}

SECTIONS: Final[dict[str, Pair]] = {
    "main": ("主体", "Main"),
    "employment": ("任职单位", "Employment"),
    "identity": ("身份信息", "Identity"),
}

TEXT: Final[dict[str, Pair]] = {
    # shared
    "colon": ("：", ": "),
    "comma": ("、", ", "),
    "skip": ("跳到正文", "Skip to content"),
    "other_language": ("English", "中文"),
    "menu": ("主导航", "Main navigation"),
    "made_up": ("演示数据·虚构", "Demonstration data, made up"),
    "made_up_short": ("虚构", "Made up"),
    "footer_log": (
        "本页内容来自带签名、只增不改的日志，任何人均可下载并核验。",
        "What this page shows comes from signed logs that only grow; anyone can download and verify them.",
    ),
    "footer_made": ("页面生成时间", "Page made at"),
    "footer_zone": ("北京时间", "Beijing time"),
    "footer_software": ("软件版本", "Software version"),
    "none": ("暂无", "None"),
    "policy_stale": (
        "信任策略已过期：应有新版本，可能未送达或被扣留。本节点业务照常；请管理员核对并取得新版。",
        "The trust policy is stale: a newer one is due, and may be late or held back. Work goes on here; the"
        " administrator should ask for the new version.",
    ),
    "frozen_banner": (
        "本节点的日志已冻结，暂停签名，等待人工核查。已公布的记录不受影响。",
        "This node's log is frozen: nothing is signed until a person has looked. What was published is not affected.",
    ),
    # lists
    "search": ("查询", "Search"),
    "reset": ("清除条件", "Clear"),
    "words": ("关键词", "Words"),
    "all": ("全部", "All"),
    "found": ("共 {total} 条", "{total} found"),
    "found_more": ("超过 {total} 条", "more than {total} found"),
    "found_least": ("至少 {total} 条", "at least {total} found"),
    "cut": (
        "符合条件的记录可能更多：为保证速度，本次只查看了一部分。请增加词语或条件缩小范围。",
        "There may be more: to stay quick, only some of the records were looked at. Narrow the search.",
    ),
    "cut_at": (
        "符合条件的记录可能更多：为保证速度，本次只查看到 {day} 的记录。请增加词语或条件缩小范围。",
        "There may be more: to stay quick, records were looked at only back to {day}. Narrow the search.",
    ),
    "cut_on": ("继续查看更早的记录", "Look at earlier ones"),
    "page_of": ("第 {number} / {last} 页", "Page {number} of {last}"),
    "first": ("首页", "First"),
    "previous": ("上一页", "Previous"),
    "next": ("下一页", "Next"),
    "last": ("末页", "Last"),
    "pages": ("分页", "Pages"),
    "nothing": ("没有符合条件的记录。请放宽条件，或清除条件后重试。", "Nothing matches. Widen the search or clear it."),
    "nothing_yet": ("这里还没有记录。", "There are no records here yet."),
    "past_end": ("这一页没有记录。", "There is nothing on this page."),
    "download": ("下载本查询结果", "Download these results"),
    "download_note": ("Excel 最多 {limit} 行；CSV 与 JSON 不限。", "Excel at most {limit} rows; CSV and JSON all."),
    "correct": (
        "有条件不能识别，请修改后重新查询。",
        "Some of the search was not understood; correct it and search again.",
    ),
    "origin": ("发布节点", "Published by"),
    "kind": ("信息类型", "Kind"),
    "category": ("交易类别", "Category"),
    "division": ("行政区划", "Division"),
    "date": ("发布日期", "Date"),
    "newer_unread": ("有新版本，内容未到", "newer version not here yet"),
    # trades
    "trades": ("交易信息", "Trades"),
    "trades_caption": ("交易信息列表", "List of trades"),
    "trade_words_hint": ("标题、项目编号、单位名称或信用代码", "Title, code, company or credit code"),
    "division_hint": ("代码或名称，如 500103", "Code or name, such as 500103"),
    "from": ("发布日期起", "From date"),
    "to": ("发布日期止", "To date"),
    "min": ("金额下限（元）", "Lowest amount (yuan)"),
    "max": ("金额上限（元）", "Highest amount (yuan)"),
    "amount_hint": ("如 50万", "e.g. 500000"),
    "order": ("排序", "Order"),
    "title": ("标题", "Title"),
    "winner": ("中标（成交）人 / 第一候选人", "Winner / first candidate"),
    "amount": ("金额（元）", "Amount (yuan)"),
    "flags_short": ("注 {number}", "notes: {number}"),
    "flags_title": ("该记录有 {number} 项提示，见详情", "See the notes on the record ({number})"),
    # credit
    "credit": ("信用信息", "Credit"),
    "credit_caption": ("信用信息列表", "List of credit records"),
    "credit_words_hint": ("主体名称、信用代码、事由或文号", "Party, credit code, reason or document"),
    "sort": ("信用类型", "Sort"),
    "grade": ("等级 / 性质", "Grade"),
    "party": ("市场主体", "Market party"),
    "subject": ("资质 / 事由", "Qualification / reason"),
    "points": ("分值", "Points"),
    "authority": ("认定机关 / 来源", "Authority / source"),
    "starts_on": ("日期", "Date"),
    "until": ("至 {date}", "until {date}"),
    # entities and codes
    "entities": ("市场主体", "Market parties"),
    "entities_caption": ("市场主体列表", "List of market parties"),
    "entity_words_hint": ("名称或统一社会信用代码", "Name or credit code"),
    "name": ("名称", "Name"),
    "uscc": ("统一社会信用代码", "Credit code"),
    "registered_on": ("成立日期", "Registered on"),
    "codes": ("代码表", "Code tables"),
    "codes_caption": ("代码列表", "List of codes"),
    "code_table": ("代码表", "Table"),
    "code": ("代码", "Code"),
    "parent": ("上级代码", "Parent"),
    "code_words_hint": ("代码或名称", "Code or name"),
    # home
    "home_lead": (
        "工程建设、政府采购、土地使用权、矿业权和国有产权交易的公开信息与信用信息。",
        "Open information on construction, procurement, land, mining and state property, and on credit.",
    ),
    "home_search": ("查询交易信息", "Search the trades"),
    "figure_today": ("公告日期为今日", "Trades dated today"),
    "figure_arrived": ("今日入库（含新版本）", "Logged today, new versions too"),
    "figure_trades": ("交易记录", "Trade records"),
    "figure_credit": ("信用记录", "Credit records"),
    "figure_entities": ("市场主体", "Market parties"),
    "latest_results": ("最新成交结果", "Latest results"),
    "latest_notices": ("最新公告公示", "Latest notices"),
    "more": ("更多", "More"),
    "by_category": ("分类统计", "By category"),
    "federation": ("联网节点", "Federation"),
    "federation_caption": ("各节点日志的同步与签名情况", "How far each node's log is held and signed"),
    "federation_lead": (
        "每个节点把发布的记录写入自己签名的日志；其他节点保存副本并共同签名，任何改动都会被发现。",
        "Each node writes what it publishes into a log it signs; others keep copies and cosign: no change goes unseen.",
    ),
    "log_of": ("节点", "Node"),
    "entries": ("条目", "Entries"),
    "newest": ("最新一条", "Newest entry"),
    "signed_by": ("共同签名", "Cosigned by"),
    "own": ("本节点", "This node"),
    "not_cosigned": ("尚无其他节点共同签名", "not cosigned by any other node yet"),
    "cover_all": ("已签至最新", "up to the newest entry"),
    "cover_to": ("已签至第 {size} 条", "up to entry {size}"),
    "details": ("详情", "Details"),
    # record
    "record_id": ("记录编号", "Record id"),
    "version_n": ("第 {number} 版", "Version {number}"),
    "withdrawn_banner": (
        "该记录已被发布者撤回。内容保留以供查证，不再有效。",
        "Its publisher has withdrawn this record. What it said is kept for reference and no longer holds.",
    ),
    "superseded_banner": ("这是旧版本，已被新版本取代。", "This is an older version; a newer one has replaced it."),
    "see_newest": ("查看最新版本", "See the newest version"),
    "stated_reason": ("说明", "Reason given"),
    "elsewhere": (
        "另有节点发布了同一编号的记录；编号只在各自节点内有效，请注意区分：",
        "Other nodes use the same id for a record of theirs; an id belongs to its node, so tell them apart:",
    ),
    "content": ("内容", "Content"),
    "field": ("项目", "Field"),
    "value": ("内容", "Value"),
    "notes": ("提示", "Notes"),
    "notes_lead": (
        "以下各项按来源原样保留，读者请留意：",
        "These were kept as their source gave them; please take note:",
    ),
    "as_found": ("原文", "as found"),
    "source_link": ("查看来源公告", "See the source's own notice"),
    "source_id": ("来源编号", "The source's own id"),
    "history": ("版本与变更", "Versions and changes"),
    "history_lead": (
        "每次变更都是一条新的已签名记录，旧版本不会被覆盖。",
        "Each change is a new signed entry; no version is ever overwritten.",
    ),
    "history_cut": ("共 {total} 版，此处显示最新 {shown} 版。", "{total} versions; the newest {shown} are shown."),
    "version": ("版本", "Version"),
    "claimed": ("登记时间", "Logged at"),
    "state": ("状态", "State"),
    "changes": ("与上一版本的不同", "What changed"),
    "first_version": ("首次发布", "First version"),
    "no_changes": ("公开内容无变化", "No change in what is public"),
    "changes_unknown": ("内容不可比较", "Contents cannot be compared"),
    "was": ("原", "was"),
    "now": ("现", "now"),
    "sections": ("内容范围与公开层级", "Sections and audiences"),
    "sections_caption": ("该版本的各部分", "Sections of this version"),
    "section": ("部分", "Section"),
    "audience": ("公开层级", "Audience"),
    "here": ("本节点", "On this node"),
    "sealed_mark": ("密封", "Sealed"),
    "proof": ("回执与核验", "Receipt and verification"),
    "proof_lead": (
        "回执是一个小文件，可离线核验，不必信任本网站。",
        "The receipt is a small file that can be verified offline, without trusting this site.",
    ),
    "proves": ("回执能证明", "What the receipt proves"),
    "proves_1": (
        "该记录（条目头）确由所示节点发布，并已写入其日志的第 {index} 号位置；",
        "the named node published this record (its header) and wrote it into its log at index {index};",
    ),
    "proves_2": (
        "下列各方签名的日志头包含该记录，此后若被删改即可发现；",
        "the signers below have signed a head of the log that holds it, so that removing or changing it would show;",
    ),
    "proves_3": (
        "您手中的内容与发布时逐字节一致（内容与承诺值相符）。",
        "the content in your hands is, byte for byte, what was published (it matches the commitment).",
    ),
    "proves_not": ("回执不能证明", "What it does not prove"),
    "proves_not_1": ("内容本身真实、合法；", "that what the record says is true or lawful;"),
    "proves_not_2": ("该记录之后没有新版本或被撤回；", "that no later version or withdrawal exists;"),
    "proves_not_3": (
        "发布时间准确：时间由发布者声明，先后以日志序号为准。",
        "the exact time: it is the publisher's own claim; order is the log index.",
    ),
    "signers": ("已对包含该记录的日志头签名", "Signed heads that hold this record"),
    "signer": ("签名方", "Signer"),
    "statement": ("含义", "What it says"),
    "signed_at": ("签名时间", "Signed at"),
    "at_size": ("日志长度", "Log size"),
    "not_signed": (
        "尚无签名覆盖该记录；通常数秒后即有，请稍后刷新。",
        "No signature covers this record yet; one usually comes within seconds.",
    ),
    "only_own": (
        "目前只有发布节点自己的签名；经上级节点共同签名后，回执才足以防止发布节点事后改写。",
        "Only its publisher has signed so far; a receipt guards against the publisher itself once others cosign.",
    ),
    "get_receipt": ("下载回执", "Download the receipt"),
    "get_entry": ("下载原始条目", "Download the raw entry"),
    "get_payload": ("下载内容（供核验）", "Download the content (for verifying)"),
    "get_json": ("JSON 格式", "As JSON"),
    "how_to": ("如何核验", "How to verify"),
    "technical": ("技术数据", "Technical data"),
    "log_name": ("日志名称", "Log"),
    "log_index": ("日志序号", "Log index"),
    "leaf_hash": ("叶子哈希", "Leaf hash"),
    "prev_leaf": ("上一版本叶子哈希", "Leaf hash of the version before"),
    "commitment": ("内容承诺值", "Commitment to the content"),
    "schema": ("类型与结构版本", "Kind and schema"),
    # status
    "status": ("节点状态", "Node status"),
    "node": ("本节点", "This node"),
    "node_name": ("节点名称", "Node"),
    "tier": ("层级", "Tier"),
    "policy": ("信任策略版本", "Trust policy version"),
    "no_policy": ("尚未导入", "none yet"),
    "logs": ("日志", "Logs"),
    "logs_caption": ("本节点持有的全部日志", "Every log this node holds"),
    "stored": ("已存条目", "Stored"),
    "head": ("日志头", "Head"),
    "witnessed": ("已见证", "Witnessed"),
    "payload_next": ("内容已核至", "Contents up to"),
    "missing": ("缺失内容", "Missing"),
    "quarantined": ("隔离", "Quarantined"),
    "evidence": ("冲突证据", "Evidence"),
    "alarms": ("告警", "Alarms"),
    "alarm": ("告警", "Alarm"),
    "alarm_since": ("自", "Since"),
    "alarms_none": ("没有告警：本节点所见各日志前后一致。", "None: what this node sees of every log agrees."),
    "alarms_lead": (
        "告警会在情况消除后自行结束；已证实的分叉须由人确认（ggzy alarms）。证据文件可交任何人用 ggzy verify 核验。",
        "Alarms end by themselves; a proven fork must be acknowledged (ggzy alarms). Anybody can check a file of "
        "evidence with ggzy verify.",
    ),
    "alarms_caption": ("当前告警、所涉日志、起始时间与证据", "Alarms, the log, since when, and the evidence"),
    "health": ("状况", "Health"),
    "healthy": ("正常", "Good"),
    "frozen": ("已冻结", "Frozen"),
    "faulty": ("有待处理", "Needs attention"),
    "peers": ("与其他节点的交换", "Exchange with other nodes"),
    "peers_caption": ("每个节点、每份日志的交换情况", "Each log at each peer"),
    "whose_log": ("所交换的日志", "Log of"),
    "peer": ("对方节点", "Peer"),
    "direction": ("方向", "Direction"),
    "lag": ("滞后条目", "Behind by"),
    "in_step": ("无滞后", "Nothing"),
    "unknown_failed": ("未知（上级不可达）", "Unknown (the node above cannot be reached)"),
    "unknown_quiet": ("未知（久未联系上）", "Unknown (not heard from for a while)"),
    "above_witnessed": ("上级已见证 {size}", "witnessed above: {size}"),
    "above_mirrored": ("上级已镜像 {size}", "mirrored above: {size}"),
    "above_payloads": ("上级已核至 {size}", "above: up to {size}"),
    "above_none": ("上级尚未确认", "not confirmed above yet"),
    "brackets": ("（{text}）", " ({text})"),
    "last_ok": ("最近成功", "Last success"),
    "last_error": ("最近错误与处理办法", "Last error and what to do"),
    "failures": ("连续失败 {number} 次", "failed {number} times in a row"),
    "no_peers": ("尚未与其他节点交换。", "No exchange with another node yet."),
    "quarantine": ("隔离的条目", "Entries in quarantine"),
    "quarantine_lead": (
        "以下条目已原样保存，但不能作为记录展示；不影响其后的条目。",
        "These entries are stored as they came but cannot be shown as records; nothing behind them is held up.",
    ),
    "quarantine_caption": ("隔离的条目与原因", "Entries in quarantine and why"),
    "quarantine_none": ("没有隔离的条目。", "No entry is in quarantine."),
    "quarantine_cut": ("仅显示前 {limit} 条。", "Only the first {limit} are shown."),
    "reason": ("原因与处理", "Why, and what to do"),
    # downloads
    "about": ("说明", "About"),
    "about_node": ("数据节点", "Node"),
    "about_made": ("生成时间（北京时间）", "Made at (Beijing time)"),
    "about_rows": ("行数", "Rows"),
    "about_of": ("查询结果共 {total} 条", "of {total} found"),
    "about_more": ("查询结果超过 {total} 条", "of more than {total} found"),
    "about_query": ("查询条件", "Search"),
    # errors
    "error_code": ("错误代码", "Error code"),
    "error_home": ("返回首页", "Go to the home page"),
    "error_search": ("查询交易信息", "Search the trades"),
    "error_verify": ("如何核验", "How to verify"),
}
