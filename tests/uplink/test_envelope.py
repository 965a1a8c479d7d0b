"""Envelopes: the samples of a running system parse, ours round-trip, nothing hostile is read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain.standard_lint import Context, lint
from node.errors import Malformed
from node.uplink import envelope, held
from node.uplink.envelope import Envelope
from node.uplink.shape import SourceFile, clean

ROOT = Path(__file__).resolve().parents[2]
SHARED = [top / "shared" / "data" / "standard" for top in (ROOT.parent, ROOT.parents[1])]
SAMPLES = next((each for each in SHARED if each.is_dir()), SHARED[0])
_shared = pytest.mark.skipif(
    not SAMPLES.is_dir() and not os.environ.get("CI"), reason="the shared samples are not here"
)
texts = st.text(max_size=40).map(clean)
names = st.from_regex(r"[A-Z][A-Z0-9_]{0,20}", fullmatch=True)


@_shared
@pytest.mark.parametrize(
    ("name", "operation", "fields"),
    [("des_PROJECT_1", "insert", 23), ("des_PROJECT_3", "delete", 0), ("des_ZJ_PROJECT_1", "insert", 30)],
)
def test_samples_parse_and_round_trip(name: str, operation: str, fields: int) -> None:
    data = (SAMPLES / f"{name}.xml").read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")
    read = envelope.read(data)
    assert read.operation == operation
    assert len(read.context or {}) == fields
    assert len(read.title["DATA_KEY"]) == envelope.KEY_CHARS
    assert envelope.read(envelope.write(read)) == read


@_shared
def test_the_sample_project_breaks_one_rule_that_came_after_it() -> None:
    """The sample is older than version 4, which also asks who entered the record."""
    read = envelope.read((SAMPLES / "des_PROJECT_1.xml").read_bytes())
    standard = held.packaged()
    found = lint(standard, standard.sets["500"], read.context or {}, Context())
    assert [(fault.field, fault.rule) for fault in found] == [("OPERATION_NAME", "NotNull")]


@given(
    title=st.dictionaries(names, texts, min_size=1, max_size=5),
    context=st.none() | st.dictionaries(names, texts, max_size=8),
    sources=st.lists(st.builds(SourceFile, texts, texts, texts, st.booleans()), max_size=2),
)
def test_what_is_written_is_read(
    title: dict[str, str], context: dict[str, str] | None, sources: list[SourceFile]
) -> None:
    made = Envelope(title, context, tuple(sources))
    assert envelope.read(envelope.write(made)) == made


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no xml",
        b"<DES/>",
        b"<OTHER><TITLE/></OTHER>",
        b"<DES><TITLE/></DES" + b"x" * 10,
        b'<!DOCTYPE DES [<!ENTITY a "b">]><DES><TITLE><DATA_NO>&a;</DATA_NO></TITLE></DES>',
        b'<!DOCTYPE DES SYSTEM "http://example.invalid/x.dtd"><DES><TITLE/></DES>',
    ],
)
def test_what_is_no_envelope_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        envelope.read(data)


def test_an_entity_is_never_expanded(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("do not read me")
    data = f'<!DOCTYPE DES [<!ENTITY x SYSTEM "file://{secret}">]><DES><TITLE>&x;</TITLE></DES>'.encode()
    with pytest.raises(Malformed, match="document type"):
        envelope.read(data)


def test_a_delete_has_no_context() -> None:
    made = envelope.make(
        number="500", name="PROJECT", zh="项目", data_key="k", operation="delete", ca_key="0", fields={"A": "1"}
    )
    assert made.context is None and made.operation == "delete"
    assert "ROUTE_WAY" not in made.title
