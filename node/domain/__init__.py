"""Record kinds: name -> shape of each section and who may read it. A new kind is one line here (docs/records.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from node.domain.accounts import AccountBinding, AccountCredentials, AccountPerson, AuditAct, AuditBatch
from node.domain.acts import Act
from node.domain.audience import Audience
from node.domain.codes import Division, ExpertClass
from node.domain.credit import BlacklistEntry, CreditBehaviour, CreditScore
from node.domain.dumps import DailyDump
from node.domain.entities import Company
from node.domain.erasure import Erasure
from node.domain.experts import ExpertEmployment, ExpertIdentity, ExpertProfile
from node.domain.handover import Handover
from node.domain.hands import Hand
from node.domain.logs import Evidence, Observation
from node.domain.record import Document
from node.domain.rulebook import Package
from node.domain.ruletables import RuleTable
from node.domain.supervision import Order
from node.domain.trades import TradeCandidates, TradeListing, TradeNotice, TradeResult
from node.domain.trust import PolicyVersion
from node.domain.verdicts import Verdict


@dataclass(frozen=True, slots=True)
class Kind:
    """What a record kind is.

    `sections` maps a section's name to (shape, audience); `main` always holds a `Document` of the body's shape.
    `sealed` names the sections that are stored and sent as ciphertext only: what is personal (DESIGN L23).
    `schema` rises when a shape changes so that an older node could misread it.
    """

    name: str
    zh: str
    en: str
    sections: dict[str, tuple[Any, Audience]]
    schema: int = 1
    sealed: frozenset[str] = frozenset()


def _kind(
    name: str,
    zh: str,
    en: str,
    body: Any,
    audience: Audience = "public",
    *,
    sealed: tuple[str, ...] = (),
    **more: tuple[Any, Audience],
) -> Kind:
    return Kind(name, zh, en, {"main": (Document[body], audience), **more}, sealed=frozenset(sealed))


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        _kind("trade.result", "成交结果", "Trade result", TradeResult),
        _kind("trade.candidates", "中标候选人", "Award candidates", TradeCandidates),
        _kind("trade.notice", "交易公告", "Trade notice", TradeNotice),
        _kind("trade.listing", "产权挂牌", "Property listing", TradeListing),
        _kind("trade.act", "交易环节", "Act of a trade", Act, inner=(dict[str, Any], "shared"), hand=(Hand, "shared")),
        _kind(
            "trade.step",
            "交易步骤",
            "Step of a trade",
            Act,
            "shared",
            inner=(dict[str, Any], "shared"),
            hand=(Hand, "shared"),
        ),
        _kind("trade.handover", "交易移交", "Hand-over of a trade", Handover, "shared"),
        _kind("entity.company", "市场主体", "Market party", Company),
        _kind("credit.score", "信用评分", "Credit score", CreditScore),
        _kind("credit.behaviour", "信用行为", "Credit behaviour", CreditBehaviour),
        _kind("credit.blacklist", "黑名单", "Blacklist entry", BlacklistEntry),
        _kind("expert.class", "专家专业分类", "Expert class", ExpertClass),
        _kind(
            "expert.profile",
            "评标专家",
            "Evaluation expert",
            ExpertProfile,
            "shared",
            employment=(ExpertEmployment, "restricted"),
            identity=(ExpertIdentity, "restricted"),
            sealed=("identity",),
        ),
        _kind("verdict", "上报结果", "Verdict", Verdict, "shared"),
        _kind(
            "account.person",
            "账号",
            "Account",
            AccountPerson,
            "shared",
            credentials=(AccountCredentials, "shared"),
            sealed=("credentials",),
        ),
        _kind("account.binding", "主体身份核验", "Identity seen", AccountBinding, "shared", hand=(Hand, "shared")),
        _kind("audit.act", "操作留痕", "Act of a person", AuditAct, "shared", hand=(Hand, "shared")),
        _kind("audit.batch", "操作留痕汇总", "Acts of persons, gathered", AuditBatch, "shared"),
        _kind("supervise.order", "监督指令", "Order of supervision", Order, "shared", hand=(Hand, "shared")),
        _kind("record.erasure", "依法删除", "Erasure", Erasure),
        _kind("log.observe", "日志观察", "Observed heads", Observation),
        _kind("log.evidence", "日志证据", "Evidence against a log", Evidence),
        _kind("trust.policy", "信任策略版本", "Version of the trust policy", PolicyVersion),
        _kind("dump.daily", "每日数据包", "Daily dump", DailyDump),
        _kind("rule.package", "规则包", "Rule package", Package, hand=(Hand, "shared")),
        _kind("rule.table", "规则表", "Rule table", RuleTable, hand=(Hand, "shared")),
        _kind("code.division", "行政区划", "Administrative division", Division),
    )
}
