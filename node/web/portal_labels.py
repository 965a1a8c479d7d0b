"""Names of fields on record pages: field of a shape -> (Chinese, English). Words of the national data specification."""

from __future__ import annotations

from node.web.portal_text import Pair

LABELS: dict[str, Pair] = {
    # every document
    "document.status": ("状态", "Status"),
    "document.reason": ("原因", "Reason"),
    "document.as_of": ("数据日期", "Facts as of"),
    "document.source": ("来源", "Source"),
    "valid": ("有效", "Valid"),
    "withdrawn": ("已撤回", "Withdrawn"),
    # trades
    "category": ("交易类别", "Category"),
    "stage": ("环节", "Stage"),
    "title": ("标题", "Title"),
    "project_code": ("项目编号", "Project code"),
    "section_code": ("标段（包）编号", "Section code"),
    "project_name": ("项目名称", "Project"),
    "division": ("行政区划代码", "Division code"),
    "division_name": ("行政区划", "Division"),
    "location": ("地点", "Place"),
    "owner": ("项目单位", "Owner"),
    "agency": ("代理机构", "Agency"),
    "published_on": ("发布日期", "Published on"),
    "details": ("其他内容（来源原文）", "Further content (as given)"),
    "winners": ("中标（成交）人", "Winner"),
    "amount": ("金额", "Amount"),
    "duration_days": ("工期（天）", "Duration in days"),
    "quality": ("质量", "Quality"),
    "candidates": ("中标候选人", "Candidates"),
    "publicity_period": ("公示期", "Shown during"),
    "deposit": ("保证金", "Deposit"),
    "award": ("成交金额", "Award"),
    "opens_at": ("开标（开启）时间", "Opens at"),
    "exchange": ("交易机构", "Exchange"),
    "listing_status": ("挂牌状态", "Listing status"),
    # market parties
    "name": ("名称", "Name"),
    "uscc": ("统一社会信用代码", "Unified social credit code"),
    "registered_on": ("成立日期", "Registered on"),
    "company_type": ("类型", "Type"),
    "capital": ("注册资本（原文）", "Capital (as given)"),
    "registrar": ("登记机关代码", "Registrar code"),
    # credit
    "party": ("市场主体", "Market party"),
    "organisation_id": ("来源系统主体编号", "Party id at the source"),
    "archive_id": ("来源系统档案编号", "File id at the source"),
    "field_of_work": ("专业类别", "Field of work"),
    "qualification": ("资质", "Qualification"),
    "qualification_id": ("资质编号", "Qualification id"),
    "grade": ("等级", "Grade"),
    "score": ("得分", "Score"),
    "initial": ("初始分", "Initial points"),
    "base": ("基础分", "Base points"),
    "bonus": ("加分", "Bonus points"),
    "deducted": ("扣分", "Deducted points"),
    "texts": ("未能识别的原文", "Texts kept as given"),
    "good": ("性质", "Nature"),
    "reason": ("事由", "Reason"),
    "behaviour_class": ("行为类别", "Behaviour class"),
    "starts_on": ("起始日期", "From"),
    "ends_on": ("截止日期", "Until"),
    "months_valid": ("有效期（月）", "Months valid"),
    "points": ("分值", "Points"),
    "document_no": ("文号", "Document number"),
    "first_seen": ("首次出现", "First seen"),
    "last_seen": ("最后出现", "Last seen"),
    "authority": ("认定机关", "Authority"),
    "list_name": ("名单", "List"),
    "sanction": ("惩戒内容", "Sanction"),
    "decided_on": ("认定日期", "Decided on"),
    # experts and code tables
    "alias": ("专家编号", "Expert number"),
    "classes": ("专业分类", "Classes"),
    "standing": ("状态", "Standing"),
    "entered_on": ("入库日期", "Entered on"),
    "code": ("代码", "Code"),
    "level": ("级别", "Level"),
    "parent": ("上级代码", "Parent code"),
    "standard": ("依据标准", "Standard"),
}

# The party that holds a trade has another name in each category.
OWNERS: dict[str, Pair] = {
    "工程建设": ("招标人", "Tenderee"),
    "政府采购": ("采购人", "Purchaser"),
    "土地使用权": ("出让人", "Grantor"),
    "矿业权": ("出让人", "Grantor"),
    "国有产权": ("转让方", "Transferor"),
}

AMOUNTS: dict[str, Pair] = {
    "trade.result": ("成交金额", "Award"),
    "trade.notice": ("预算或起始价", "Budget or starting price"),
    "trade.listing": ("挂牌价格", "Asking price"),
}
