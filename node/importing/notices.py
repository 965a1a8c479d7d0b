"""Notice rows: procurement as a bid search lists it, the national platform, land supply results, mining rights."""

from __future__ import annotations

from node.domain import divisions
from node.domain.record import Draft, Party
from node.domain.trades import TradeNotice
from node.errors import Rejected
from node.importing.facts import LEAST_YUAN, Context, Facts, Form, compose
from node.importing.rows import Row

_AWARD_STAGES = frozenset({"中标", "成交", "合同", "结果变更", "中标公告", "交易结果公示", "采购合同"})


def _winners(facts: Facts, text: str, column: str, stage: str, uscc_column: str = "") -> list[Party]:
    winners = facts.winners(text, column, uscc_column)
    if not winners and stage in _AWARD_STAGES:
        facts.flag(column, "winner-missing")
    return winners


def procurement(row: Row, context: Context) -> Draft:
    """A procurement notice as a bid search lists it: no project code, no address, amounts as bare numbers of yuan."""
    facts = Facts(row, context)
    title = facts.need("标题", "title", "project_name")
    number = facts.text("record_id")
    if not number:  # a list by project: each stage of it is a notice
        number = compose(facts.need("项目编号", "project_code"), facts.text("stage"))
    places = [facts.text(column) for column in ("region_name", "city", "district")]
    division = divisions.find(*places)
    if not division and any(places):
        facts.flag("region_name", "division-unknown", places[0])
    if places[1].startswith(places[0]):
        places[0] = ""
    stage = facts.text("stage") or "公告"
    winner = facts.text("winner_name")
    winners = _winners(facts, winner, "winner_name", stage, "winner_uscc")
    details = facts.details("industry", "buyer_class", "site")
    if len(winners) > 1:
        details["winner_name"] = winner
    published = facts.day("publish_time")
    body = TradeNotice(
        category=facts.category("政府采购"),
        stage=stage,
        title=title,
        project_code=facts.text("project_code"),
        project_name=facts.text("project_name"),
        division=division,
        division_name="".join(places),
        owner=facts.party("buyer_name", "buyer_uscc"),
        agency=facts.party("agency_name", "agency_uscc"),
        published_on=published,
        details=details,
        amount=facts.amount("budget", least=LEAST_YUAN),
        award=facts.amount("award_amount", least=LEAST_YUAN),
        winners=winners,
        opens_at=facts.moment("open_time"),
    )
    return facts.draft("trade.notice", number, body, facts.origin(id=number), as_of=published)


_NATIONAL = {
    "winner": ("中标（成交）供应商名称", "中标(成交)供应商名称"),
    "award": ("合同金额",),
    "deposit": ("投标保证金金额",),
    "limit": ("控制价（最高限价）", "控制价(最高限价)"),
}


def national(row: Row, context: Context) -> Draft:
    """A notice of www.ggzy.gov.cn: all categories; `fields` holds the notice's own table."""
    facts = Facts(row, context)
    number = facts.need("记录编号", "record_id")
    title = facts.need("标题", "title")
    table = row.values.get("fields") or {}
    if not isinstance(table, dict) or not all(isinstance(value, str) for value in table.values()):
        raise Rejected("fields is no map of texts", field="fields", zh="fields 应为名称与内容的对照")
    stage = facts.text("stage") or "公告"

    def own(what: str) -> str:
        return next((table[name] for name in _NATIONAL[what] if table.get(name)), "")

    amount = facts.amount("budget_raw", unit="")
    if amount is None:
        amount = facts.sum_of(own("limit"), "fields.控制价", unit="")
    region = facts.text("region_name")
    published = facts.day("publish_date")
    body = TradeNotice(
        category=facts.category("其他"),
        stage=stage,
        title=title,
        project_code=facts.text("project_code"),
        division=facts.division("region_code", region),
        division_name=region,
        owner=facts.party("buyer_name", "buyer_uscc"),
        agency=facts.party("agency_name", "agency_uscc"),
        published_on=published,
        details=facts.details("platform", "publish_date") | {name: text for name, text in table.items() if text},
        amount=amount,
        deposit=facts.sum_of(own("deposit"), "fields.投标保证金金额", unit=""),
        award=facts.sum_of(own("award"), "fields.合同金额", unit=""),
        winners=_winners(facts, own("winner"), "fields.中标（成交）供应商名称", stage),
    )
    return facts.draft("trade.notice", number, body, facts.origin(id=number), as_of=published)


_LAND_DETAILS = (
    "面积(公顷)",
    "土地来源",
    "土地用途",
    "土地使用年限",
    "行业分类",
    "土地级别",
    "约定交地时间",
    "约定开工时间",
    "约定竣工时间",
    "批准单位",
    "合同签订日期",
    "容积率上限",
    "容积率下限",
)


def land(row: Row, context: Context) -> Draft:
    """供地结果 of landchina.com, in the site's own columns; the supervision number is the identity."""
    facts = Facts(row, context, source="landchina")
    number = facts.need("电子监管号", "电子监管号")
    method = facts.text("供地方式")
    name = facts.text("项目名称") or facts.need("项目名称或位置", "项目名称", "项目位置")
    place = facts.text("所在地")
    signed = facts.day("合同签订日期")
    holder = facts.text("土地使用权人")
    winners = facts.winners(holder, "土地使用权人")
    if not winners:
        facts.flag("土地使用权人", "winner-missing")
    body = TradeNotice(
        category=facts.category("土地使用权"),
        stage="供地结果",
        title=f"{name}：{facts.text('土地用途')}{method}",
        project_code=number,
        project_name=facts.text("项目名称"),
        division=facts.division("region_code", place),
        division_name="" if place.isdigit() else place,
        location=facts.text("项目位置"),
        details={"供地方式": method, **facts.details(*_LAND_DETAILS)} if method else facts.details(*_LAND_DETAILS),
        award=facts.amount("成交价格(万元)", "万元"),
        winners=winners,
    )
    return facts.draft("trade.notice", number, body, facts.origin(id=number), as_of=signed)


def mining(row: Row, context: Context) -> Draft:
    """采矿权 / 探矿权出让公告; sums in 万元."""
    facts = Facts(row, context, source="mining")
    notice = facts.need("公告文号", "notice_no")
    title = facts.need("项目名称", "project_name")
    serial = facts.text("seq")
    right = facts.text("right_type")
    code = facts.text("district_code")
    published = facts.day("publish_date")
    body = TradeNotice(
        category=facts.category("矿业权"),
        stage=f"{right}{facts.text('method')}公告",
        title=title,
        project_code=notice,
        section_code=serial,
        project_name=title,
        division=facts.division("district_code", ""),
        division_name=divisions.name_of(code),
        location=facts.text("location"),
        owner=facts.party("transferor", "transferor_uscc"),
        published_on=published,
        details=facts.details("right_type", "mineral", "area_km2", "scale", "term_years", "method", "platform"),
        amount=facts.amount("start_price_wan", "万元"),
        deposit=facts.amount("deposit_wan", "万元"),
    )
    source = facts.origin("source_url", name=facts.text("transferor", "platform"), id=notice)
    return facts.draft("trade.notice", f"{notice}|{serial}" if serial else notice, body, source, as_of=published)


NOTICES = (
    Form("采购公告 procurement", frozenset({"record_id", "title", "publish_time"}), procurement),
    Form("公告（按项目）notice by project", frozenset({"project_code", "project_name", "publish_time"}), procurement),
    Form("全国平台 national", frozenset({"record_id", "title", "platform"}), national, frozenset({"fields"})),
    Form("供地结果 land", frozenset({"电子监管号", "供地方式"}), land),
    Form("矿业权 mining", frozenset({"notice_no", "right_type", "project_name"}), mining),
)
