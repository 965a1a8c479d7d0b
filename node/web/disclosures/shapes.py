"""What the page of a trade shows, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field

from node.domain.acts import Act
from node.web.portal_fields import Change, Field
from node.web.portal_text import Pair

PUBLIC = "trade.act"


@dataclass(frozen=True, slots=True)
class Said:
    """One act as recorded: `act` with the public section's fields, and where it is found.

    `withdrawn_ms` is when its newest version was made, 0 where it stands. `publisher` is who published it, in words.
    """

    act: Act
    kind: str
    record_id: str
    version: int
    origin: str
    index: int
    leaf: str
    published_ms: int
    withdrawn_ms: int
    reason: str
    publisher: str
    made_up: bool


@dataclass(frozen=True, slots=True)
class Step:
    """A stage on a lot's strip; `state` is past, here or ahead."""

    id: str
    name: Pair
    state: str


@dataclass(frozen=True, slots=True)
class LotShown:
    number: str
    name: str
    code: str
    stage: Pair
    round: int
    suspended: bool
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class DueShown:
    """One act that is or was owed: for which lots, by which clock and clause, until when, by which act it was met."""

    act: Pair
    lots: tuple[str, ...]
    clock: Pair
    basis: str
    verified: bool
    due_ms: int | None
    state: str
    done_seq: int


@dataclass(frozen=True, slots=True)
class StripShown:
    """One of the five kinds: none, owed, done, late or done-late, and why."""

    kind: str
    name: Pair
    state: str
    acts: tuple[int, ...]
    dues: tuple[DueShown, ...]


@dataclass(frozen=True, slots=True)
class ActShown:
    """One disclosure. `changes` says what it changed, of the act number `target`, field by field; `changed_by` are the
    numbers of the acts that changed it since."""

    said: Said
    name: Pair
    disclosure: str
    fields: tuple[Field, ...]
    changes: tuple[Change, ...]
    target: int
    target_name: Pair | None
    changed_by: tuple[int, ...]
    late: bool


@dataclass(frozen=True, slots=True)
class TradeShown:
    """All that the page shows. `fault` says why it cannot be judged here: it has neither lots nor strip then."""

    key: str
    category: str
    title: str
    project_name: str
    project_code: str
    division: str
    owner: str
    agency: str
    codes: tuple[str, ...]
    rules: str
    rules_name: Pair | None
    lots: tuple[LotShown, ...]
    strip: tuple[StripShown, ...]
    groups: tuple[tuple[str, Pair, tuple[ActShown, ...]], ...]
    order: tuple[ActShown, ...]
    ended: bool
    void: bool
    made_up: bool
    fault: Pair | None = None
    gaps: tuple[int, ...] = field(default=())
    medium: Pair | None = None
