"""The packaged rules: whole, true to the sources, and every clock counted one unit before and one unit after."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

import pytest

from node.domain import engine
from node.domain.acts import DISCLOSURES, Act
from node.domain.calendar import day_of, end_of, start_of
from node.domain.clocks import LAST_MS
from node.domain.fields import check_fields
from node.domain.limits import check_clocks, check_limits
from node.domain.posts import ROLES
from node.domain.rulebook import ClockRule, Condition, LimitRule, Package, Point
from node.domain.trades import CATEGORIES
from node.resources import config_dir
from tests.domain.walks import CALENDAR, KEY, RULES, ms, package, value

PACKAGES = RULES.packages
CLOCKS = [(each, clock) for each in PACKAGES for clock in each.clocks]
LIMITS = [(each, limit) for each in PACKAGES for limit in each.limits]


def ids(pairs: list[Any]) -> list[str]:
    return [f"{held.id}-{rule.id}" for held, rule in pairs]


# --- transcribed from the laws by hand, apart from the files ----------------------------------------------------------

# Every legal clock that was read in its text: value, unit. A clock that the files have and this table has not, or the
# other way round, or with another number, fails.
READ = {
    "construction": {
        "prequal-document-sale": (5, "日"),
        "document-sale": (5, "日"),
        "prequal-application": (5, "日"),
        "bid-preparation": (20, "日"),
        "clarification": (15, "日"),
        "prequal-clarification": (3, "日"),
        "objection-document": (10, "日"),
        "objection-prequal": (2, "日"),
        "objection-result": (0, "日"),
        "objection-answer": (3, "日"),
        "objection-opening-answer": (0, "日"),
        "end-of-bidding": (0, "小时"),
        "opening": (0, "小时"),
        "withdrawn-refund": (5, "日"),
        "candidates": (3, "日"),
        "publicity": (3, "日"),
        "publicity-ended": (1, "日"),
        "award-notice": (5, "工作日"),
        "contract": (30, "日"),
        "report": (15, "日"),
        "contract-filed": (7, "工作日"),
        "deposits-losers": (5, "日"),
        "deposits-winner": (5, "日"),
        "complaint-term": (10, "日"),
        "complaint-accepted": (3, "工作日"),
        "complaint-decided": (30, "工作日"),
        "archive": (15, "年"),
    },
    "procurement": {
        "prequal-application": (5, "工作日"),
        "document": (5, "工作日"),
        "bid-preparation": (20, "日"),
        "clarification": (15, "日"),
        "single-source-publicity": (5, "工作日"),
        "single-source-ended": (1, "日"),
        "report": (2, "工作日"),
        "decision": (5, "工作日"),
        "result": (2, "工作日"),
        "award-notice": (2, "工作日"),
        "contract": (30, "日"),
        "contract-filed": (7, "工作日"),
        "contract-notice": (2, "工作日"),
        "deposits-losers": (5, "工作日"),
        "deposits-winner": (5, "工作日"),
        "inquiry-answer": (3, "工作日"),
        "challenge": (7, "工作日"),
        "challenge-answer": (7, "工作日"),
        "complaint-term": (15, "工作日"),
        "complaint-decided": (30, "工作日"),
        "pause": (30, "日"),
        "archive": (15, "年"),
    },
    "land": {},
    "mining": {
        "notice": (20, "工作日"),
        "listing": (10, "工作日"),
        "confirmation": (3, "工作日"),
        "result": (5, "工作日"),
        "result-publicity": (10, "工作日"),
        "contract-after-publicity": (1, "日"),
    },
    "property": {
        "predisclosure": (10, "工作日"),
        "listing-equity": (20, "工作日"),
        "listing-asset": (10, "工作日"),
        "listing-asset-large": (20, "工作日"),
        "result-publicity": (5, "工作日"),
        "payment": (5, "工作日"),
        "instalments": (1, "年"),
    },
    "other": {},
}
READ_LIMITS = {
    "construction": {
        "bid-security": (20, "permille"),
        "ceiling": (1000, "permille"),
        "three-bidders": (3, "count"),
        "three-bidders-again": (3, "count"),
        "first-ranked": (1, "count"),
        "low-price": (850, "permille"),
        "bond": (100, "permille"),
    },
    "mining": {"three-bidders-auction": (3, "count")},
    "property": {
        "below-appraisal": (900, "permille"),
        "first-instalment": (300, "permille"),
        "asking-price": (1000, "permille"),
    },
}


@pytest.mark.parametrize("held", PACKAGES, ids=lambda each: each.id)
def test_clocks_and_limits_are_those_of_the_laws(held: Package) -> None:
    assert {rule.id: (rule.value, rule.unit) for rule in held.clocks if rule.tag == "S"} == READ[held.id]
    read = {rule.id: (rule.value, rule.unit) for rule in held.limits if rule.tag == "S"}
    assert read == READ_LIMITS.get(held.id, {})


# By hand with a calendar on the wall: (package, clock, start, first or last day in time).
@pytest.mark.parametrize(
    ("name", "clock", "start", "expected"),
    [
        ("construction", "document-sale", "2026-03-02", "2026-03-06"),
        ("construction", "bid-preparation", "2026-09-24", "2026-10-14"),
        ("construction", "clarification", "2026-03-02", "2026-03-17"),
        ("construction", "objection-document", "2026-03-02", "2026-03-12"),
        ("construction", "objection-answer", "2026-03-02", "2026-03-05"),
        ("construction", "objection-answer", "2026-03-04", "2026-03-09"),  # the third day is a Saturday
        ("construction", "candidates", "2026-09-29", "2026-10-08"),  # the third day is in the National Day holiday
        ("construction", "publicity", "2026-03-27", "2026-03-30"),
        ("construction", "award-notice", "2026-09-30", "2026-10-13"),  # 8, 9, 10 (a Saturday worked), 12, 13 October
        ("construction", "contract", "2026-03-02", "2026-04-01"),
        ("construction", "report", "2026-09-20", "2026-10-08"),
        ("construction", "contract-filed", "2026-04-30", "2026-05-13"),
        ("construction", "deposits-losers", "2026-03-02", "2026-03-09"),  # the fifth day is a Saturday
        ("construction", "complaint-accepted", "2026-02-13", "2026-02-25"),  # 14 worked, 24, 25
        ("construction", "complaint-decided", "2026-03-02", "2026-04-14"),  # 6 April is off
        ("construction", "archive", "2026-03-02", "2041-03-02"),
        ("procurement", "document", "2026-02-12", "2026-02-25"),
        ("procurement", "bid-preparation", "2026-03-02", "2026-03-22"),
        ("procurement", "report", "2026-03-06", "2026-03-10"),
        ("procurement", "decision", "2026-03-06", "2026-03-13"),
        ("procurement", "result", "2026-04-03", "2026-04-08"),
        ("procurement", "contract-notice", "2026-06-18", "2026-06-23"),  # the Dragon Boat Festival is between
        ("procurement", "challenge-answer", "2026-03-02", "2026-03-11"),
        ("procurement", "complaint-term", "2026-03-02", "2026-03-23"),
        ("procurement", "pause", "2026-03-02", "2026-04-01"),
        ("mining", "notice", "2026-03-02", "2026-03-30"),
        ("mining", "result-publicity", "2026-03-02", "2026-03-16"),
        ("property", "listing-equity", "2026-03-02", "2026-03-27"),  # both its first and its last day count
        ("property", "predisclosure", "2026-03-02", "2026-03-16"),
        ("property", "payment", "2026-03-02", "2026-03-09"),
        ("property", "instalments", "2026-03-02", "2027-03-02"),
    ],
)
def test_days_counted_by_hand(name: str, clock: str, start: str, expected: str) -> None:
    rule = next(each for each in package(name).clocks if each.id == clock)
    if rule.sort == "least":
        assert day_of(CALENDAR.earliest(start, rule.value, rule.unit, window=rule.window)) == expected
    else:
        assert CALENDAR.due(start, rule.value, rule.unit) == end_of(expected)


# --- one unit before, one unit after ----------------------------------------------------------------------------------


def counted(start: date, count: int, unit: str, *, window: bool) -> date:
    """The n-th day after a day, by going there one day at a time."""
    if unit == "年":
        return date(start.year + count, start.month, start.day)
    day = start - timedelta(1) if window else start
    while count:
        day += timedelta(1)
        count -= unit == "日" or CALENDAR.is_workday(day.isoformat())
    return day


def meeting(condition: Condition) -> Any:
    """A value that meets a condition."""
    if condition.least is not None or condition.below is not None:
        inside = condition.least if condition.least is not None else (condition.below or 0) - 1
        return inside if not condition.negate else (condition.below or 0)
    assert condition.is_in is not None
    return condition.is_in[0] if not condition.negate else None


class Scene:
    """A trade of just the acts that a rule looks at: registration, the acts of its conditions, start and end."""

    def __init__(self, held: Package, when: list[Condition], *names: str) -> None:
        self.held = held
        self.said: dict[str, dict[str, Any]] = {held.acts[0].id: {"project_name": "某项目"}}
        for name in names:
            self.said.setdefault(name, {})
        for condition in when:
            act, _, name = condition.field.rpartition(".")
            if act != "lot":
                self.said.setdefault(act or held.acts[0].id, {})[name] = meeting(condition)

    def trade(self, at: dict[str, int]) -> engine.Trade:
        order = [each.id for each in self.held.acts if each.id in self.said]
        order.sort(key=lambda name: (name != self.held.acts[0].id, at.get(name, 0)))
        acts = [
            Act(
                trade=KEY,
                seq=seq,
                category=self.held.category,
                act=name,
                rules=self.held.name,
                at=at.get(name, ms("2026-03-01")),
                title="某",
                fields={key: value for key, value in self.said[name].items() if value is not None},
                corrects=self.answered(name, order),
            )
            for seq, name in enumerate(order, 1)
        ]
        return engine.replay(acts, RULES)

    def answered(self, name: str, order: list[str]) -> int:
        rule = self.held.act(name)
        return next((order.index(each) + 1 for each in rule.answers if each in order), 0) if rule else 0

    def put(self, point: Point, day: date, at: dict[str, int], moment: int | None = None) -> None:
        """Make a point fall on a day: at noon, or at a moment of it."""
        moment = start_of(day.isoformat()) + 12 * 3_600_000 if moment is None else moment
        if not point.field:
            at[point.act] = moment
            return
        field = next(each for each in self.held.act(point.act).fields if each.name == point.field)  # type: ignore[union-attr]
        self.said[point.act][point.field] = day.isoformat() if field.type == "day" else moment


def scene(held: Package, clock: ClockRule, start: date, end: date, end_ms: int | None = None) -> engine.Trade:
    made = Scene(held, clock.when, clock.start.act, clock.end.act)
    at: dict[str, int] = {}
    made.put(clock.start, start, at)
    made.put(clock.end, end, at, end_ms)
    # Acts whose moment plays no part come in the order of the chain.
    if clock.start.act != clock.end.act:
        at.setdefault(clock.start.act, ms("2026-03-01", 10))
        at.setdefault(clock.end.act, max(at[clock.start.act], ms("2026-03-01", 11)) + 1)
        if clock.end.field and clock.end.act in ("notice", "prequal_notice") and clock.start.act != clock.end.act:
            at[clock.end.act] = at[clock.start.act] - 1  # the deadline is known before
    return made.trade(at)


def broken(held: Package, clock: ClockRule, trade: engine.Trade) -> bool:
    """Whether the act that comes last breaks the clock."""
    return f"clock:{clock.id}" in [fault.rule for fault in check_clocks(trade, trade.acts[-1], None, CALENDAR)]


def begin(clock: ClockRule) -> date:
    """A Monday from which the period ends on a working day, so that nothing is moved."""
    day = date(2026, 3, 2)
    while clock.unit == "日" and not CALENDAR.is_workday((day + timedelta(clock.value)).isoformat()):
        day += timedelta(1)
    return day


LEAST = [(held, clock) for held, clock in CLOCKS if clock.sort == "least"]
MOST = [(held, clock) for held, clock in CLOCKS if clock.sort == "most"]


@pytest.mark.parametrize(("held", "clock"), LEAST, ids=ids(LEAST))
def test_least_clock_one_unit_before_and_after(held: Package, clock: ClockRule) -> None:
    assert clock.severity in ("refuse", "warn"), "a clock that must be waited for is judged at the act"
    start = begin(clock)
    if clock.unit == "小时":
        deadline = start_of(start.isoformat()) + 12 * 3_600_000
        early = scene(held, clock, start, start, deadline - 1)
        late = scene(held, clock, start, start, deadline)
    else:
        end = counted(start, clock.value, clock.unit, window=clock.window)
        early = scene(held, clock, start, end - timedelta(1))
        late = scene(held, clock, start, end)
    assert broken(held, clock, early) and not broken(held, clock, late)


@pytest.mark.parametrize(("held", "clock"), MOST, ids=ids(MOST))
def test_most_clock_one_unit_before_and_after(held: Package, clock: ClockRule) -> None:
    start = begin(clock)
    last = counted(start, clock.value, clock.unit, window=False)
    first_late = last + timedelta(1)
    if clock.severity != "late":
        assert not broken(held, clock, scene(held, clock, start, last))
        assert broken(held, clock, scene(held, clock, start, first_late))
    if not clock.optional and clock.start.act != clock.end.act:
        assert state(scene(held, clock, start, last), clock, LAST_MS) == "done"
        assert state(scene(held, clock, start, first_late), clock, LAST_MS) == "done-late"
        running = without(scene(held, clock, start, last), clock)
        due = end_of(last.isoformat())
        assert state(running, clock, due) == "owed" and state(running, clock, due + 1) == "late"


def state(trade: engine.Trade, clock: ClockRule, now: int) -> str:
    return next(one.state for one in engine.owed(trade, now_ms=now, calendar=CALENDAR) if one.clock == clock)


def without(trade: engine.Trade, clock: ClockRule) -> engine.Trade:
    return engine.replay([act for act in trade.acts if act.act != clock.end.act], RULES)


@pytest.mark.parametrize(("held", "limit"), LIMITS, ids=ids(LIMITS))
def test_limit_at_its_edge_and_one_beyond(held: Package, limit: LimitRule) -> None:
    """The bound is worked out here by hand: a share of a thousand yuan is one yuan a thousandth."""
    edge = limit.value * 100 if limit.unit == "permille" else limit.value
    rounds = [each for each in limit.when if each.field == "lot.round" and each.least]
    for said, expected in ((edge, False), (edge + 1 if limit.sort == "most" else edge - 1, True)):
        made = Scene(held, limit.when, limit.act)
        made.said[limit.act][limit.field] = said
        act, _, name = limit.base.rpartition(".")
        if limit.base:
            where = made.held.acts[0].id if act in ("lot", "") else act
            made.said.setdefault(where, {})[name] = 1_000_00
        if rounds:
            made.said |= {"failed": {}, "retender": {}}
        at = {limit.act: ms("2026-03-05"), "failed": ms("2026-03-02"), "retender": ms("2026-03-03")}
        trade = made.trade(at)
        rules = [fault.rule for fault in check_limits(trade, trade.acts[-1], None)]
        assert (f"limit:{limit.id}" in rules) is expected


def test_a_rule_holds_from_its_day_on() -> None:
    held = package("construction")
    clock = next(each for each in held.clocks if each.id == "award-notice")
    old = scene(held, clock, date(2017, 3, 1), date(2017, 4, 3))
    assert "award-notice" not in [one.clock.id for one in engine.owed(old, now_ms=LAST_MS, calendar=CALENDAR)]


# --- whole and consistent ---------------------------------------------------------------------------------------------


def test_there_is_one_package_a_category() -> None:
    assert [each.category for each in PACKAGES] == ["工程建设", "政府采购", "土地使用权", "矿业权", "国有产权", "其他"]
    assert set(CATEGORIES) == {each.category for each in PACKAGES}
    for each in PACKAGES:
        assert RULES.of(each.category, "2026-03-02") is each and RULES.get(each.name) is each


@pytest.mark.parametrize("held", PACKAGES, ids=lambda each: each.id)
def test_names_inside_a_package_hold(held: Package) -> None:
    acts, stages = {act.id for act in held.acts}, {stage.id for stage in held.stages}
    assert held.acts[0].id == "register" and len(acts) == len(held.acts) and len(stages) == len(held.stages)
    for act in held.acts:
        assert set(act.takes) <= stages | {"*"} and (not act.gives or act.gives in stages), act.id
        assert {*act.answers, *(set(act.amends) - {"*"}), *(need.act for need in act.needs)} <= acts, act.id
        assert act.public is bool(act.disclosure), f"{act.id}: what is public discloses, a step does not"
        assert not act.disclosure or act.disclosure in DISCLOSURES
        assert act.posts and set(act.posts) <= set(ROLES), act.id
        names = [field.name for field in act.fields]
        assert len(names) == len(set(names)), act.id
        for condition in [*act.when, *(each for need in act.needs for each in need.when)]:
            assert known(held, condition.field), (act.id, condition.field)
    for rule in held.clocks:
        assert point(held, rule.start) and point(held, rule.end), rule.id
        assert not rule.window or rule.sort == "least", rule.id
    for limit in held.limits:
        assert point(held, Point(limit.act, limit.field)) and (not limit.base or known(held, limit.base)), limit.id
    for notice in held.notices:
        act = held.act(notice.act)
        assert act is not None and act.disclosure == notice.disclosure and notice.stage in stages, notice.id
    for rule in [*held.clocks, *held.limits, *held.notices]:
        assert rule.legal_basis, rule.id
        assert all(known(held, condition.field) for condition in rule.when), rule.id


def point(held: Package, each: Point) -> bool:
    act = held.act(each.act)
    return act is not None and (not each.field or act.field(each.field) is not None)


def known(held: Package, name: str) -> bool:
    act, _, field = name.rpartition(".")
    if act == "lot":
        return field in ("round", "estimate")
    return point(held, Point(act or "register", field))


REGISTRATION = {
    "project_name": "text",
    "owner": "party",
    "agency": "party",
    "division": "code",
    "approval_level": "code",
    "fund_level": "code",
    "owner_level": "code",
    "mandatory": "flag",
    "estimate": "money",
    "sector": "text",
    "lots": "rows",
}


@pytest.mark.parametrize("held", PACKAGES, ids=lambda each: each.id)
def test_registration_facts_have_one_name_everywhere(held: Package) -> None:
    types = {field.name: field.type for field in held.acts[0].fields}
    assert types | REGISTRATION == types
    columns = {column.name for column in held.acts[0].field("lots").columns}  # type: ignore[union-attr]
    assert {"number", "name", "estimate", "section_code"} <= columns


@pytest.mark.parametrize("held", PACKAGES, ids=lambda each: each.id)
def test_every_disclosure_kind_has_its_acts(held: Package) -> None:
    """R30: the five kinds; a qualification review only where the law has one of its own."""
    kinds = {act.disclosure for act in held.acts if act.disclosure}
    assert kinds >= set(DISCLOSURES) - ({"qualification_review"} if held.id == "other" else set())


@pytest.mark.parametrize("held", PACKAGES, ids=lambda each: each.id)
def test_every_stage_can_be_reached_and_left(held: Package) -> None:
    given = {act.gives for act in held.acts}
    for stage in held.stages:
        assert stage.id in given, stage.id
        leaves = [act for act in held.acts if stage.id in act.takes and act.gives]
        assert bool(leaves) is not stage.final, stage.id


@pytest.mark.parametrize("held", PACKAGES, ids=lambda each: each.id)
def test_a_made_up_value_fits_each_field(held: Package) -> None:
    """What a form, a template and this suite fill in: a value of each type passes the check of fields."""
    for act in held.acts:
        values = {field.name: value(field, ms("2026-03-02")) for field in act.fields}
        assert not list(check_fields(act.fields, values, values, {})), act.id


def test_rules_not_read_do_not_refuse() -> None:
    """A clock or limit marked K or U warns, whatever its file says; the faults say that it is not verified."""
    for held, rule in [*CLOCKS, *LIMITS]:
        if not rule.verified:
            assert rule.severity != "refuse", f"{held.id}: {rule.id}"


def test_the_page_of_rules_lists_every_row_that_is_not_verified() -> None:
    page = (config_dir().parent / "docs" / "rules.md").read_text("utf-8")
    stated = set(re.findall(r"^\| `([a-z]+:[a-z-]+)` \|", page, re.MULTILINE))
    assert stated == {f"{held.id}:{rule.id}" for held, rule in [*CLOCKS, *LIMITS] if not rule.verified}
