"""Where the packaged files lie: default configuration, migrations, templates, static files, samples.

In an installed wheel they are inside the package; in a checkout `config/` and `migrations/` stand beside it.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_PACKAGED = _PACKAGE / "_data"


def _find(name: str) -> Path:
    packaged = _PACKAGED / name
    return packaged if packaged.is_dir() else _PACKAGE.parent / name


def config_dir() -> Path:
    """`config/`: default settings and dated rules."""
    return _find("config")


def migrations_dir() -> Path:
    """`migrations/`: the Alembic history."""
    return _find("migrations")


def templates_dir() -> Path:
    return _PACKAGE / "web" / "templates"


def static_dir() -> Path:
    return _PACKAGE / "web" / "static"


def samples_dir() -> Path:
    return _PACKAGE / "samples"
