"""Every set that is mapped goes out as an envelope that parses, keeps its rules, and is taken by the receiver."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from node.domain.credit import BlacklistEntry, CreditBehaviour, CreditScore
from node.domain.entities import Company
from node.domain.record import Party
from node.domain.standard_lint import Context, lint
from node.uplink import credit, envelope, held, mapping, outbox, parties, sending
from node.uplink.shape import Message, Sender
from tests.uplink.test_mapping import CONSTRUCTION, OTHER_TRADES, WINNER, case_of, numbers, trade_of
from tests.uplink.test_mapping_sets import CASES, Rows
from tests.uplink.world import SENDER as WORLD_SENDER
from tests.uplink.world import World, messages

SENDER = Sender(platform_code="1" * 18, plat_no="5" * 11)
FAILED: Rows = [("register", [], OTHER_TRADES[-1][2][0][2]), ("failed", ["1"], {"reason": "无人报名"})]
CONTRACTED: Rows = [
    *OTHER_TRADES[0][2],
    (
        "contract_notice",
        ["1"],
        {"content": "合同公告", "amount": 100_00, "parties": [WINNER]},
    ),
    ("clarification", [], {"content": "更正", "bid_deadline": 1_766_000_000_000}),
]
TRADES: list[tuple[str, str, Rows]] = [
    ("工程建设", "construction", CONSTRUCTION),
    *((row[0], row[1], row[2]) for row in OTHER_TRADES),
    *((row[1], row[2], row[3]) for row in CASES),
    ("其他", "other", FAILED),
    ("政府采购", "procurement", CONTRACTED),
    (
        "矿业权",
        "mining",
        [
            ("register", [], {"right": "mining", "lots": [{"number": "1", "name": "一区", "area": 3, "years": 5}]}),
            ("notice", [], {"content": "出让公告"}),
        ],
    ),
    (
        "工程建设",
        "construction",
        [("register", [], {"qualification": "pre"}), ("prequal_result", [], {"passed": [WINNER], "content": "结果"})],
    ),
    ("工程建设", "construction", [*CONSTRUCTION[:2], ("clarification", [], {"content": "澄清内容", "affects": False})]),
]
PARTY = Party(WINNER["name"], WINNER["uscc"])
BARE: list[Message] = [
    *parties.messages("0" * 32, Company(name=PARTY.name, uscc=PARTY.uscc, division="500103", capital="100万元")),
    *credit.blacklist("1" * 32, BlacklistEntry(party=PARTY, authority="某局", reason="围标", decided_on="2025-01-01")),
    *credit.behaviour("2" * 32, CreditBehaviour(party=PARTY, good=True, reason="表彰"), "2025-01-01"),
    *credit.behaviour("3" * 32, CreditBehaviour(party=PARTY, good=False, reason="违约"), "2025-01-01"),
    *credit.score("4" * 32, CreditScore(party=PARTY, field_of_work="施工", qualification="一级", grade="A")),
]


def of_trade(category: str, package: str, rows: Rows, upto: int) -> list[Message]:
    if "owner" not in rows[0][2]:
        rows = [("register", [], OTHER_TRADES[0][2][0][2] | rows[0][2]), *rows[1:]]
    case = case_of(trade_of(category, package, rows, upto))
    return mapping.of_case(held.packaged(), case, numbers(case), SENDER)


def every() -> Iterator[tuple[str, list[Message]]]:
    """(name, messages of one act) of all acts of all trades."""
    for category, package, rows in TRADES:
        for upto in range(1, len(rows) + 1):
            yield f"{package} {rows[upto - 1][0]}", of_trade(category, package, rows, upto)


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.close()


def test_no_mapped_set_is_left_out() -> None:
    seen = {message.number for _, made in every() for message in made}
    mapped = {number for templates in mapping.TEMPLATES.values() for number in templates}
    assert mapped - seen == set()


@pytest.mark.parametrize("message", BARE, ids=[message.number for message in BARE])
async def test_a_record_that_is_no_act_is_taken_or_says_what_it_lacks(world: World, message: Message) -> None:
    """Registers and credit pages say less than 100, 300 and 304 ask for (docs/uplink.md): such a record is held."""
    world.put(b"\x07" * 16, message)
    await world.drain()
    (row,) = world.rows()
    refused = {fault.field for fault in sending.faults_of(row["faults"]) if fault.severity == "refuse"}
    assert row["state"] == ("held" if refused else "accepted")
    assert bool(refused) == (message.number in ("100", "300", "304"))


@pytest.mark.parametrize(("category", "package", "acts"), TRADES, ids=[f"{row[1]} {row[2][-1][0]}" for row in TRADES])
async def test_it_goes_out_and_is_taken(world: World, category: str, package: str, acts: Rows) -> None:
    """Act by act, each a record of its own, as they come."""
    said = set()
    for upto in range(1, len(acts) + 1):
        made = of_trade(category, package, acts, upto)
        said |= {(message.number, message.subject) for message in made}
        world.put(bytes([upto]) * 16, *made)
        await world.drain()
    rows = world.rows()
    told = [(row["number"], fault.field, fault.rule) for row in rows for fault in sending.faults_of(row["faults"])]
    refused = [each for each in told if each[2] not in ("Filled", "Domain", "Unknown")]
    assert refused == [], refused
    assert {row["state"] for row in rows} <= {"accepted"}, [
        (row["number"], row["state"], row["answer"]) for row in rows
    ]
    assert {(row["number"], row["subject"]) for row in rows} == said
    # And each envelope by itself: whole, of the set's elements alone, and none that the standard would refuse.
    standard = held.packaged()
    stored = world.store.read_now(lambda conn: list(conn.execute(select(messages)).mappings()))
    for row in stored:
        fields = sending.as_sent(standard, held.fills(), WORLD_SENDER, row, world.now_ms)
        due = sending.Due(row["id"], row["data_key"], row["number"], "insert", fields, False, 1)
        read = envelope.read(sending.envelope_of(standard, WORLD_SENDER, due))
        dataset = standard.sets[row["number"]]
        assert (read.title["DATA_NO"], read.title["DATA_EN"]) == (dataset.number, dataset.name)
        found = lint(standard, dataset, read.context or {}, Context())
        assert [fault for fault in found if fault.severity == "refuse" or fault.rule == "Unknown"] == []
        assert outbox.SOURCE not in (read.context or {})
