"""The packaged sample: small, importable, addressed or marked, and dealt out to the demonstration's nodes."""

from __future__ import annotations

import json
import re
from importlib import resources
from typing import Any

import pytest

from node.importing.run import import_rows
from node.samples import DISTRICTS, HUB, MANIFEST, NATIONAL, NODES, Sample, made_up, read, rows

COUNTS = {
    "results.jsonl": 130,
    "candidates.jsonl": 80,
    "notices.jsonl": 30,
    "mining.jsonl": 3,
    "blacklist.jsonl": 20,
    "divisions.jsonl": 38,
    "divisions_national.jsonl": 3,
    "expert_classes.jsonl": 286,
    "credit_scores.jsonl": 30,
    "experts.jsonl": 30,
}


@pytest.mark.parametrize("sample", MANIFEST, ids=[sample.file for sample in MANIFEST])
async def test_a_file_of_the_sample_goes_in(sample: Sample, publisher: Any) -> None:
    held = read(sample)
    assert len(held) == COUNTS[sample.file]
    tally = await import_rows(sample.kind, held, publisher)
    assert (tally.published, tally.rejected) == (len(held), 0)
    for versions in publisher.versions.values():
        document = versions[-1]["main"]
        assert document.made_up == sample.made_up
        if document.key.partition("/")[0] in ("yichang", "ggzy.gov.cn", "mining", "blacklist"):
            assert document.source.url.startswith("http")
        else:
            assert sample.made_up or sample.kind in ("division", "expert-class")


def test_every_row_is_published_by_exactly_one_node() -> None:
    dealt = [(kind, json.dumps(row, sort_keys=True)) for node in NODES for kind, part in rows(node) for row in part]
    everything = [(sample.kind, json.dumps(row, sort_keys=True)) for sample in MANIFEST for row in read(sample)]
    assert sorted(dealt) == sorted(everything) and len(set(dealt)) == len(dealt)
    for district in DISTRICTS:
        assert {kind for kind, _ in rows(district)} == {"notice", "candidates", "result", "credit", "expert"}
    assert {kind for kind, _ in rows(HUB)} == {"division", "expert-class", "credit", "notice"}
    assert [(kind, len(part)) for kind, part in rows(NATIONAL)] == [("division", 3)]
    with pytest.raises(KeyError):
        rows("500199")


def test_the_sample_is_small_plain_and_without_personal_numbers() -> None:
    folder = resources.files("node.samples")
    texts = {
        entry.name: entry.read_text(encoding="utf-8") for entry in folder.iterdir() if entry.name.endswith(".jsonl")
    }
    assert set(texts) == set(COUNTS)
    assert sum(len(text.encode()) for text in texts.values()) < 400_000
    for sample in MANIFEST:
        for row in read(sample):
            for name, value in row.items():
                if isinstance(value, str) and name not in ("record_id", "url", "source_url", "project_code"):
                    assert len(value) < 120, (sample.file, name, value)
                    assert not re.fullmatch(r"1[3-9][0-9]{9}|[0-9]{17}[0-9Xx]", value) or name.endswith("uscc")
            if sample.made_up:
                assert row["made_up"] == "true" and row["source"] == "demo"


async def test_any_number_of_made_up_scores(publisher: Any) -> None:
    assert (await import_rows("credit", made_up(500), publisher)).published == 500
    assert (await import_rows("credit", made_up(600), publisher)).unchanged == 500
    assert (await import_rows("credit", read(MANIFEST[8]), publisher)).published == 30
    documents = publisher.documents("credit.score")
    assert all(document.made_up and "虚构" in document.body.party.name for document in documents)
    assert all(not document.body.texts and not document.flags for document in documents)
    assert len({document.body.grade for document in documents}) > 2
