"""Every address of the node-to-node protocol and of the public interface: for server, client and documents alike."""

from __future__ import annotations

import hashlib
from urllib.parse import quote

ADD_CHECKPOINT = "/tlog/add-checkpoint"
ADD_ENTRIES = "/tlog/add-entries"
TLOG = "/tlog/{origin_hash}"
CHECKPOINT = TLOG + "/checkpoint"
TILE = TLOG + "/{tile:tile/.+}"
WITNESS_CHECKPOINT = "/witness/{origin_hash}/checkpoint"
LOGS = "/api/logs"
COSIGNED = "/api/logs/{origin_hash}/cosigned/{cosigner:.+}"
CUSTODY = "/api/logs/{origin_hash}/custody"
PAYLOADS = "/api/logs/{origin_hash}/payloads"
PAYLOAD_STATE = "/api/logs/{origin_hash}/payloads/state"
WRAPS = "/api/logs/{origin_hash}/wraps"
POLICY = "/api/policy"
POLICY_VERSION = "/api/policy/{version}"
ENROL = "/api/enrol"
CONSISTENCY = "/api/logs/{origin_hash}/consistency"
HELLO = "/api/hello"
NEWS = "/api/news"
UNIFIED_CODES = "/api/codes/unified"
ALARMS = "/api/alarms"
FILES_ASKED = "/api/files/asked"
FILE_PIECE = "/api/files/{sha256:[0-9a-f]+}"
FILE = "/files/{sha256:[0-9a-f]+}"
UPLOADS = "/files/uploads"
UPLOAD = "/files/uploads/{upload}"
RECORDS = "/api/records"
RECORD = "/api/records/{record_id}"
RECORD_RECEIPT = "/api/records/{record_id}/receipt"
RECORD_ENTRY = "/api/records/{record_id}/entry"
RECORD_PAYLOAD = "/api/records/{record_id}/payload/{section}"


def origin_hash(origin: str) -> str:
    """Lowercase hex SHA-256 of an origin: how c2sp.org/tlog-mirror and tlog-witness name a log in an address."""
    return hashlib.sha256(origin.encode()).hexdigest()


def tlog(origin: str, rest: str) -> str:
    return f"/tlog/{origin_hash(origin)}/{rest}"


def witness_checkpoint(origin: str) -> str:
    return f"/witness/{origin_hash(origin)}/checkpoint"


def cosigned(origin: str, cosigner: str) -> str:
    return f"/api/logs/{origin_hash(origin)}/cosigned/{quote(cosigner, safe='/')}"


def payloads(origin: str) -> str:
    return f"/api/logs/{origin_hash(origin)}/payloads"


def payload_state(origin: str) -> str:
    return f"/api/logs/{origin_hash(origin)}/payloads/state"


def wraps(origin: str) -> str:
    return f"/api/logs/{origin_hash(origin)}/wraps"


def consistency(origin: str, old: int, new: int) -> str:
    return f"/api/logs/{origin_hash(origin)}/consistency?from={old}&to={new}"


def custody(origin: str) -> str:
    return f"/api/logs/{origin_hash(origin)}/custody"


def file_piece(sha256: str, node: str, at: int) -> str:
    """Where bytes of a file are brought that a log of `node` lists, from `at` on."""
    return f"/api/files/{sha256}?node={quote(node, safe='/')}&at={at}"


def file_of(sha256: str, node: str) -> str:
    """A file as a log of `node` lists it."""
    return f"/files/{sha256}?node={quote(node, safe='/')}"
