"""People for the scenarios: made up, with words that occur nowhere else, so that they can be looked for everywhere."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from net import Net, Running, expert

from node.domain.experts import ExpertIdentity
from node.domain.record import Draft
from node.publishing import erase
from node.publishing.erase import Wish

NAME, NUMBER, PHONE = "欧阳鹓雏", "11010519491231002X", "19912345671"


def person(number: str, *, name: str = NAME, phone: str = PHONE) -> Draft:
    """An expert with a sealed identity."""
    plain = expert(number)
    identity = ExpertIdentity(name=name, number=NUMBER, phone=phone)
    return replace(plain, sections={**plain.sections, "identity": identity}, said={**plain.said, "phone": phone})


def forms(word: str) -> list[bytes]:
    """The ways in which a word may lie in bytes: as text in three codings, hex, base64 at each offset, escaped."""
    plain = [word.encode("utf-8"), word.encode("gb18030"), word.encode("utf-16-le")]
    coded: list[bytes] = []
    for data in plain[:2]:
        coded += [binascii.hexlify(data), binascii.hexlify(data).upper()]
        for offset in range(3):
            # What precedes decides the first letter, what follows the last: the middle is what can be looked for.
            coded.append(base64.b64encode(b"\0" * offset + data)[4 if offset else 0 :].rstrip(b"=")[:-1])
    escaped = word.encode("unicode_escape")
    percent = "".join(f"%{byte:02X}" for byte in plain[0]).encode()
    shown = [repr(data)[2:-1].encode() for data in plain[:2]]
    return list(dict.fromkeys([*plain, *coded, *shown, escaped, percent]))


def found_in(data: bytes, words: list[str]) -> list[str]:
    """Those words that occur in the bytes, in any form."""
    lower = data.lower()
    return [word for word in words if any(form in data or form.lower() in lower for form in forms(word))]


def files_of(running: Running) -> bytes:
    """The raw bytes of a node's database, its log and its index."""
    return b"".join(file.read_bytes() for file in sorted(Path(running.node.settings.directory).glob("node.db*")))


@dataclass
class Office:
    """Two people at two nodes draw up an order; `publish` logs it at one of them."""

    net: Net

    async def order(self, at: Running, wish: Wish, *signers: Running) -> bytes:
        """An order over what `at` holds, signed by these nodes."""
        now_s = self.net.clock() // 1000
        drawn = await at.node.store.read(lambda conn: erase.propose(conn, wish, now_s=now_s, random=bytes_of(now_s)))
        data = erase.sign(drawn.text(), signers[0].node.keys)
        for each in signers[1:]:
            data = erase.approve(data, each.node.keys)
        return data

    async def publish(self, at: Running, data: bytes) -> None:
        (outcome,) = await at.publish(erase.draft(data, "测试中心"))
        assert outcome.state == "published", outcome
        await at.node.projector.run()


def bytes_of(seed: int) -> Callable[[int], bytes]:
    return lambda count: seed.to_bytes(8, "big").rjust(count, b"\x01")


async def states(running: Running, record_id: bytes, version: int = 1) -> dict[str, str]:
    """What a node says of the sections of a version, in its open interface."""
    _, body = await running.get(f"/api/records/{record_id.hex()}")
    versions = json.loads(body)["versions"]
    shown = next(each for each in versions if each["version"] == version)
    return {name: section["state"] for name, section in shown["sections"].items()}
