"""All tables, as sqlmodel classes: the log (grows only), what a node remembers, and the read tables.

A SQLModel table does not validate, so the wire and domain shapes live elsewhere; these classes exist for the schema,
for Alembic's comparison and for column names. Times are UTC milliseconds, money is fen.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, Table, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

METADATA = SQLModel.metadata


def table(model: type[SQLModel]) -> Table:
    """The SQLAlchemy table of a class below, for statements in SQLAlchemy core."""
    return METADATA.tables[str(model.__tablename__)]


# SQLite gives a fast rowid only to INTEGER; PostgreSQL wants 64 bits.
_Id = BigInteger().with_variant(Integer(), "sqlite")


def _log_id() -> Column[int]:
    return Column(_Id, ForeignKey("log.id"), primary_key=True, autoincrement=False)


def _big(*, primary_key: bool = False, nullable: bool = False) -> Column[int]:
    return Column(BigInteger, primary_key=primary_key, nullable=nullable, autoincrement=False)


# --- the logs: all origins in the same tables, told apart by log_id -------------------------------------------------


class Log(SQLModel, table=True):
    """One log: ours or one we mirror.

    `stored_size` entries lie here; of those, `payload_next` are accounted for (payload held, or listed as missing).
    `head_size` and `head_root` are the largest tree that we signed (own log) or cosigned as mirror; they move by
    compare-and-swap. `witnessed_size` and `witnessed_root` are the largest tree whose growth we have checked.
    """

    __tablename__ = "log"
    id: int | None = Field(default=None, sa_column=Column(_Id, primary_key=True, autoincrement=True))
    origin: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    origin_hash: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    own: bool = Field(default=False)
    stored_size: int = Field(default=0, sa_column=_big())
    payload_next: int = Field(default=0, sa_column=_big())
    head_size: int = Field(default=0, sa_column=_big())
    head_root: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    witnessed_size: int = Field(default=0, sa_column=_big())
    witnessed_root: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    frozen: str = Field(default="", sa_column=Column(Text, nullable=False))


class LogBundle(SQLModel, table=True):
    """A full entry bundle of 256 entries, in the very bytes that c2sp.org/tlog-tiles serves."""

    __tablename__ = "log_bundle"
    log_id: int = Field(sa_column=_log_id())
    n: int = Field(sa_column=_big(primary_key=True))
    data: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class LogTile(SQLModel, table=True):
    """A full tile: 256 hashes of 32 bytes."""

    __tablename__ = "log_tile"
    log_id: int = Field(sa_column=_log_id())
    level: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    n: int = Field(sa_column=_big(primary_key=True))
    hashes: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class LogTail(SQLModel, table=True):
    """An entry after the last full bundle; folded away when its bundle is written."""

    __tablename__ = "log_tail"
    log_id: int = Field(sa_column=_log_id())
    idx: int = Field(sa_column=_big(primary_key=True))
    entry: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class LogNode(SQLModel, table=True):
    """A hash of a tile of level 1 or more that is not full yet; folded away when its tile is written."""

    __tablename__ = "log_node"
    log_id: int = Field(sa_column=_log_id())
    level: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    idx: int = Field(sa_column=_big(primary_key=True))
    hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class LogCheckpoint(SQLModel, table=True):
    """A checkpoint's text (origin, size, root) whose growth was checked here; its signatures are in `log_signature`."""

    __tablename__ = "log_checkpoint"
    log_id: int = Field(sa_column=_log_id())
    size: int = Field(sa_column=_big(primary_key=True))
    text: str = Field(sa_column=Column(Text, nullable=False))


class LogSignature(SQLModel, table=True):
    """One verified signature line on a checkpoint: the log's own, or a cosigner's."""

    __tablename__ = "log_signature"
    log_id: int = Field(sa_column=_log_id())
    size: int = Field(sa_column=_big(primary_key=True))
    signer: str = Field(sa_column=Column(Text, primary_key=True))
    key_id: str = Field(sa_column=Column(Text, primary_key=True))
    line: str = Field(sa_column=Column(Text, nullable=False))
    __table_args__ = (Index("ix_log_signature_signer", "log_id", "signer", "size"),)


class LogEvidence(SQLModel, table=True):
    """Two notes that cannot both be true, or a note beyond our own head: kept for whoever judges it (L10).

    `file` is the evidence file (`node.wire.evidence`) that others can check, empty where two notes say it all or prove
    nothing yet; `held` and `shown` are empty where evidence is no pair of notes. `digest` is that of what it is made
    of. `judged_ms` is when the alarm was raised for it, `known_ms` when it was first found in a log that all can read.
    """

    __tablename__ = "log_evidence"
    id: int | None = Field(default=None, sa_column=Column(_Id, primary_key=True, autoincrement=True))
    log_id: int = Field(sa_column=Column(_Id, ForeignKey("log.id"), nullable=False))
    seen_ms: int = Field(sa_column=_big())
    reason: str = Field(sa_column=Column(Text, nullable=False))
    held: str = Field(sa_column=Column(Text, nullable=False))
    shown: str = Field(sa_column=Column(Text, nullable=False))
    digest: str = Field(default="", sa_column=Column(Text, nullable=False, server_default=""))
    file: str = Field(default="", sa_column=Column(Text, nullable=False, server_default=""))
    judged_ms: int | None = Field(default=None, sa_column=_big(nullable=True))
    known_ms: int | None = Field(default=None, sa_column=_big(nullable=True))
    __table_args__ = (UniqueConstraint("log_id", "reason", "digest", name="log_evidence_digest_key"),)


class Alarm(SQLModel, table=True):
    """Something that is not as it should be between nodes, from when to when (L10, L21).

    Open while `cleared_ms` is nil, and told of once `raised_ms` is set: until then it is a suspicion that may pass.
    `mark` is the size that it is about; `severity` is proven, suspected or warning.
    """

    __tablename__ = "alarm"
    id: int | None = Field(default=None, sa_column=Column(_Id, primary_key=True, autoincrement=True))
    code: str = Field(sa_column=Column(Text, nullable=False))
    origin: str = Field(sa_column=Column(Text, nullable=False))
    severity: str = Field(sa_column=Column(Text, nullable=False))
    detail: str = Field(sa_column=Column(Text, nullable=False))
    mark: int = Field(default=0, sa_column=_big())
    since_ms: int = Field(sa_column=_big())
    raised_ms: int | None = Field(default=None, sa_column=_big(nullable=True))
    last_ms: int = Field(sa_column=_big())
    cleared_ms: int | None = Field(default=None, sa_column=_big(nullable=True))
    evidence_id: int | None = Field(default=None, sa_column=Column(_Id, ForeignKey("log_evidence.id"), nullable=True))
    __table_args__ = (Index("ix_alarm_open", "cleared_ms", "code", "origin"),)


class ObservedSize(SQLModel, table=True):
    """How large a log (`origin`) is by the newest `log.observe` record of another (`log_id`), and where it says so."""

    __tablename__ = "observed_size"
    log_id: int = Field(sa_column=_log_id())
    origin: str = Field(sa_column=Column(Text, primary_key=True))
    size: int = Field(sa_column=_big())
    idx: int = Field(sa_column=_big())
    observed_ms: int = Field(sa_column=_big())


class ObservedHead(SQLModel, table=True):
    """A head in a `log.observe` record that could not be held against our own copy yet.

    With an empty `origin` the record's payload has not come yet.
    """

    __tablename__ = "observed_head"
    log_id: int = Field(sa_column=_log_id())
    idx: int = Field(sa_column=_big(primary_key=True))
    origin: str = Field(sa_column=Column(Text, primary_key=True))
    size: int = Field(sa_column=_big())
    note: str = Field(sa_column=Column(Text, nullable=False))


# --- payloads -------------------------------------------------------------------------------------------------------


class PayloadPack(SQLModel, table=True):
    """All payloads of one full bundle for one audience, packed and compressed, as received or as folded."""

    __tablename__ = "payload_pack"
    log_id: int = Field(sa_column=_log_id())
    n: int = Field(sa_column=_big(primary_key=True))
    audience: str = Field(sa_column=Column(Text, primary_key=True))
    data: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class PayloadRow(SQLModel, table=True):
    """One section's payload that lies in no pack: the tail, or what came late."""

    __tablename__ = "payload_row"
    log_id: int = Field(sa_column=_log_id())
    idx: int = Field(sa_column=_big(primary_key=True))
    section: str = Field(sa_column=Column(Text, primary_key=True))
    audience: str = Field(sa_column=Column(Text, nullable=False))
    salt: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    payload: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class PayloadMissing(SQLModel, table=True):
    """A section that this node may have and that its sender did not bring: a fault, shown as one (L14)."""

    __tablename__ = "payload_missing"
    log_id: int = Field(sa_column=_log_id())
    idx: int = Field(sa_column=_big(primary_key=True))
    section: str = Field(sa_column=Column(Text, primary_key=True))


class SealedWraps(SQLModel, table=True):
    """The newest signed list of key wraps of a sealed section (`node.wire.sealed`); a single row, so that it can go.

    `holding` is the name under which the section may be held, `seq` counts changes in the order they came here.
    """

    __tablename__ = "sealed_wraps"
    log_id: int = Field(sa_column=_log_id())
    idx: int = Field(sa_column=_big(primary_key=True))
    section: str = Field(sa_column=Column(Text, primary_key=True))
    holding: str = Field(sa_column=Column(Text, nullable=False))
    time_s: int = Field(sa_column=_big())
    seq: int = Field(sa_column=_big())
    note: str = Field(sa_column=Column(Text, nullable=False))
    __table_args__ = (Index("ix_sealed_wraps_seq", "log_id", "seq"),)


class Erased(SQLModel, table=True):
    """A section that was erased by law: never stored again, never called missing (L23). Rows are never rebuilt.

    `order_id` is that of the order; `by_log_id` and `by_idx` say where the order is logged.
    """

    __tablename__ = "erased"
    log_id: int = Field(sa_column=_log_id())
    idx: int = Field(sa_column=_big(primary_key=True))
    section: str = Field(sa_column=Column(Text, primary_key=True))
    record_id: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    order_id: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    by_log_id: int = Field(sa_column=Column(_Id, ForeignKey("log.id"), nullable=False))
    by_idx: int = Field(sa_column=_big())
    erased_ms: int = Field(sa_column=_big())
    __table_args__ = (Index("ix_erased_record_id", "record_id"),)


class SealedAccess(SQLModel, table=True):
    """Who opened a sealed section at this node, or let another node read it; never what was in it."""

    __tablename__ = "sealed_access"
    id: int | None = Field(default=None, sa_column=Column(_Id, primary_key=True, autoincrement=True))
    at_ms: int = Field(sa_column=_big())
    who: str = Field(sa_column=Column(Text, nullable=False))
    action: str = Field(sa_column=Column(Text, nullable=False))
    log_id: int = Field(sa_column=Column(_Id, ForeignKey("log.id"), nullable=False))
    idx: int = Field(sa_column=_big())
    section: str = Field(sa_column=Column(Text, nullable=False))
    detail: str = Field(sa_column=Column(Text, nullable=False))


# --- what a node remembers ------------------------------------------------------------------------------------------


class Issued(SQLModel, table=True):
    """Every version that this node published: finds a record by its natural key, and a repeat by what was said.

    Written in the transaction that appends the entry (L5). `key_hash` is SHA-256 of kind, LF and key; `said_hash` of
    what the source said; `digest` is over the other columns (`node.store.issued`).
    """

    __tablename__ = "issued"
    key_hash: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    version: int = Field(sa_column=_big(primary_key=True))
    said_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    record_id: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    leaf: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    log_id: int = Field(sa_column=Column(_Id, ForeignKey("log.id"), nullable=False))
    idx: int = Field(sa_column=_big())
    digest: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class Invited(SQLModel, table=True):
    """An invitation that was given out: `public` is the key of its one-time code, `card` what came back (L20)."""

    __tablename__ = "invited"
    public: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    node: str = Field(sa_column=Column(Text, nullable=False))
    title: str = Field(sa_column=Column(Text, nullable=False))
    made_ms: int = Field(sa_column=_big())
    expires_ms: int = Field(sa_column=_big())
    used_ms: int = Field(sa_column=_big())
    card: str = Field(sa_column=Column(Text, nullable=False))


class Cursor(SQLModel, table=True):
    """How far a stage has come in a log: the next index it will read."""

    __tablename__ = "cursor"
    stage: str = Field(sa_column=Column(Text, primary_key=True))
    log_id: int = Field(sa_column=_log_id())
    position: int = Field(default=0, sa_column=_big())


class PeerState(SQLModel, table=True):
    """What we know of one log at one peer: the last thing it told us, and how the last exchange went."""

    __tablename__ = "peer_state"
    peer: str = Field(sa_column=Column(Text, primary_key=True))
    log_id: int = Field(sa_column=_log_id())
    direction: str = Field(sa_column=Column(Text, nullable=False))
    witnessed_size: int = Field(default=0, sa_column=_big())
    mirrored_size: int = Field(default=0, sa_column=_big())
    payload_next: int = Field(default=0, sa_column=_big())
    custody: str = Field(default="", sa_column=Column(Text, nullable=False))
    last_try_ms: int = Field(default=0, sa_column=_big())
    last_ok_ms: int = Field(default=0, sa_column=_big())
    failures: int = Field(default=0, sa_column=Column(Integer, nullable=False))
    last_error: str = Field(default="", sa_column=Column(Text, nullable=False))


class Policy(SQLModel, table=True):
    """Each version of the trust policy that this node has accepted, as signed."""

    __tablename__ = "policy"
    version: int = Field(sa_column=_big(primary_key=True))
    note: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    accepted_ms: int = Field(sa_column=_big())


class Meta(SQLModel, table=True):
    """Single facts about this database, such as its identity."""

    __tablename__ = "meta"
    name: str = Field(sa_column=Column(Text, primary_key=True))
    value: str = Field(sa_column=Column(Text, nullable=False))


class RequestNonce(SQLModel, table=True):
    """A nonce of a signed request, with the key's id before it, and when it came; kept while its time would pass."""

    __tablename__ = "request_nonce"
    __table_args__ = (Index("ix_request_nonce_seen_s", "seen_s"),)
    nonce: str = Field(sa_column=Column(Text, primary_key=True))
    seen_s: int = Field(sa_column=_big())


class Told(SQLModel, table=True):
    """A number that rises when there is news of one sort for the other processes of this node."""

    __tablename__ = "told"
    name: str = Field(sa_column=Column(Text, primary_key=True))
    number: int = Field(sa_column=_big())


# --- read tables: rebuilt from the logs at any time -----------------------------------------------------------------


class RecordView(SQLModel, table=True):
    """Every version of every record whose header could be read and whose chain holds (L3).

    `state` is current, superseded or withdrawn. `content` says what this node has of the main section: held, withheld
    (its audience leaves this node out), sealed, missing or unreadable. `seq` counts rows in the order in which they
    came to this node or were projected again: what a feed over many logs goes by, so that it never loses one.
    """

    __tablename__ = "record_view"
    log_id: int = Field(sa_column=_log_id())
    idx: int = Field(sa_column=_big(primary_key=True))
    record_id: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    version: int = Field(sa_column=_big())
    kind: str = Field(sa_column=Column(Text, nullable=False))
    leaf: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    claimed_ms: int = Field(sa_column=_big())
    state: str = Field(sa_column=Column(Text, nullable=False))
    content: str = Field(sa_column=Column(Text, nullable=False))
    title: str = Field(sa_column=Column(Text, nullable=False))
    made_up: bool = Field(default=False)
    seq: int = Field(sa_column=_big())
    __table_args__ = (
        Index("ix_record_view_seq", "seq"),
        Index("ix_record_view_record_id", "record_id", "version"),
        Index("ix_record_view_kind", "kind", "seq"),
        Index("ix_record_view_claimed_ms", "claimed_ms"),
    )


class TradeView(SQLModel, table=True):
    """The current version of each trade record, and of each public act of a trade, also when that was withdrawn.

    `search` holds its words in lower case, for finding. `disclosure` is one of the five kinds (R30), `trade` the key of
    the trade that an act belongs to, empty for a record of a former centre.
    `doc` is its number in the word index (`node.store.word_terms.doc_number`): the lists are in the order of `doc`.
    """

    __tablename__ = "trade_view"
    log_id: int = Field(sa_column=_log_id())
    record_id: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    idx: int = Field(sa_column=_big())
    kind: str = Field(sa_column=Column(Text, nullable=False))
    category: str = Field(sa_column=Column(Text, nullable=False))
    stage: str = Field(sa_column=Column(Text, nullable=False))
    title: str = Field(sa_column=Column(Text, nullable=False))
    project_code: str = Field(sa_column=Column(Text, nullable=False))
    section_code: str = Field(sa_column=Column(Text, nullable=False))
    division: str = Field(sa_column=Column(Text, nullable=False))
    division_name: str = Field(sa_column=Column(Text, nullable=False))
    owner: str = Field(sa_column=Column(Text, nullable=False))
    agency: str = Field(sa_column=Column(Text, nullable=False))
    winner: str = Field(sa_column=Column(Text, nullable=False))
    amount_fen: int | None = Field(default=None, sa_column=_big(nullable=True))
    amount_text: str = Field(sa_column=Column(Text, nullable=False))
    published_on: str = Field(sa_column=Column(Text, nullable=False))
    source_url: str = Field(sa_column=Column(Text, nullable=False))
    disclosure: str = Field(default="", sa_column=Column(Text, nullable=False, server_default=""))
    trade: str = Field(default="", sa_column=Column(Text, nullable=False, server_default=""))
    project_name: str = Field(default="", sa_column=Column(Text, nullable=False, server_default=""))
    flags: int = Field(default=0, sa_column=Column(Integer, nullable=False))
    made_up: bool = Field(default=False)
    search: str = Field(sa_column=Column(Text, nullable=False))
    doc: int = Field(default=0, sa_column=_big())
    __table_args__ = (
        Index("ix_trade_view_doc", "doc", "log_id", "idx"),
        Index("ix_trade_view_project_code", "project_code"),
    )


class CreditView(SQLModel, table=True):
    """The current version of each credit record. `points` is a score or its change, in thousandths."""

    __tablename__ = "credit_view"
    log_id: int = Field(sa_column=_log_id())
    record_id: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    idx: int = Field(sa_column=_big())
    kind: str = Field(sa_column=Column(Text, nullable=False))
    sort: str = Field(sa_column=Column(Text, nullable=False))
    party: str = Field(sa_column=Column(Text, nullable=False))
    uscc: str = Field(sa_column=Column(Text, nullable=False))
    subject: str = Field(sa_column=Column(Text, nullable=False))
    grade: str = Field(sa_column=Column(Text, nullable=False))
    points: int | None = Field(default=None, sa_column=_big(nullable=True))
    authority: str = Field(sa_column=Column(Text, nullable=False))
    starts_on: str = Field(sa_column=Column(Text, nullable=False))
    ends_on: str = Field(sa_column=Column(Text, nullable=False))
    document_no: str = Field(sa_column=Column(Text, nullable=False))
    source_url: str = Field(sa_column=Column(Text, nullable=False))
    made_up: bool = Field(default=False)
    search: str = Field(sa_column=Column(Text, nullable=False))
    doc: int = Field(default=0, sa_column=_big())
    __table_args__ = (
        Index("ix_credit_view_doc", "doc", "log_id", "idx"),
        Index("ix_credit_view_uscc", "uscc", "starts_on"),
    )


class EntityView(SQLModel, table=True):
    """The current version of each market party."""

    __tablename__ = "entity_view"
    log_id: int = Field(sa_column=_log_id())
    record_id: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    idx: int = Field(sa_column=_big())
    name: str = Field(sa_column=Column(Text, nullable=False))
    uscc: str = Field(sa_column=Column(Text, nullable=False))
    division: str = Field(sa_column=Column(Text, nullable=False))
    registered_on: str = Field(sa_column=Column(Text, nullable=False))
    doc: int = Field(default=0, sa_column=_big())
    __table_args__ = (
        Index("ix_entity_view_doc", "doc", "log_id", "idx"),
        Index("ix_entity_view_name", "name", "log_id", "idx"),
    )


class ExpertView(SQLModel, table=True):
    """The current version of each expert's profile, without anything personal."""

    __tablename__ = "expert_view"
    log_id: int = Field(sa_column=_log_id())
    record_id: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    idx: int = Field(sa_column=_big())
    alias: str = Field(sa_column=Column(Text, nullable=False))
    classes: str = Field(sa_column=Column(Text, nullable=False))
    division: str = Field(sa_column=Column(Text, nullable=False))
    standing: str = Field(sa_column=Column(Text, nullable=False))
    made_up: bool = Field(default=False)


class CodeView(SQLModel, table=True):
    """The current version of each row of a code table: `table_name` is the record kind."""

    __tablename__ = "code_view"
    log_id: int = Field(sa_column=_log_id())
    record_id: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    idx: int = Field(sa_column=_big())
    table_name: str = Field(sa_column=Column(Text, nullable=False))
    code: str = Field(sa_column=Column(Text, nullable=False))
    name: str = Field(sa_column=Column(Text, nullable=False))
    parent: str = Field(sa_column=Column(Text, nullable=False))
    __table_args__ = (Index("ix_code_view_code", "table_name", "code"),)


class Quarantine(SQLModel, table=True):
    """An entry that the projection could not read, with the reason; nothing behind it is held up (L15)."""

    __tablename__ = "quarantine"
    log_id: int = Field(sa_column=_log_id())
    idx: int = Field(sa_column=_big(primary_key=True))
    kind: str = Field(sa_column=Column(Text, nullable=False))
    code: str = Field(sa_column=Column(Text, nullable=False))
    reason: str = Field(sa_column=Column(Text, nullable=False))


class ViewCount(SQLModel, table=True):
    """How many rows of a read table have a value in a field, so that no page counts them: kept with the rows."""

    __tablename__ = "view_count"
    view: str = Field(sa_column=Column(Text, primary_key=True))
    field: str = Field(sa_column=Column(Text, primary_key=True))
    value: str = Field(sa_column=Column(Text, primary_key=True))
    number: int = Field(default=0, sa_column=_big())
