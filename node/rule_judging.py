"""Which rules that came as records count at a node, and why the others do not (R22).

A record counts when it was issued by the hub of the node's own city (the node itself, where it is the hub), or by a
department under that hub for a category, or a table, which is that department's. Of one name the first counts: a
version is never edited.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from node.domain import barriers, rulecheck, tablecheck
from node.domain.rulebook import Package, Rulebook, natural
from node.domain.ruletables import RuleTable
from node.domain.tablebook import TableBook
from node.errors import Malformed
from node.rules import load_barriers
from node.wire.trust import TrustPolicy

Pair = tuple[str, str]
Body = Package | RuleTable
Owners = dict[tuple[str, str], str]
"""(`package` and category, or sort and id of a table) -> the department whose it is."""


@dataclass(frozen=True, slots=True)
class RuleRecord:
    """One rule that came as a record. `why` says in Chinese and English why it is not taken over; empty when it is."""

    origin: str
    node: str
    record_id: bytes
    index: int
    sort: str
    withdrawn: bool
    body: Body
    why: Pair = ("", "")

    @property
    def name(self) -> str:
        return self.body.name

    @property
    def taken(self) -> bool:
        return not self.why[1]


def judged(
    bodies: Iterable[tuple[str, bytes, int, str, bool, Body]],
    policy: TrustPolicy,
    me: str,
    packaged: Rulebook,
    tables: TableBook,
) -> list[RuleRecord]:
    """Each record with whether this node takes it over.

    The hub's come first: whose a category or a table is, the hub says by naming the department in it.
    """
    hubs = hubs_of(policy, me)
    made = []
    for origin, record_id, index, sort, withdrawn, body in bodies:
        made.append(RuleRecord(origin, policy.node_of_origin(origin) or "", record_id, index, sort, withdrawn, body))
    # By origin and not by the order in which logs came here: every node must choose alike.
    made.sort(key=lambda each: (each.node not in hubs, each.origin, each.index))
    names: dict[str, Body] = {each.name: each for each in packaged.packages}
    names |= {each.name: each for each in tables.program.values()}
    owners = program_owners(packaged, tables)
    found = []
    for each in made:
        why = why_not(each, policy, hubs, owners)
        held = names.get(each.name)
        if not why and held is not None and held != each.body:
            why = ("同一版本已有不同内容，版本不可改写", "another content has this version: none is edited")
        why = why or _unsound(each.body)
        if not why:
            names[each.name] = each.body
            heed(owners, each, hub=each.node in hubs)
        found.append(replace(each, why=why) if why else each)
    return found


def _unsound(body: Body) -> Pair | None:
    """What is wrong with rules that another node issued; it may have checked nothing, and every trade rests on them."""
    try:
        found = rulecheck.faults(body) if isinstance(body, Package) else tablecheck.faults(body)
        found = found or list(barriers.faults(body, load_barriers()))
    except (Malformed, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        # A check that trips over a content is no reason for this node not to start.
        return "内容无法核对", f"its content cannot be checked: {type(error).__name__}"
    return (found[0].line_zh(), found[0].line_en()) if found else None


def hubs_of(policy: TrustPolicy, me: str) -> frozenset[str]:
    """The hub of this node's own city: itself, where it is one."""
    city = {me, *policy.path_up(me)}
    return frozenset(name for name in city if (member := policy.member(name)) is not None and member.role == "hub")


def sort_of(body: Body) -> str:
    return "package" if isinstance(body, Package) else body.sort


def age(body: Body) -> tuple[str, list[tuple[int, str]]]:
    return body.effective_from, natural(body.version)


def key_of(body: Body) -> tuple[str, str]:
    """What has an owner: a category, or a table by its sort and id."""
    return ("package", body.category) if isinstance(body, Package) else (body.sort, body.id)


def program_owners(packaged: Rulebook, tables: TableBook) -> Owners:
    found = {key_of(each): each.department for each in packaged.packages}
    return found | {key_of(each): each.department for each in tables.program.values()}


def heed(owners: Owners, each: RuleRecord, *, hub: bool) -> None:
    """The hub names whose something is; what nobody had is whose who was first."""
    if hub:
        owners[key_of(each.body)] = each.body.department
    else:
        owners.setdefault(key_of(each.body), each.body.department)


def why_not(each: RuleRecord, policy: TrustPolicy, hubs: Collection[str], owners: Owners) -> Pair | None:
    """Why a record counts for nothing here, by who issued it; None when it counts."""
    member, body = policy.member(each.node), each.body
    if each.node in hubs:
        return None
    if member is None or member.role != "supervision" or member.upstream not in hubs:
        return "不是本市枢纽或其主管部门发布的", "it is not of this city's hub or one of its departments"
    if not same_department(body.department, member.title):
        return "发布部门不是文中的主管部门", "it names another department than the one that issued it"
    owner = owners.get(key_of(body), "" if isinstance(body, Package) else body.department)
    if not same_department(owner, body.department):
        if isinstance(body, Package):
            return f"该类别由{owner}主管", f"the category is owned by {owner}"
        return f"该表由{owner}主管", f"the table is owned by {owner}"
    if isinstance(body, RuleTable) and body.sort == "templates":
        return _not_its_templates(body, owners)
    return None


def _not_its_templates(body: RuleTable, owners: Owners) -> Pair | None:
    """A department's templates are for its own categories: one for all of them is the hub's."""
    for row in body.parts().get("template", []):
        names = row.get("categories") or []
        if not names:
            return "部门发布的模板须写明类别", "a department's template must name its categories"
        for name in names:
            if not same_department(owners.get(("package", name), ""), body.department):
                return f"模板所属类别 {name} 不由该部门主管", f"the category {name} of a template is not its own"
    return None


def same_department(one: str, other: str) -> bool:
    """Whether two names are of one department: `市发展改革委`, `重庆市发展和改革委员会` and `发展改革委` are.

    >>> same_department("发展改革委", "重庆市发展和改革委员会"), same_department("水利局", "财政局")
    (True, False)
    """
    names = {each.strip().removeprefix("重庆").removeprefix("市") for each in (one, other)}
    names = {each.replace("委员会", "委").replace("和", "") for each in names}
    return len(names) == 1 and names != {""}
