"""What the code can do is in the documents: settings, errors, kinds, commands, findings; links and file names hold."""

from __future__ import annotations

import importlib
import pkgutil
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
import typer.main

import node
from node.cli.main import app
from node.domain import KINDS
from node.domain.audience import AUDIENCES
from node.errors import NodeError, all_errors
from node.importing.kinds import IMPORT_KINDS
from node.projections.reasons import REASONS
from node.settings import Settings
from node.sync import accept, recover
from node.web import problems

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(
    [*DOCS.rglob("*.md"), *(ROOT / name for name in ("README.md", "CHANGELOG.md", "keys/README.md")), ROOT / "NOTICE"]
)
REQUIRED = {name for name, field in Settings.model_fields.items() if field.is_required()} - {"directory"}
OPTIONAL = set(Settings.model_fields) - REQUIRED - {"directory"}


def page(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


def rows(text: str) -> set[str]:
    """What stands as code in the first column of the tables of a page."""
    return set(re.findall(r"^\| `([^`]+)`", text, re.MULTILINE))


# --- settings ---------------------------------------------------------------------------------------------------------


def test_default_toml_is_what_the_settings_say() -> None:
    text = (ROOT / "config" / "default.toml").read_text("utf-8")
    given = tomllib.loads(text)
    assert set(given) == OPTIONAL
    identity = tomllib.loads("\n".join(line[2:] for line in text.splitlines() if re.match(r"# [a-z_]+ = ", line)))
    assert set(identity) == REQUIRED
    plain = Settings(directory=ROOT, **identity)
    assert Settings(directory=ROOT, **identity, **given) == plain


def test_configuration_page_has_every_setting_and_no_other() -> None:
    text = page("configuration.md")
    named = {name for name in rows(text) if re.fullmatch(r"[a-z_]+", name)}
    assert named == REQUIRED | OPTIONAL


def test_configuration_page_states_the_defaults() -> None:
    stated = dict(re.findall(r"^\| `([a-z_]+)` \| ([^|]+) \|", page("configuration.md"), re.MULTILINE))
    for name in OPTIONAL:
        default = Settings.model_fields[name].default
        number = f"{default:g}" if isinstance(default, float) else "" if default == () else str(default)
        assert stated[name].strip("` ") == (number or "empty"), name


# --- errors and findings ----------------------------------------------------------------------------------------------


def family() -> set[type[NodeError]]:
    for module in pkgutil.walk_packages(node.__path__, "node."):
        if module.name.rpartition(".")[2] != "__main__":
            importlib.import_module(module.name)  # only the classes of imported modules are in the family
    return {cls for cls in all_errors() if cls.__module__.startswith("node.")}


def test_every_error_code_is_explained_with_its_status() -> None:
    stated = dict(re.findall(r"^\| `([a-z-]+)` \| (\d{3}) \|", page("errors.md"), re.MULTILINE))
    extra = {problems.WrongMethod.code: 405}
    expected = {cls.code: extra.get(cls.code, problems.status_of(cls.__new__(cls))) for cls in family()}
    expected[accept.MirrorConflict.code] = 409  # `add-entries` answers it by itself, with the mirror's words
    assert {code: int(status) for code, status in stated.items()} == expected


def test_every_reason_of_quarantine_is_explained() -> None:
    assert set(REASONS) <= rows(page("portal.md"))


# --- records ----------------------------------------------------------------------------------------------------------


def test_terms_has_every_kind_with_its_sections() -> None:
    text = page("terms.md")
    for kind in KINDS.values():
        sections = ", ".join(f"{name} ({audience})" for name, (_, audience) in kind.sections.items())
        assert f"| `{kind.name}` | {kind.zh} | {sections} |" in text


def test_records_page_has_every_kind() -> None:
    text = page("records.md")
    assert not [name for name in (*KINDS, *IMPORT_KINDS) if f"`{name}`" not in text]


def test_architecture_page_has_every_audience() -> None:
    assert set(AUDIENCES) <= rows(page("architecture.md"))


# --- commands ---------------------------------------------------------------------------------------------------------


def commands() -> Iterator[str]:
    for name, command in typer.main.get_group(app).commands.items():
        inner = getattr(command, "commands", None)
        yield from (f"{name} {each}" for each in inner) if inner else (name,)


def test_operating_page_has_every_command_and_no_other() -> None:
    named = {name.removeprefix("ggzy ") for name in rows(page("operating.md")) if name.startswith("ggzy ")}
    assert named == set(commands())


def test_recovery_page_names_real_commands_with_real_options() -> None:
    """What an operator types in trouble must be there: every `ggzy …` of the page, its options too."""
    group = typer.main.get_group(app)
    named = set(re.findall(r"`ggzy ([^`]+)`", page("recovery.md")))
    assert {"recover", "recover --fresh", "epoch request", "epoch open", "fsck", "status", "sync"} <= named
    for line in named:
        words = line.split()
        command = group.commands[words.pop(0)]
        inner = getattr(command, "commands", None)
        if inner is not None and words:
            command = inner[words.pop(0)]
        options = {option for param in command.params for option in param.opts}
        assert not [word for word in words if word.startswith("--") and word not in options], line


def test_recovery_page_knows_every_frozen_state() -> None:
    text = page("recovery.md")
    for state in (recover.RESTORED, recover.FORK):
        assert f"`{state}`" in text
    anchors_named = set(re.findall(r"\]\(#([\w-]+)\)", text))
    assert {"restored", "lost", "fork", "missing-database", "lost-key"} <= anchors_named


# --- what pages point to ----------------------------------------------------------------------------------------------


def anchors(text: str) -> set[str]:
    found = set(re.findall(r'<a id="([^"]+)">', text))
    for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE):
        kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
        found.add(kept.replace(" ", "-"))
    return found


@pytest.mark.parametrize("file", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_resolve(file: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", file.read_text("utf-8")):
        if target.startswith(("http://", "https://")):
            continue
        name, _, anchor = unquote(target).partition("#")
        place = (file.parent / name).resolve() if name else file
        if not place.exists() or (anchor and anchor not in anchors(place.read_text("utf-8"))):
            broken.append(target)
    assert not broken


@pytest.mark.parametrize("file", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_named_files_exist(file: Path) -> None:
    """`node/app.py`, and in architecture.md also names that count from `node/`, such as `store/db.py`."""
    text = file.read_text("utf-8")
    roots = [ROOT, ROOT / "node"] if file.name == "architecture.md" else [ROOT]
    named = re.findall(r"`((?:[\w.-]+/)+[\w.-]*|[\w-]+\.py)`", text)
    of_ours = [name for name in named if name.split("/")[0] in tops() or name.endswith(".py")]
    assert not [name for name in of_ours if not any((root / name).exists() for root in roots)]


def tops() -> set[str]:
    return {"node", "docs", "tests", "scripts", "config", "migrations", ".ci"}


def test_rules_that_the_code_cites_are_there() -> None:
    design = page("design.md")
    cited = "\n".join(path.read_text("utf-8") for top in ("node", "migrations") for path in (ROOT / top).rglob("*.py"))
    rules = {
        rule for words in re.findall(r"DESIGN ((?:(?:§|L)\d+[-, ]*)+)", cited) for rule in re.findall(r"[§L]\d+", words)
    }
    rules |= set(re.findall(r"\((L\d+)\)", cited))
    assert len(rules) > 10
    assert not [rule for rule in rules if not re.search(rf"(?:\*\*|## ){rule}\b", design)]
    decisions = set(re.findall(r"docs/decisions/(\d{4})", cited))
    assert decisions <= {path.name[:4] for path in (DOCS / "decisions").glob("*.md")}


def test_every_attack_of_the_threat_model_has_tests_that_exist() -> None:
    """Each row ends in the tests that show it; a test that is renamed has to be renamed there too."""
    cells = [line.strip().strip("|").split("|") for line in page("threat-model.md").splitlines() if line[:2] == "| "]
    table = [row for row in cells if row[0].strip() not in ("attack", "attack or accident")]
    assert {len(row) for row in table} == {5}
    code = "\n".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    there = set(re.findall(r"^(?:async )?def (test_\w+)\(", code, re.MULTILINE))
    for row in table:
        named = re.findall(r"`(test_\w+)`", row[-1])
        assert named and set(named) <= there, (row[0], set(named) - there)


def test_every_rule_answers_an_attack_of_the_threat_model() -> None:
    rules = set(re.findall(r"\*\*(L\d+)\*\*", page("design.md")))
    rows_of = [line.split("|") for line in page("threat-model.md").splitlines() if line[:2] == "| "]
    answering = {rule for row in rows_of for rule in re.findall(r"L\d+", row[2])}
    assert len(rules) == 23
    assert not rules - answering


def test_documents_that_the_code_names_exist() -> None:
    """Advice in errors sends people to `docs/…`; a comment may too."""
    text = "\n".join(path.read_text("utf-8") for path in (ROOT / "node").rglob("*.py"))
    named = set(re.findall(r"docs/[\w/-]+\.md", text))
    assert named
    assert not [name for name in named if not (ROOT / name).exists()]


def test_decisions_are_listed() -> None:
    listed = re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", page("decisions/README.md"))
    assert listed == sorted(path.name for path in (DOCS / "decisions").glob("0*.md"))
    assert [name[:4] for name in listed] == [f"{number:04d}" for number in range(1, len(listed) + 1)]
