"""Bring this node's own log back from the node above and go on (DESIGN L9)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from node.app import Node
from node.publishing import reissue
from node.recovery import fresh
from node.sync.recover import Lacking, Progress
from node.sync.salvage import salvage


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a recovery did: entries `[before, size)` came back; `thawed` says whether the log may be signed again.

    `lost` are indexes that were signed and never mirrored. `lacking` are sections that no mirror may hold, or none
    does; `aside` is the database that was set aside before, where there is one.
    """

    origin: str
    before: int
    size: int
    thawed: bool
    lost: range
    lacking: tuple[Lacking, ...]
    aside: Path | None


async def recover(node: Node, progress: Progress = lambda done, total: None) -> Outcome:
    """Recover the log of a node that is open. Raises what `Recovery.bring_back` raises."""
    recovery = node.recovery()
    returned = await recovery.bring_back(progress)
    lacking, aside = list(returned.lacking), fresh.newest_aside(node.settings)
    if lacking and aside is not None:
        lacking = await from_aside(node, aside, returned.state.origin, lacking)
    await reissue.rebuild(node.store, returned.state.id, returned.size)
    thawed = await recovery.thaw(returned)
    if thawed and node.mark.read() < returned.size:
        node.mark.note(returned.size)
    await node.projector.run()
    return Outcome(returned.state.origin, returned.before, returned.size, thawed, returned.lost, tuple(lacking), aside)


async def from_aside(node: Node, aside: Path, origin: str, lacking: list[Lacking]) -> list[Lacking]:
    """Fill in what a database that was set aside still holds; one that cannot be read helps nobody and harms nobody."""
    try:
        with fresh.reading(aside) as store:
            return await salvage(node.store, store, origin, lacking)
    except Exception:  # it was set aside because something is wrong with it
        return lacking
