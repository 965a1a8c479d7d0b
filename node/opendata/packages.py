"""OCDS packages and records: releases of one trade merged into what holds now, by the standard's own merge routine."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import cache
from typing import IO, Any

from ocdsmerge import Merger

from node.opendata.ocds import Said, release
from node.opendata.parts import Json, moment_ms
from node.resources import config_dir

VERSION = "1.1"


@cache
def schema() -> Json:
    """The OCDS 1.1.4 release schema, whose `omitWhenMerged` and `wholeListMerge` the merge routine obeys."""
    found: Json = json.loads((config_dir() / "ocds" / "release-schema-1.1.4.json").read_text("utf-8"))
    return found


@cache
def _merger() -> Any:
    return Merger(schema())


def head(*, url: str, publisher: str, made_ms: int) -> Json:
    """What every package says of itself (standard.open-contracting.org, release and record packages)."""
    return {
        "uri": f"{url}/ocds",
        "version": VERSION,
        "publishedDate": moment_ms(made_ms),
        "publisher": {"name": publisher, "uri": url},
        "publicationPolicy": f"{url}/verify-help",
    }


def record(releases: list[Json]) -> Json:
    """A record: the releases of one `ocid`, in order of their date, and what they come to.

    Those of one second stay in the order in which they are given, which is that of their log.

    >>> record([{"ocid": "x-1", "id": "1", "date": "2025-01-01T00:00:00Z", "tag": ["tender"]}])["ocid"]
    'x-1'
    """
    ordered = sorted(releases, key=lambda each: each["date"])
    compiled = _merger().create_compiled_release(ordered)
    _all_roles(compiled, ordered)
    return {"ocid": ordered[0]["ocid"], "releases": ordered, "compiledRelease": compiled}


def _all_roles(compiled: Json, releases: list[Json]) -> None:
    """A party keeps each role that any release gave it; merging alone would leave those of the last."""
    roles: dict[str, dict[str, None]] = {}
    for each in releases:
        for party in each.get("parties", []):
            roles.setdefault(party["id"], {}).update(dict.fromkeys(party["roles"]))
    for party in compiled.get("parties", []):
        party["roles"] = list(roles.get(party["id"], dict.fromkeys(party["roles"])))


def releases(said: Iterable[Said], *, prefix: str, url: str) -> Iterator[Json]:
    for each in said:
        yield release(each, prefix=prefix, url=url)


def write_package(out: IO[str], about: Json, name: str, items: Iterable[Json]) -> int:
    """Write a package of `releases` or `records` piece by piece, so that its size is not that of the memory it takes.

    Gives how many items it holds.
    """
    out.write(json.dumps(about, ensure_ascii=False)[:-1] + f', "{name}": [')
    count = 0
    for item in items:
        out.write((",\n" if count else "\n") + json.dumps(item, ensure_ascii=False, separators=(",", ":")))
        count += 1
    out.write("\n]}\n")
    return count
