"""What the national platform said of a trade's acts, as the pages of a trade show it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from aiohttp import web

from node.domain.folding import ALL
from node.domain.rulebook import Package
from node.domain.verdicts import VerdictItem
from node.store.loading import Recorded
from node.uplink import held, reported
from node.uplink.reported import Reported
from node.web.keys import STORE, TRUSTED
from node.web.portal_text import Pair
from node.web.uplink_text import REPORTED

Row = dict[str, Any]
TO_CORRECT = ("rejected", "held")


async def of_acts(request: web.Request, records: Sequence[Recorded], package: Package | None) -> dict[int, Row]:
    """By the number of each act: how it stands above, why, what was filled in, and where a clerk corrects it."""
    wanted = {each.record_id: each.version for each in records}
    read = partial(reported.of_records, records=wanted, may_say=may_say(request))
    found = await request.app[STORE].read(read)
    return {each.act.seq: _row(each, found.get(each.record_id), package) for each in records}


def may_say(request: web.Request) -> Callable[[str], bool]:
    """Whose verdicts count here: a hub's, and this node's own."""
    policy, me = request.app[TRUSTED].held, request.app[TRUSTED].me

    def may(origin: str) -> bool:
        name = policy.node_of_origin(origin) if policy is not None else None
        member = policy.member(name) if policy is not None and name else None
        return name == me or (member is not None and member.role == "hub")

    return may


def _row(each: Recorded, known: Reported | None, package: Package | None) -> Row:
    rule = None if package is None else package.act(each.act.act)
    items: tuple[VerdictItem, ...] = ()
    if known is None:
        due = rule is not None and (bool(rule.datasets) or each.act.seq == 1) and not each.withdrawn
        state = "waiting" if due else "none"
    else:
        state, items = known.state, known.items
    words, tone = REPORTED[state]
    return {
        "state": words,
        "tone": tone,
        "reasons": [(item.zh, item.en) for item in items if item.state in ("rejected", "held", "dead", "blocked")],
        "filled": filled(items),
        "correct": _address(each, package) if state in TO_CORRECT and not each.withdrawn else "",
    }


def filled(items: Sequence[VerdictItem]) -> list[tuple[Pair, str]]:
    """((field in Chinese, element), row of the policy) of what was filled in, each once."""
    return list(dict.fromkeys(pair for item in items for pair in _filled(item)))


def _filled(item: VerdictItem) -> list[tuple[Pair, str]]:
    dataset = held.packaged().sets.get(item.dataset)
    pairs = []
    for each in item.filled:
        element, _, row = each.partition(" ")
        field = None if dataset is None else dataset.fields.get(element)
        pairs.append(((f"{field.zh}（{element}）" if field is not None else element, element), row))
    return pairs


def _address(each: Recorded, package: Package | None) -> str:
    """The form of the act by which this one is corrected; empty for a correction itself: what it corrects is meant."""
    rule = None if package is None else package.act(each.act.act)
    if package is None or rule is None or ALL in rule.amends:
        return ""
    amending = next((act.id for act in package.acts if ALL in act.amends and act.public == rule.public), "")
    return f"/console/trades/{each.act.trade}/{amending}?corrects={each.act.seq}" if amending else ""
