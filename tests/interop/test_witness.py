"""Our node as a witness, judged by the second implementation: every status word of c2sp.org/tlog-witness (L12)."""

from __future__ import annotations

import asyncio
import gzip
import json
import random
from collections.abc import Callable

import aiohttp
import pytest

from tests.interop.client import EMPTY, Key, Log, Note, b64, checkpoint_body, head_text, open_head
from tests.interop.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")


def is_problem(answer, status: int, code: str = "") -> None:  # type: ignore[no-untyped-def]
    assert answer.status == status, (answer.status, answer.body[:300])
    assert answer.type.startswith("application/problem+json")
    problem = json.loads(answer.body)
    assert problem["status"] == status and (not code or problem["code"] == code), problem


async def test_L12_a_first_head_is_cosigned_and_a_grown_one_too(world: World) -> None:
    log = world.log(300)
    before = 0
    for size in (1, 2, 255, 256, 257, 300):
        answer = await world.remote.add_checkpoint(log.checkpoint_body(before, size))
        assert answer.cosignature(world.witness, log.text(size)) == world.now
        before = size


async def test_L13_witness_and_mirror_are_two_names_and_two_keys(world: World) -> None:
    assert world.witness.kind == world.mirror.kind == 4
    assert world.witness.name != world.mirror.name
    assert len({key.public for key in world.vkeys.values()}) == len(world.vkeys)
    log = world.log(3)
    answer = await world.remote.add_checkpoint(log.checkpoint_body(0, 3))
    assert world.mirror.name not in answer.body.decode(), "a mirror signs nothing at add-checkpoint"


async def test_L12_the_same_head_again_gives_a_fresh_cosignature(world: World) -> None:
    log = world.log(7)
    await world.pending(log, 7)
    world.forward(5)
    answer = await world.remote.add_checkpoint(log.checkpoint_body(7, 7))
    assert answer.cosignature(world.witness, log.text(7)) == world.now
    # The monitor sees the fresh one, beside the log's.
    shown = await world.remote.get(f"/witness/{log.hash}/checkpoint")
    _, signers = open_head(shown.body, [log.key.vkey], [world.witness])
    assert signers == {log.key.vkey: None, world.witness: world.now}


async def test_L12_409_tells_the_size_that_is_witnessed(world: World) -> None:
    log = world.log(20)
    fresh = await world.remote.add_checkpoint(log.checkpoint_body(3, 20))
    assert fresh.size() == 0, "never cosigned: zero"
    await world.pending(log, 10)
    for old, new in ((0, 20), (9, 20), (0, 10), (0, 0), (4, 5), (11, 20), (20, 20)):
        assert (await world.remote.add_checkpoint(log.checkpoint_body(old, new))).size() == 10, (old, new)
    await world.pending(log, 20, old=10)


async def test_L12_409_comes_before_a_proof_is_looked_at(world: World) -> None:
    log = world.log(20)
    await world.pending(log, 10)
    assert (await world.remote.add_checkpoint(checkpoint_body(4, [bytes(32)] * 9, log.note(20)))).size() == 10


async def test_an_old_size_beyond_the_checkpoint_is_400(world: World) -> None:
    log = world.log(20)
    await world.pending(log, 20)
    is_problem(await world.remote.add_checkpoint(checkpoint_body(20, [], log.note(10))), 400, "malformed")
    is_problem(await world.remote.add_checkpoint(checkpoint_body(11, [], log.note(10))), 400, "malformed")


BODIES: dict[str, Callable[[str, str], str]] = {
    "nothing": lambda note, proof: "",
    "no old line": lambda note, proof: f"\n{note}",
    "old without a number": lambda note, proof: f"old \n\n{note}",
    "a leading zero": lambda note, proof: f"old 00\n\n{note}",
    "a sign": lambda note, proof: f"old +0\n\n{note}",
    "minus": lambda note, proof: f"old -1\n\n{note}",
    "two spaces": lambda note, proof: f"old  0\n\n{note}",
    "a tab": lambda note, proof: f"old\t0\n\n{note}",
    "capitals": lambda note, proof: f"OLD 0\n\n{note}",
    "another script's digit": lambda note, proof: f"old ０\n\n{note}",
    "a number too long": lambda note, proof: f"old {'9' * 400}\n\n{note}",
    "2^64": lambda note, proof: f"old {2**64}\n\n{note}",
    "carriage returns": lambda note, proof: f"old 0\r\n\r\n{note}",
    "no empty line": lambda note, proof: f"old 0\n{note}",
    "a short hash": lambda note, proof: f"old 0\n{b64(bytes(31))}\n\n{note}",
    "a long hash": lambda note, proof: f"old 0\n{b64(bytes(33))}\n\n{note}",
    "no base64": lambda note, proof: f"old 0\n{'*' * 44}\n\n{note}",
    "loose base64": lambda note, proof: f"old 0\n{proof[:-2]}B=\n\n{note}",
    "64 hashes": lambda note, proof: "old 0\n" + f"{proof}\n" * 64 + f"\n{note}",
    "a size line more": lambda note, proof: f"old 0\nold 0\n\n{note}",
    "no note": lambda note, proof: "old 0\n\n",
    "a note without signatures": lambda note, proof: "old 0\n\n" + note.partition("\n\n")[0] + "\n\n",
    "a note cut short": lambda note, proof: f"old 0\n\n{note[:-1]}",
    "a note with a control character": lambda note, proof: f"old 0\n\n{note.replace('— ', '—' + chr(9), 1)}",
    "a signature that is no base64": lambda note, proof: f"old 0\n\n{note}— x.example ====\n",
    "a signature of a key id alone": lambda note, proof: f"old 0\n\n{note}— x.example {b64(bytes(4))}\n",
    "a signature line without a name": lambda note, proof: f"old 0\n\n{note}—  {b64(bytes(68))}\n",
    "a plus in a key name": lambda note, proof: f"old 0\n\n{note}— x+y.example {b64(bytes(68))}\n",
    "a no-break space in a key name": lambda note, proof: f"old 0\n\n{note}— x\u00a0y {b64(bytes(68))}\n",
    "an ideographic space in a key name": lambda note, proof: f"old 0\n\n{note}— 重庆\u3000见证 {b64(bytes(68))}\n",
    "a hyphen for the dash": lambda note, proof: f"old 0\n\n{note}- x.example {b64(bytes(68))}\n",
    "something after the note": lambda note, proof: f"old 0\n\n{note}more\n",
}


@pytest.mark.parametrize("how", BODIES)
async def test_malformed_bodies_are_400(world: World, how: str) -> None:
    log = world.log(5)
    body = BODIES[how](log.note(5).decode(), b64(bytes(32))).encode()
    is_problem(await world.remote.add_checkpoint(body), 400, "malformed")
    assert (await world.state(log.origin)) is None, "nothing is kept of it"


HEADS: dict[str, Callable[[Log], str]] = {
    "two lines": lambda log: f"{log.origin}\n5\n",
    "no origin": lambda log: f"\n5\n{b64(bytes(32))}\n",
    "a size with a zero before": lambda log: head_text(log.origin, 5, log.tree.root(5)).replace("\n5\n", "\n05\n"),
    "a negative size": lambda log: head_text(log.origin, -5, log.tree.root(5)),
    "a size of 2^63": lambda log: head_text(log.origin, 2**63, log.tree.root(5)),
    "a short root": lambda log: head_text(log.origin, 5, bytes(31)),
    "a loose root": lambda log: head_text(log.origin, 5, bytes(32)).replace("AA=", "AB="),
    "an empty extension line": lambda log: head_text(log.origin, 5, log.tree.root(5), "", "x"),
}


@pytest.mark.parametrize("how", HEADS)
async def test_malformed_checkpoints_are_400_although_the_log_signed_them(world: World, how: str) -> None:
    log = world.log(5)
    text = HEADS[how](log)
    note = (text + "\n" + log.key.line(text)).encode()
    answer = await world.remote.add_checkpoint(checkpoint_body(0, [], note))
    is_problem(answer, 400, "malformed")


async def test_bytes_that_are_no_text_are_400(world: World) -> None:
    note = world.log(5).note(5)
    for body in (b"\xff\xfe", b"old 0\n\n\xff" + note, b"old 0\n\n" + note + b"\xe2\x80\n", bytes(1000)):
        is_problem(await world.remote.add_checkpoint(body), 400, "malformed")


async def test_an_unknown_origin_is_404_before_its_signature_is_looked_at(world: World) -> None:
    strange = Log(Key("ggzy.example/elsewhere/1")).grow_to(5)
    is_problem(await world.remote.add_checkpoint(strange.checkpoint_body(0, 5)), 404)
    nearly = Log(Key(world.district().log.name + "0")).grow_to(5)
    is_problem(await world.remote.add_checkpoint(nearly.checkpoint_body(0, 5)), 404)
    # A node is no witness of itself.
    own = Log(Key(world.hub.settings.origin)).grow_to(5)
    is_problem(await world.remote.add_checkpoint(own.checkpoint_body(0, 5)), 404)


async def test_no_signature_of_a_trusted_key_is_403(world: World) -> None:
    log = world.log(5)
    text = log.text(5)
    others = {
        "another key of the same name": Key(log.origin).line(text),
        "the key under another name": log.key.line(text, name="x.example"),
        "a cosigner's signature by the log's key": Key(log.origin, 4, log.key.private.private_bytes_raw()).line(text),
        "another district's key": world.district().log.line(text),
    }
    for how, line in others.items():
        answer = await world.remote.add_checkpoint(checkpoint_body(0, [], (text + "\n" + line).encode()))
        is_problem(answer, 403, "bad-signature")
        assert (await world.state(log.origin)) is None, how


async def test_a_trusted_key_whose_signature_fails_spoils_the_note(world: World) -> None:
    log = world.log(5)
    text = log.text(5)
    good, bad = log.key.line(text), log.key.line(text, spoil=True)
    for lines in (bad, bad + good, good + bad, f"— {log.origin} {b64(log.key.vkey.id + b'x')}\n" + good):
        answer = await world.remote.add_checkpoint(checkpoint_body(0, [], (text + "\n" + lines).encode()))
        is_problem(answer, 403, "bad-signature")
    of_another_text = log.key.line(log.text(4))
    answer = await world.remote.add_checkpoint(checkpoint_body(0, [], (text + "\n" + of_another_text).encode()))
    is_problem(answer, 403, "bad-signature")


async def test_signatures_of_unknown_keys_are_ignored(world: World) -> None:
    log = world.log(5)
    text, noise = log.text(5), random.Random(5)
    unknown = [
        Key("w.example/1", 4).line(text, time=1),
        Key("重庆.example/见证").line(text),
        f"— {log.origin} {b64(noise.randbytes(68))}\n",  # the log's name under another id
        f"— other.example/x {b64(log.key.vkey.id + noise.randbytes(64))}\n",  # its id under another name
        f"— pq.example/m {b64(noise.randbytes(4 + 8 + 2420))}\n",  # an ML-DSA-44 cosignature has this length
        f"— pq.example/m {b64(noise.randbytes(5000))}\n",
        f"— tiny.example {b64(noise.randbytes(5))}\n",
    ]
    lines = [*unknown, log.key.line(text), *unknown, log.key.line(text)]
    assert len(lines) == 16, "every verifier must accept 16"
    answer = await world.remote.add_checkpoint(checkpoint_body(0, [], (text + "\n" + "".join(lines)).encode()))
    answer.cosignature(world.witness, text)
    # What was not verified is not passed on.
    shown = Note.parse((await world.remote.get(f"/witness/{log.hash}/checkpoint")).body)
    assert sorted(line.name for line in shown.lines) == sorted([log.origin, world.witness.name])


async def test_a_known_cosigners_line_is_kept_when_it_verifies_and_dropped_when_not(world: World) -> None:
    log, other = world.log(5), world.log(6)
    await world.mirrored(log, 5)
    mirrored = (await world.remote.get(f"/tlog/{log.hash}/checkpoint")).body
    # Our own mirror's line comes back on a note: good lines stay what they were.
    answer = await world.remote.add_checkpoint(checkpoint_body(5, [], mirrored))
    answer.cosignature(world.witness, log.text(5))
    # The same line on another log's checkpoint is a lie about the mirror, not about the log.
    line = next(f"{part}\n" for part in mirrored.decode().split("\n") if world.mirror.name in part)
    note = (other.text(6) + "\n" + other.key.line(other.text(6)) + line).encode()
    answer = await world.remote.add_checkpoint(checkpoint_body(0, [], note))
    answer.cosignature(world.witness, other.text(6))
    shown = (await world.remote.get(f"/witness/{other.hash}/checkpoint")).body.decode()
    assert world.mirror.name not in shown


async def test_a_proof_that_does_not_hold_is_422(world: World) -> None:
    log = world.log(20)
    await world.pending(log, 7)
    good = log.tree.consistency(7, 20)
    fork = Log(log.key).grow_to(20, "fork")
    bad = {
        "empty": checkpoint_body(7, [], log.note(20)),
        "one hash short": checkpoint_body(7, good[:-1], log.note(20)),
        "one hash more": checkpoint_body(7, [*good, bytes(32)], log.note(20)),
        "out of order": checkpoint_body(7, good[::-1], log.note(20)),
        "a hash changed": checkpoint_body(7, [bytes(32), *good[1:]], log.note(20)),
        "a proof from elsewhere": checkpoint_body(7, log.tree.consistency(8, 20), log.note(20)),
        "63 hashes": checkpoint_body(7, [bytes(32)] * 63, log.note(20)),
        "a fork with its own proof": fork.checkpoint_body(7, 20),
        "a fork with the honest proof": checkpoint_body(7, good, fork.note(20)),
        "the same size, another root": checkpoint_body(7, [], fork.note(7)),
        "the same size with a proof": checkpoint_body(7, [log.tree.root(7)], log.note(7)),
    }
    for how, body in bad.items():
        is_problem(await world.remote.add_checkpoint(body), 422, "bad-proof")
        state = await world.state(log.origin)
        assert state is not None and state.witnessed_root == log.tree.root(7), how
    await world.pending(log, 20, old=7)


async def test_a_proof_from_nothing_must_be_empty(world: World) -> None:
    """422 also when nothing of the log was ever seen."""
    log = world.log(5)
    is_problem(await world.remote.add_checkpoint(checkpoint_body(0, [bytes(32)], log.note(5))), 422, "bad-proof")
    is_problem(await world.remote.add_checkpoint(checkpoint_body(0, [log.tree.root(5)], log.note(5))), 422)
    shown = await world.remote.get(f"/witness/{log.hash}/checkpoint")
    assert shown.status == 404, "it was never cosigned"
    await world.pending(log, 5)


async def test_an_empty_tree_has_one_root(world: World) -> None:
    log = world.log(5)
    text = head_text(log.origin, 0, bytes(32))
    wrong = (text + "\n" + log.key.line(text)).encode()
    is_problem(await world.remote.add_checkpoint(checkpoint_body(0, [], wrong)), 422, "bad-proof")
    assert log.tree.root(0) == EMPTY
    for _ in range(2):
        answer = await world.remote.add_checkpoint(log.checkpoint_body(0, 0))
        answer.cosignature(world.witness, log.text(0))
    is_problem(await world.remote.add_checkpoint(checkpoint_body(0, [], wrong)), 422, "bad-proof")
    shown = await world.remote.get(f"/witness/{log.hash}/checkpoint")
    assert open_head(shown.body, [log.key.vkey], [world.witness])[0].size == 0
    await world.pending(log, 5)
    assert (await world.remote.add_checkpoint(log.checkpoint_body(0, 0))).size() == 5


async def test_L10_two_heads_of_one_size_are_kept_as_evidence_once(world: World) -> None:
    log = world.log(7)
    fork = Log(log.key).grow_to(7, "fork")
    await world.pending(log, 7)
    for _ in range(3):
        is_problem(await world.remote.add_checkpoint(fork.checkpoint_body(7, 7)), 422, "bad-proof")

    def look(conn):  # type: ignore[no-untyped-def]
        found = conn.exec_driver_sql("SELECT held, shown FROM log_evidence").all()
        return [row for row in found if log.origin in row.held]

    ((held, shown),) = await world.hub.store.read(look)
    roots = [open_head(note.encode(), [log.key.vkey])[0].root for note in (held, shown)]
    assert roots == [log.tree.root(7), fork.tree.root(7)], "both notes verify on their own"


async def test_L10_evidence_does_not_fill_the_disk(world: World) -> None:
    """Junk lines on a forked note are not kept with it, and the number of pairs is bounded."""
    log = world.log(7)
    await world.pending(log, 7)
    junk = f"— x.example {b64(bytes(5000))}\n"
    for number in range(70):
        fork = Log(log.key).grow_to(7, f"fork{number}")
        world.forward(1)
        await world.remote.add_checkpoint(log.checkpoint_body(7, 7))
        is_problem(await world.remote.add_checkpoint(checkpoint_body(7, [], fork.note(7, junk))), 422, "bad-proof")

    def look(conn):  # type: ignore[no-untyped-def]
        found = conn.exec_driver_sql("SELECT held, shown FROM log_evidence").all()
        return [row.shown for row in found if log.origin in row.held]

    kept = await world.hub.store.read(look)
    assert 1 <= len(kept) <= 64 and all(len(note) < 500 for note in kept)


async def test_extension_lines_are_cosigned_and_do_not_make_another_head(world: World) -> None:
    """tlog-cosignature: consensus on extension lines is not assumed; the same size and root is the same head."""
    log = world.log(9)
    plain, more = log.text(5), log.text(5, "ext one", "ext two")
    for old, text in ((0, more), (5, plain), (5, more), (5, log.text(5, "another"))):
        note = (text + "\n" + log.key.line(text)).encode()
        answer = await world.remote.add_checkpoint(checkpoint_body(old, [], note))
        answer.cosignature(world.witness, text)
    answer = await world.remote.get(f"/witness/{log.hash}/checkpoint")
    head, signers = open_head(answer.body, [log.key.vkey], [world.witness])
    assert (head.size, head.root) == (5, log.tree.root(5)) and world.witness in signers
    (await world.remote.add_entries(log.entries_body(0, 5))).cosignature(world.mirror, more)
    await world.pending(log, 9, old=5)


async def test_L12_of_two_racing_growths_one_wins_and_the_other_hears_409(world: World) -> None:
    log = world.log(30)
    await world.pending(log, 5)
    sizes = list(range(6, 30))
    answers = await asyncio.gather(
        *(world.remote.add_checkpoint(log.checkpoint_body(5, size)) for size in sizes),
    )
    won = [size for size, answer in zip(sizes, answers, strict=True) if answer.status == 200]
    assert len(won) == 1
    assert {answer.size() for answer in answers if answer.status != 200} == {won[0]}
    # Two branches of a fork at once: whichever comes first is the history here.
    other = world.log(9)
    fork = Log(other.key).grow_to(9, "fork")
    both = await asyncio.gather(
        *(world.remote.add_checkpoint(each.checkpoint_body(0, size)) for each, size in ((other, 8), (fork, 9)))
    )
    assert sorted(answer.status for answer in both) == [200, 409]


async def test_resubmission_in_a_race_is_harmless(world: World) -> None:
    log = world.log(5)
    await world.pending(log, 5)
    again = await asyncio.gather(*(world.remote.add_checkpoint(log.checkpoint_body(5, 5)) for _ in range(20)))
    for answer in again:
        answer.cosignature(world.witness, log.text(5))


async def test_the_monitoring_address(world: World) -> None:
    log = world.log(9)
    path = f"/witness/{log.hash}/checkpoint"
    assert (await world.remote.get(path)).status == 404, "never cosigned"
    await world.pending(log, 9)
    answer = await world.remote.get(path)
    assert (answer.status, answer.type) == (200, "text/plain; charset=utf-8")
    assert answer.headers["Cache-Control"] in ("no-cache", "no-store")
    head, signers = open_head(answer.body, [log.key.vkey], [world.witness, world.mirror])
    assert (head.size, head.root) == (9, log.tree.root(9))
    assert set(signers) == {log.key.vkey, world.witness}
    assert (
        await world.remote.get(path.upper().replace("/WITNESS", "/witness").replace("CHECKPOINT", "checkpoint"))
    ).status == 404, "the hash is lower case"
    own = await world.remote.get(f"/witness/{Log(Key(world.hub.settings.origin)).hash}/checkpoint")
    assert own.status == 404


async def test_only_post_submits(world: World) -> None:
    for method in ("GET", "PUT", "DELETE", "HEAD"):
        for path in ("/tlog/add-checkpoint", "/tlog/add-entries"):
            answer = await world.remote.send(method, path)
            assert (answer.status, answer.headers["Allow"]) == (405, "POST"), (method, path)


async def test_L12_huge_notes_are_refused_before_they_are_parsed(world: World) -> None:
    log = world.log(5)
    text = log.text(5)
    line = log.key.line(text)
    junk = f"— x.example {b64(bytes(5000))}\n"
    largest = checkpoint_body(0, [], (text + "\n" + line + junk * 99).encode())
    (await world.remote.add_checkpoint(largest)).cosignature(world.witness, text)
    too_many = checkpoint_body(5, [], (text + "\n" + line + junk * 100).encode())
    is_problem(await world.remote.add_checkpoint(too_many), 400, "malformed")
    flood = checkpoint_body(5, [], (text + "\n" + line + f"— x.example {b64(bytes(3 << 19))}\n").encode())
    answers = await asyncio.gather(*(world.remote.add_checkpoint(flood) for _ in range(20)))
    for answer in answers:
        is_problem(answer, 413, "too-large")
    assert (await world.remote.get("/healthz")).status == 200


async def test_a_squeezed_body_is_taken_and_its_inflated_size_counts(world: World) -> None:
    log = world.log(5)
    headers = {"Content-Encoding": "gzip"}
    body = gzip.compress(log.checkpoint_body(0, 5))
    answer = await world.remote.send("POST", "/tlog/add-checkpoint", body, headers)
    answer.cosignature(world.witness, log.text(5))
    flood = gzip.compress(log.checkpoint_body(5, 5) + b"\n" * 2_000_000)
    is_problem(await world.remote.send("POST", "/tlog/add-checkpoint", flood, headers), 413, "too-large")


async def test_all_calls_may_share_a_connection(world: World) -> None:
    """Witnesses SHOULD support keep-alive, so a log need not connect for each head; an error does not end it either."""
    log = world.log(9)
    made = []

    async def connected(*_: object) -> None:
        made.append(1)

    trace = aiohttp.TraceConfig()
    trace.on_connection_create_end.append(connected)
    async with aiohttp.ClientSession(trace_configs=[trace]) as session:
        statuses = []
        for body in (log.checkpoint_body(0, 3), b"", log.checkpoint_body(0, 5), log.checkpoint_body(3, 9)):
            async with session.post(world.remote.base + "/tlog/add-checkpoint", data=body) as answer:
                await answer.read()
                statuses.append(answer.status)
    assert (statuses, len(made)) == ([200, 400, 409, 200], 1)


async def test_no_answer_tells_where_the_node_lives(world: World) -> None:
    directory = str(world.hub.settings.directory)
    for body in (b"", b"old 0\n\n", b"\xff", bytes(5000)):
        answer = await world.remote.add_checkpoint(body)
        assert directory not in answer.body.decode() and "Traceback" not in answer.body.decode()
