"""Words of made-up people go in by import and by the publisher, and are hunted everywhere that they must not be.

The hunt looks at headers, addresses, log lines at debug level, metrics, every page and answer without a signature,
receipts, exports, packs for other nodes, the words of errors, and the raw database files of every node.
"""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import structlog
from net import Net, Running
from people import Office, files_of, found_in, person
from sqlalchemy import Connection

from node.domain import KINDS
from node.domain.experts import ExpertEmployment, ExpertIdentity
from node.importing.run import import_file
from node.publishing.erase import Wish
from node.store import logs, payloads, wraps
from node.trusted import audiences_for
from node.wire import header as headers
from node.wire import pack

SEALED = ["欧阳鹓雏", "11010519491231002X", "19912345671", "司马鸑鷟", "440524188001010014", "19887654321"]
BAD = ["慕容鵷鶵", "11010519491231002Z", "19900000001x"]
LOCAL = ["仅本节点之秘辛鬱", "密封而不出门之讖緯"]
RESTRICTED = ["保密单位-P-1", "绝密设计院之彝鼎"]
PROFILE = KINDS["expert.profile"]


@dataclass
class Heard:
    """Every log line of every library, at debug level."""

    lines: list[str] = field(default_factory=list)

    def take(self, _logger: Any, method: str, event: Any) -> Any:
        self.lines.append(f"{method} {event!r}")
        raise structlog.DropEvent

    def text(self) -> bytes:
        return "\n".join(self.lines).encode()


class _Handler(logging.Handler):
    def __init__(self, heard: Heard) -> None:
        super().__init__(logging.DEBUG)
        self._heard = heard

    def emit(self, record: logging.LogRecord) -> None:
        self._heard.lines.append(f"{record.name} {record.getMessage()} {record.exc_info!r}")


@pytest.fixture
def heard() -> Iterator[Heard]:
    listener, before, root = Heard(), structlog.get_config(), logging.getLogger()
    level, handler = root.level, _Handler(listener)
    structlog.configure(
        processors=[structlog.processors.format_exc_info, listener.take],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        cache_logger_on_first_use=False,
    )
    root.setLevel(logging.DEBUG)
    root.addHandler(handler)
    yield listener
    root.removeHandler(handler)
    root.setLevel(level)
    structlog.configure(**before)


@pytest.fixture
def kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Experts with two sections more, that stay at the origin: one plain, one sealed."""
    more = {"notes": (ExpertEmployment, "local"), "secret": (ExpertIdentity, "local")}
    wider = replace(PROFILE, sections=PROFILE.sections | more, sealed=PROFILE.sealed | {"secret"})
    monkeypatch.setitem(KINDS, "expert.profile", wider)


CSV = f"""\
alias,classes,employer,姓名,身份证号,手机
P-2,A0101,{RESTRICTED[1]},{SEALED[3]},{SEALED[4]},{SEALED[5]}
P-3,A0101,某院,{BAD[0]},{BAD[1]},
P-4,A0101,某院,{BAD[0]},,{BAD[2]}
P-5,A0101,某院,,,{SEALED[5]}
"""


async def play(net: Net, directory: Path) -> tuple[Running, bytes]:
    """People come in by both ways and go through three tiers; gives the origin and the id of a record."""
    _, _, east, _ = await net.start("national", "hub", "east", "west")
    plain = person("P-1")
    local = {"notes": ExpertEmployment(employer=LOCAL[0]), "secret": ExpertIdentity(name=LOCAL[1])}
    (first,) = await east.publish(replace(plain, sections={**plain.sections, **local}))
    file = directory / "experts.csv"
    file.write_text(CSV, "utf-8")
    tally = await import_file("expert", file, east.node.publisher.publish)
    assert (tally.published, tally.rejected) == (1, 3), tally
    await net.settle()
    for line in (net.nodes[name].line for name in ("hub", "east", "west")):
        assert line is not None
        line.lose_answers(1)
    await net.settle()
    assert first.record_id is not None
    return east, first.record_id


async def hunt(net: Net, east: Running, heard: Heard) -> list[str]:
    """Where a word was found that must not be there."""
    found: list[str] = []

    def look(where: str, data: bytes, words: list[str]) -> None:
        found.extend(f"{where}: {word}" for word in found_in(data, words))

    every = [*SEALED, *BAD, *LOCAL, *RESTRICTED]
    look("log lines", heard.text(), every)
    for name, node in net.nodes.items():
        for path in await addresses(node):
            status, body = await node.get(path)
            assert status < 500, path
            look(f"{name} {path}", path.encode() + body, every)
        if node.line is not None:
            look(f"{name} addresses called", "\n".join(target for _, target, _ in node.line.log).encode(), every)
        look(f"{name} headers", await headers_of(node), every)
        look(f"{name} key wraps", await wraps_of(node, east), every)
        here = {"east": [*LOCAL[:1], *RESTRICTED], "hub": RESTRICTED}.get(name, [])
        hidden = [word for word in every if word not in here]
        look(f"{name} database", files_of(node), hidden)
        look(f"{name} payloads", await payloads_of(node, east), hidden)
    for name, may in (("national", []), ("west", []), ("hub", RESTRICTED)):
        packs = await packs_for(net, east, net.nodes[name])
        look(f"packs for {name}", packs, [word for word in every if word not in may])
    return found


async def addresses(node: Running) -> list[str]:
    """Every address that this node answers without a signature: pages, lists, exports, records with their parts."""
    status, document = await node.get("/openapi.json")
    assert status == 200
    plain = [path for path in re.findall(r'"(/[^"{}]*)":', document.decode()) if path not in ("/api/policy/",)]
    rows = await node.node.store.read(known_records)
    for record_id, sections in rows:
        base = f"/api/records/{record_id.hex()}"
        plain += [f"/records/{record_id.hex()}", base, f"{base}/receipt", f"{base}/entry"]
        plain += [f"{base}/payload/{section}" for section in sections]
    for log in await node.node.store.read(logs.all_logs):
        plain += [f"/tlog/{log.origin_hash}/checkpoint", f"/api/logs/{log.origin_hash}/custody"]
        plain += [f"/api/logs/{log.origin_hash}/wraps", f"/api/logs/{log.origin_hash}/payloads/state"]
        if log.stored_size:
            plain.append(f"/api/logs/{log.origin_hash}/payloads?start=0&end={log.stored_size}")
    return list(dict.fromkeys(plain))


def known_records(conn: Connection) -> list[tuple[bytes, list[str]]]:
    found = []
    for log in logs.all_logs(conn):
        for entry in logs.entries(conn, log.id, 0, log.stored_size):
            parsed = headers.parse(entry)
            found.append((parsed.record_id, [section.name for section in parsed.sections]))
    return found


async def headers_of(node: Running) -> bytes:
    def read(conn: Connection) -> bytes:
        return b"\n".join(
            entry for log in logs.all_logs(conn) for entry in logs.entries(conn, log.id, 0, log.stored_size)
        )

    return await node.node.store.read(read)


async def payloads_of(node: Running, east: Running) -> bytes:
    """All payloads held, taken out of their packs: raw files show compressed ones to nobody."""

    def read(conn: Connection) -> bytes:
        log = logs.get(conn, east.origin)
        return b"\n".join(row.payload for row in payloads.read_range(conn, log.id, 0, log.stored_size).values())

    return await node.node.store.read(read)


async def wraps_of(node: Running, east: Running) -> bytes:
    def read(conn: Connection) -> bytes:
        rows, _ = wraps.after(conn, logs.get(conn, east.origin).id, 0, ["restricted+sealed", "local+sealed"])
        return "\n".join(row.note for row in rows).encode()

    return await node.node.store.read(read)


async def packs_for(net: Net, east: Running, node: Running) -> bytes:
    theirs = audiences_for(east.node.trusted, node.node.settings.name, east.origin)

    def read(conn: Connection) -> bytes:
        log = logs.get(conn, east.origin)
        made = payloads.packed(conn, log.id, east.origin, 0, log.stored_size, theirs)[0]
        return b"\n".join(row.payload for data in made for row in pack.parse(data).rows)

    return await east.node.store.read(read)


@pytest.mark.usefixtures("kinds")
async def test_l02_no_word_of_a_person_is_found_where_it_must_not_be(net: Net, heard: Heard, tmp_path: Path) -> None:
    east, record_id = await play(net, tmp_path)
    assert await hunt(net, east, heard) == []
    # The hunt finds what is there: what origin and hub may hold in plain, they do.
    for name, words in (("east", [LOCAL[0], *RESTRICTED]), ("hub", RESTRICTED)):
        assert found_in(await payloads_of(net.nodes[name], east), words) == words
    hub = net.nodes["hub"].node
    opened = await hub.store.read(lambda conn: hub.sealer.open(conn, east.origin, 0, "identity"))
    assert found_in(opened, SEALED[:3]) == SEALED[:3]
    assert len(heard.lines) > 100
    # And when the person is erased, the words are in no file of origin and hub any more.
    sections = ("identity", "employment", "notes", "secret")
    office, wish = Office(net), Wish(record_id, east.origin, "consent-withdrawn", sections=sections)
    await office.publish(east, await office.order(east, wish, east, net.nodes["hub"]))
    await net.settle()
    for name, node in net.nodes.items():
        gone = [*LOCAL, RESTRICTED[0], *SEALED[:3]]
        assert found_in(files_of(node) + await payloads_of(node, east), gone) == [], name
        assert not await node.fsck(), name


@pytest.mark.usefixtures("kinds")
async def test_l23_the_hunt_would_find_a_section_that_is_not_sealed(
    net: Net, heard: Heard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_kind = replace(KINDS["expert.profile"], sealed=frozenset())
    monkeypatch.setitem(KINDS, "expert.profile", open_kind)
    east, _ = await play(net, tmp_path)
    found = await hunt(net, east, heard)
    for where in ("east database", "hub database", "east payloads", "hub payloads"):
        assert any(line == f"{where}: {SEALED[0]}" for line in found), where


@pytest.mark.parametrize("word", [SEALED[0], SEALED[1], RESTRICTED[0]])
def test_a_word_is_found_in_every_form(word: str) -> None:
    plain = word.encode()
    for prefix in (b"", b"x", b"xy"):
        for data in (plain, word.encode("gb18030"), word.encode("utf-16-le")):
            assert found_in(prefix + data + b"z", [word]) == [word]
        assert found_in(repr(prefix + plain).encode(), [word]) == [word]
        for data in (plain, word.encode("gb18030")):
            assert found_in(base64.b64encode(prefix + data + b"end"), [word]) == [word]
            assert found_in((prefix + data).hex().encode(), [word]) == [word]
    assert found_in(b"nothing of the kind", [word]) == []
