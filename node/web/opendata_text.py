"""Texts of the page of open data: key -> (Chinese, English); keys begin with `opendata_`."""

from __future__ import annotations

from typing import Final

from node.web.portal_text import Pair

TEXT: Final[dict[str, Pair]] = {
    "opendata_title": ("开放数据", "Open data"),
    "opendata_lead": (
        "本节点所持的全部社会公开数据均可整体下载，无须登录。"
        "每个文件的 SHA-256 写入本节点的签名日志，任何人可凭此核验下载的文件。",
        "Everything public that this node holds can be taken away whole, without log-in. The SHA-256 of each file is in"
        " this node's signed log, so that anyone can check what was downloaded.",
    ),
    "opendata_daily": ("每日数据包", "Daily dumps"),
    "opendata_daily_lead": (
        "每日一次；CSV 与 Excel 为交易信息表，JSONL 为各类公开记录的全文，OCDS 为开放缔约数据标准 1.1 版发布包。",
        "Once a day. CSV and Excel are the table of trades, JSONL has the whole text of every public record, OCDS is a"
        " release package of the Open Contracting Data Standard 1.1.",
    ),
    "opendata_day": ("日期", "Day"),
    "opendata_file": ("文件", "File"),
    "opendata_rows": ("条数", "Rows"),
    "opendata_size": ("字节", "Bytes"),
    "opendata_record": ("日志记录", "Record"),
    "opendata_see": ("查看并取回执", "See it, take a receipt"),
    "opendata_gone": ("已过保留期", "no longer kept"),
    "opendata_none": (
        "尚未生成。首份数据包由定时任务在一小时内生成；管理员也可用 ggzy export 立即导出。",
        "None yet. The first is made within an hour; the administrator can make one at once with ggzy export.",
    ),
    "opendata_feeds": ("订阅", "Feeds"),
    "opendata_feeds_lead": (
        "任何查询都可订阅：在网址的 /trades、/disclosures、/credit、/entities 之后加 .atom 或 .feed.json，参数不变。",
        "Any search can be followed: put .atom or .feed.json after /trades, /disclosures, /credit or /entities.",
    ),
    "opendata_all": ("按到达顺序的全部记录（接口）", "Every record in order of arrival (interface)"),
    "opendata_ocds": (
        "ocid 前缀为 {prefix}，其后为交易标识、项目编号或记录编号。每个发布都附有签名记录与回执的网址。",
        "The ocid prefix is {prefix}, followed by the trade's key, the project code or the record's id. Each release"
        " names the addresses of its signed record and receipt.",
    ),
}
