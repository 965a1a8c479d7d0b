"""Standing notes: say how far this node holds every log, remember what others said, and where an addressee stands."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from node.clock import Clock
from node.keyring import Keyring
from node.store import cursors, logs, payloads, peers
from node.store.db import Store
from node.store.logs import LogState
from node.tlog.note import Note, parse_note
from node.trusted import Trusted
from node.wire import standing as notes
from node.wire.standing import MAX_MISSING, LogStanding, StandingNote
from node.wire.trust import TrustPolicy


async def own_standing(store: Store, keys: Keyring, trusted: Trusted, clock: Clock) -> Note:
    """This node's standing note, as of now."""
    policy, time_s = trusted.policy, clock() // 1000

    def work(conn: Connection) -> StandingNote:
        held = [_held(conn, state) for state in logs.all_logs(conn) if not state.own]
        return StandingNote(trusted.me, time_s, policy.version, tuple(held))

    text = (await store.read(work)).text()
    return Note(text, (keys.custody.sign_note(text),))


def _held(conn: Connection, state: LogState) -> LogStanding:
    missing = tuple(payloads.missing(conn, state.id, limit=MAX_MISSING))
    return LogStanding(state.origin, state.witnessed_size, state.stored_size, state.payload_next, missing)


def remember(conn: Connection, policy: TrustPolicy, data: bytes) -> bool:
    """Keep a node's standing note when it is newer than the one held; tells whether it is.

    Raises Malformed, BadSignature.
    """
    standing, _ = notes.open_standing(data, policy)
    held = remembered(conn, standing.node)
    if held is not None and held.time_s >= standing.time_s:
        return False
    cursors.set_fact(conn, _fact(standing.node), data.decode())
    return True


def remembered(conn: Connection, node: str) -> StandingNote | None:
    """The newest standing note of a node that was brought here; it was verified when it came."""
    held = cursors.fact(conn, _fact(node))
    return None if held is None else notes.parse(parse_note(held.encode()).text)


def _fact(node: str) -> str:
    return f"standing:{node}"


@dataclass(frozen=True, slots=True)
class Addressee:
    """A node that a bundle is made for, and what it is taken to hold.

    `told` is the standing note to go by; `only_told` says that what was heard on the line does not count beside it.
    """

    name: str
    told: StandingNote | None
    only_told: bool = False

    def stands(self, conn: Connection, state: LogState) -> LogStanding:
        """Where the addressee stands in one log: by its standing note, by its last answers on the line, else at 0."""
        said = self.told.of(state.origin) if self.told is not None else None
        said = said or LogStanding(state.origin, 0, 0, 0)
        if self.only_told:
            return said
        heard = peers.get(conn, self.name, state.id, "push")
        return LogStanding(
            state.origin,
            max(said.witnessed, heard.witnessed_size),
            max(said.stored, heard.mirrored_size),
            max(said.payload_next, heard.payload_next),
            said.missing,
        )

    @property
    def policy_version(self) -> int:
        return self.told.policy if self.told is not None else 0
