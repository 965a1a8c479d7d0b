from __future__ import annotations

from hashlib import sha256

from node.wire import paths

ORIGIN = "ggzy.example/cq/500103/1"
HASH = sha256(ORIGIN.encode()).hexdigest()


def test_addresses_of_one_log() -> None:
    assert paths.origin_hash(ORIGIN) == HASH
    assert paths.tlog(ORIGIN, "tile/0/000") == f"/tlog/{HASH}/tile/0/000"
    assert paths.witness_checkpoint(ORIGIN) == f"/witness/{HASH}/checkpoint"
    assert paths.payloads(ORIGIN) == f"/api/logs/{HASH}/payloads"
    assert paths.payload_state(ORIGIN) == f"/api/logs/{HASH}/payloads/state"
    assert paths.custody(ORIGIN) == f"/api/logs/{HASH}/custody"


def test_a_cosigners_name_cannot_leave_its_place() -> None:
    assert paths.cosigned(ORIGIN, "a.example/witness") == f"/api/logs/{HASH}/cosigned/a.example/witness"
    assert paths.cosigned(ORIGIN, "a?b#c 渝").endswith("/cosigned/a%3Fb%23c%20%E6%B8%9D")
