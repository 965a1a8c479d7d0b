"""Stores, keys and records for tests of the store and of publishing: all made from fixed seeds."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path

from node.domain.codes import Division
from node.domain.experts import ExpertEmployment, ExpertProfile
from node.domain.record import Document, Draft, Source
from node.publishing.publish import Publisher
from node.store.db import Store
from node.store.tables import METADATA
from node.tlog.note import Ed25519Signer, KeyType

ORIGIN = "ggzy.example/cq/500103/1"
OTHER = "ggzy.example/cq/500101/1"
SOURCE = Source("测试中心")
NOW_MS = 1_763_913_600_000


def signer(name: str = ORIGIN, key_type: int = KeyType.ED25519) -> Ed25519Signer:
    return Ed25519Signer(name, key_type, sha256(f"{name} {key_type}".encode()).digest())


def seeded(seed: object) -> Callable[[int], bytes]:
    """Random bytes that are the same each time."""
    return random.Random(repr(seed)).randbytes


def clock() -> int:
    return NOW_MS


def memory_store() -> Store:
    """A database in memory with all tables; it has no triggers, which only a migrated database has."""
    store = Store("sqlite://")
    store.write_now(METADATA.create_all)
    return store


def file_store(path: Path) -> Store:
    return Store(f"sqlite:///{path}")


def publisher(store: Store, *, seed: object = 0, on_publish: Callable[[], None] = lambda: None) -> Publisher:
    return Publisher(store, signer(), clock, random=seeded(seed), on_publish=on_publish)


def division(code: str, name: str = "某区") -> Draft:
    """A record of one public section; the same code again is the same record."""
    document = Document(code, Division(code=code, name=name), SOURCE)
    return Draft("code.division", code, {"main": document}, {"code": code, "name": name})


def expert(alias: str, employer: str = "某设计院") -> Draft:
    """A record of two sections for two audiences: shared and restricted."""
    main = Document(alias, ExpertProfile(alias=alias, classes=["A01"]), SOURCE)
    sections = {"main": main, "employment": ExpertEmployment(employer=employer)}
    return Draft("expert.profile", alias, sections, {"alias": alias, "employer": employer})


def divisions(numbers: Iterable[int]) -> list[Draft]:
    return [division(f"{number:06d}") for number in numbers]
