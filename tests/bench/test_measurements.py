"""Each measurement once, tiny, with real processes: its figures must fit together. How large they are is not asked."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from node.bench import growth, proofs, sync
from node.cli.main import app
from node.errors import Malformed
from tests.store.postgres import SERVER, needs_postgres

FIELDS = {
    "records",
    "seconds",
    "records_per_s",
    "floor_records_per_s",
    "ratio",
    "wire_bytes_per_record",
    "payload_bytes_per_record",
    "cpu_seconds",
}


def measured(*arguments: str) -> dict[str, Any]:
    """The JSON line of `ggzy bench ARGUMENTS`; people's table stands before it."""
    done = CliRunner().invoke(app, ["bench", *arguments, "--json"])
    assert done.exit_code == 0, done.output
    *table, line = done.stdout.strip().splitlines()
    assert table
    figures: dict[str, Any] = json.loads(line)
    return figures


def check_sync(figures: dict[str, Any], records: int) -> None:
    assert FIELDS <= set(figures)
    assert figures["records"] == records
    (only,) = figures["rounds"]
    assert figures["seconds"] == only["seconds"] > 0
    assert figures["records_per_s"] == pytest.approx(records / only["seconds"], rel=1e-3)
    assert figures["floor_records_per_s"] == pytest.approx(records / only["floor_seconds"], rel=1e-3)
    assert figures["ratio"] == pytest.approx(only["floor_seconds"] / only["seconds"], rel=2e-3)
    assert figures["cpu_seconds"] == pytest.approx(figures["hub_cpu_seconds"] + figures["districts_cpu_seconds"])
    assert figures["portal_seconds"] is None or only["portal_seconds"] >= only["seconds"]
    assert figures["hub_peak_rss_bytes"] > 1 << 24
    assert (figures["failures"], only["passes"]) == (0, 1)
    for each in figures["wire"].values():
        exchanged = (each["up_bytes"] + each["down_bytes"]) / each["records"]
        assert each["wire_bytes_per_record"] == pytest.approx(exchanged, rel=1e-3)
        assert each["ratio"] == pytest.approx(exchanged / each["payload_bytes_per_record"], rel=2e-3)
        # Compressed or not, the salts and hashes of its sections cannot have become less.
        assert exchanged > 48
    assert figures["wire_bytes_per_record"] == figures["wire"][figures["kind"]]["wire_bytes_per_record"]
    assert figures["wire"]["credit"]["header_bytes_per_record"] > figures["wire"]["result"]["header_bytes_per_record"]


SMALL = ("--records", "600", "--rounds", "1", "--wire-records", "256")


def test_sync_of_two_districts_on_sqlite(tmp_path: Path) -> None:
    figures = measured("sync", *SMALL, "--origins", "2", "--dir", str(tmp_path / "work"))
    check_sync(figures, 600)
    assert (figures["store"], figures["origins"]) == ("sqlite", 2)
    assert figures["portal_seconds"] >= figures["seconds"]
    assert not (tmp_path / "work").exists()


@needs_postgres
def test_sync_on_postgresql() -> None:
    figures = measured("sync", *SMALL, "--store", "postgres", "--postgres-url", SERVER, "--no-portal")
    check_sync(figures, 600)
    assert figures["postgres"] and figures["portal_seconds"] is None


def test_growth_measures_each_size(tmp_path: Path) -> None:
    figures = measured("growth", "--sizes", "600,300", "--step", "100", "--rounds", "1", "--dir", str(tmp_path / "w"))
    first, last = figures["sizes"]
    assert (first["size"], last["size"]) == (300, 600)
    assert figures["ratio"] == pytest.approx(last["wall_us_per_record"] / first["wall_us_per_record"], rel=2e-3)
    assert last["hub_peak_rss_bytes"] <= figures["hub_peak_rss_bytes"]


def test_proofs_are_made_and_hold(tmp_path: Path) -> None:
    figures = measured("proofs", "--sizes", "300,600", "--samples", "20", "--dir", str(tmp_path / "work"))
    assert [each["size"] for each in figures["sizes"]] == [300, 600]
    for each in figures["sizes"]:
        for name in ("inclusion", "consistency", "receipt"):
            one = each[name]
            assert one["made_per_s"] > 0 and one["verified_per_s"] > 0
            assert one["p50_ms"] <= one["p99_ms"] <= one["max_ms"]
            assert one["verify_p50_ms"] <= one["verify_p99_ms"] <= one["verify_max_ms"]


@pytest.mark.parametrize(
    "options",
    [
        sync.SyncOptions(records=1, origins=2),
        sync.SyncOptions(rounds=0),
        sync.SyncOptions(kind="other"),
        sync.SyncOptions(store="oracle"),
        growth.GrowthOptions(sizes=()),
        growth.GrowthOptions(step=0),
        proofs.ProofOptions(sizes=(1,)),
    ],
    ids=["records", "rounds", "kind", "store", "sizes", "step", "tree"],
)
async def test_options_out_of_range_are_told(options: Any) -> None:
    module = {sync.SyncOptions: sync, growth.GrowthOptions: growth, proofs.ProofOptions: proofs}[type(options)]
    before = set(os.listdir("/var/tmp"))
    with pytest.raises(Malformed) as told:
        await module.run(options)
    assert told.value.advice_zh and told.value.advice_en
    assert set(os.listdir("/var/tmp")) <= before
