"""The house: imports point downwards, packages of one floor do not know each other, the lower floors stay pure."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# A part is a module or a package directly under node/.
FLOORS: tuple[frozenset[str], ...] = (
    frozenset({"errors", "clock", "resources", "samples"}),
    frozenset({"tlog", "domain"}),
    frozenset({"wire"}),
    frozenset({"store", "keyring", "settings", "trusted", "tiers", "rules", "rule_records", "rule_judging"}),
    frozenset(
        "publishing sync projections importing accounts trading routing attachments uplink opendata quality".split()
    ),
    frozenset({"web", "jobs"}),
    frozenset({"app", "provision", "recovery", "running", "serve", "workers"}),
    frozenset({"cli", "demo", "bench", "__main__"}),
)

# (importing module, imported part) -> why it may, within one floor.
NEIGHBOURS: dict[tuple[str, str], str] = {
    ("node.trusted", "store"): "the policy now held is kept in the store",
    ("node.tiers", "settings"): "the centre that this node is stands in its settings",
    ("node.rule_records", "rules"): "what it keeps level with the records",
    ("node.rule_records", "rule_judging"): "which records count",
    ("node.rule_judging", "rules"): "what no rule may ask lies beside the rules of the program",
    ("node.rule_records", "store"): "records of rules lie in the store",
    ("node.rule_records", "trusted"): "whose rules count, the policy says",
    ("node.app", "running"): "it puts the parts of a serving node together",
    ("node.running.application", "app"): "the type of the node around which it builds",
    ("node.running.timetable", "app"): "the type of the node whose jobs it lists",
    ("node.running.reporting", "app"): "the type of the node for which it reports",
    ("node.running.work", "app"): "the type of the node that it works for",
    ("node.serve", "app"): "it serves the application that app builds",
    ("node.serve", "running"): "the sockets that it serves",
    ("node.workers", "app"): "the parent opens the node once before it starts workers",
    ("node.workers", "running"): "the parent, and the link to it",
    ("node.workers", "serve"): "each worker serves as one process does",
    ("node.recovery.again", "app"): "it recovers the log of a node that app puts together",
    ("node.__main__", "cli"): "the entrance of the command",
    ("node.cli.main", "demo"): "the demonstration is a command",
    ("node.cli.bench", "bench"): "measurements are commands",
    ("node.demo.run", "cli"): "it prints as commands print",
    ("node.demo.watch", "cli"): "it prints as commands print",
}

PURE = ("tlog", "domain")
# Neither disk, network, clock, chance, process nor database; cryptography and msgspec only compute.
PURE_MAY_IMPORT = frozenset(
    "__future__ base64 binascii collections cryptography dataclasses datetime decimal enum fractions functools hashlib"
    " hmac itertools math msgspec operator re string struct typing unicodedata".split()
)
# (module, what it imports or calls) -> why it may, though its floor is pure.
FOREIGN = {
    ("node.tlog._libcrypto", "ctypes"): "SM2 is in the system's libcrypto alone",
    ("node.tlog.sm2", "generate"): "SM2 keys come from libcrypto's generator; the keyring asks for them",
}
WIRE_MAY_IMPORT = PURE_MAY_IMPORT | {"urllib", "zstandard"}

# Who may import sqlalchemy beside the store and the migrations: stages and entrances work inside the transaction that
# `Store` opens, so they know its `Connection` and the expression language; none of them makes an engine.
SQL = frozenset(
    "store trusted rules rule_records accounts publishing sync projections trading routing attachments uplink opendata"
    " quality recovery web cli demo bench".split()
)
# Measurements hold the store against the plain drivers (`node/bench/floor.py`), and make a server of their own.
PLAIN_DRIVERS = frozenset({"sqlite3", "psycopg"})
SQL_NAMES = frozenset(
    "Connection Row RowMapping Table ColumnElement Select and_ bindparam delete exists func insert literal not_ or_"
    " select text true false tuple_ update union_all case cast".split()
)

HTTP_SERVER = frozenset({"app", "running", "serve", "web", "demo"})


@cache
def modules() -> dict[str, tuple[str, ast.Module]]:
    """Module name -> (part, syntax tree)."""
    found = {}
    for path in sorted((ROOT / "node").rglob("*.py")):
        words = path.relative_to(ROOT).with_suffix("").parts
        words = words[:-1] if words[-1] == "__init__" else words
        found[".".join(words)] = (words[1] if len(words) > 1 else "", ast.parse(path.read_text("utf-8")))
    return found


def imports(tree: ast.Module) -> Iterator[str]:
    """Dotted names of everything imported, in functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written in full"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own(name: str) -> str | None:
    """The part of ours that a dotted name lies in; empty for `node` itself (its version), None for others' code."""
    words = name.split(".")
    if words[0] != "node":
        return None
    return words[1] if len(words) > 1 and words[1] in PARTS else ""


def floor(part: str) -> int:
    return next(number for number, parts in enumerate(FLOORS) if part in parts)


PARTS = frozenset().union(*FLOORS)


def test_every_part_has_its_floor() -> None:
    assert {part for part, _ in modules().values()} - {""} == PARTS
    assert sum(len(parts) for parts in FLOORS) == len(PARTS)


def test_imports_point_downwards() -> None:
    wrong, used = [], set()
    for name, (part, tree) in modules().items():
        for target in imports(tree):
            other = own(target)
            if not other or other == part or not part:
                continue
            if floor(other) == floor(part) and (name, other) in NEIGHBOURS:
                used.add((name, other))
            elif floor(other) >= floor(part):
                wrong.append(f"{name} (floor {floor(part)}) imports {target} (floor {floor(other)})")
    assert not wrong
    assert used == set(NEIGHBOURS), "an exception that nobody needs any more"


def test_modules_make_no_circle() -> None:
    names = set(modules())
    edges = {name: {t for t in _targets(tree, names) if t != name} for name, (_, tree) in modules().items()}
    done: set[str] = set()
    path: list[str] = []

    def visit(name: str) -> None:
        assert name not in path, " -> ".join([*path[path.index(name) :], name])
        if name not in done:
            path.append(name)
            for target in sorted(edges[name]):
                visit(target)
            path.pop()
            done.add(name)

    for name in sorted(names):
        visit(name)


def _targets(tree: ast.Module, names: set[str]) -> Iterator[str]:
    """Modules needed when this one is loaded: what functions import, and what only type checkers see, comes later."""
    for node in _loaded(tree.body):
        for target in imports(ast.Module([node], [])):
            if target in names:
                yield target
            elif (parent := target.rpartition(".")[0]) in names:
                yield parent


def _loaded(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            yield from _loaded(node.orelse)
        elif isinstance(node, ast.If | ast.Try):
            yield from _loaded([child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)])
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield node


def test_lower_floors_are_pure() -> None:
    wrong = []
    for name, (part, tree) in modules().items():
        allowed = PURE_MAY_IMPORT if part in PURE else WIRE_MAY_IMPORT if part == "wire" else None
        if allowed is None:
            continue
        allowed |= {target for module, target in FOREIGN if module == name}
        wrong += [f"{name} imports {t}" for t in imports(tree) if own(t) is None and t.split(".")[0] not in allowed]
        wrong += [f"{name} calls {call}" for call in _impure_calls(tree) if (name, call) not in FOREIGN]
    assert not wrong


def _impure_calls(tree: ast.Module) -> Iterator[str]:
    """Disk and clock by other doors: `open`, `datetime.now`, a generated key."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name) and node.func.id in ("open", "input", "print", "exec", "eval"):
            yield node.func.id
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("now", "today", "utcnow", "generate"):
            yield node.func.attr


def test_the_database_is_known_where_it_may_be() -> None:
    wrong = []
    for name, (part, tree) in modules().items():
        for target in imports(tree):
            words = target.split(".")
            if part == "bench" and words[0] in PLAIN_DRIVERS:
                continue
            if words[0] in ("sqlite3", "alembic", "sqlmodel", "psycopg") and part != "store":
                wrong.append(f"{name} imports {target}")
            if words[0] == "sqlalchemy" and part != "store" and (part not in SQL or words[-1] not in SQL_NAMES):
                wrong.append(f"{name} imports {target}")
    assert not wrong


def test_the_web_server_is_known_where_it_may_be() -> None:
    """Stages know no requests; `sync.peer` is a client."""
    wrong = [
        f"{name} imports {target}"
        for name, (part, tree) in modules().items()
        for target in imports(tree)
        if target.startswith(("aiohttp.web", "aiohttp_jinja2", "jinja2")) and part not in HTTP_SERVER
    ]
    assert not wrong
    clients = {name for name, (_, tree) in modules().items() if "aiohttp" in set(imports(tree))}
    assert clients <= {"node.sync.peer", "node.uplink.receiver", "node.app", "node.demo.watch", "node.bench.district"}


def test_statuses_of_http_meet_errors_in_one_place() -> None:
    """Only the web's own modules name aiohttp's HTTP errors."""
    wrong = [
        name
        for name, (part, tree) in modules().items()
        if part != "web"
        and any(isinstance(node, ast.Attribute) and node.attr.startswith("HTTP") for node in ast.walk(tree))
    ]
    assert not wrong
