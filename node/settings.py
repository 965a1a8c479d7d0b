"""One frozen `Settings` for each node: its `config.toml` over the packaged `config/default.toml`, validated once.

Every setting is described in docs/configuration.md; a test compares the two. Environment variables named
`GGZY_<SETTING>` win over the file, so that a container needs no edited file.
"""

from __future__ import annotations

import os
import tomllib
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from node.errors import Malformed, NotFound
from node.resources import config_dir

CONFIG_NAME = "config.toml"


class Settings(BaseModel):
    """Settings of one node. Times are in seconds, sizes in bytes; relative paths count from the node's directory."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    directory: Path
    name: str = Field(pattern=r"^[^\s+]+$", description="key name base, such as ggzy.example/cq/500103")
    title: str = Field(min_length=1, max_length=80, description="the centre's own name, shown on every page")
    role: Literal["district", "hub", "national"]
    division: str = Field(pattern=r"^\d{6}$")
    zone: str = ""
    epoch: int = Field(default=1, ge=1)
    upstream_url: str = ""
    host: str = "127.0.0.1"
    port: int = Field(default=8300, ge=0, le=65535)
    public_url: str = ""
    tls_cert: str = ""
    tls_key: str = ""
    database_url: str = ""
    keys_dir: Path = Path("keys")
    sync_interval_s: float = Field(default=10, gt=0)
    watch_interval_s: float = Field(default=0.25, gt=0)
    project_interval_s: float = Field(default=5, gt=0)
    checkpoint_refresh_s: float = Field(default=3600, gt=0)
    audit_interval_s: float = Field(default=900, gt=0)
    request_timeout_s: float = Field(default=30, gt=0)
    connect_timeout_s: float = Field(default=5, gt=0)
    max_backoff_s: float = Field(default=300, gt=0)
    max_body_bytes: int = Field(default=64 << 20, gt=0)
    max_clock_skew_s: int = Field(default=300, gt=0)
    max_concurrent_uploads: int = Field(default=16, gt=0)
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("upstream_url", "public_url")
    @classmethod
    def _no_slash(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("must begin with http:// or https://")
        return value.rstrip("/")

    @property
    def origin(self) -> str:
        """The name of this node's own log; the last part is the epoch (DESIGN §2)."""
        return f"{self.name}/{self.epoch}"

    @property
    def database(self) -> str:
        return self.database_url or f"sqlite:///{self.directory / 'node.db'}"

    @property
    def keys(self) -> Path:
        return self.directory / self.keys_dir

    @property
    def url(self) -> str:
        return self.public_url or f"http://{self.host}:{self.port}"


def load(path: Path) -> Settings:
    """Read `path`, a node's `config.toml` or the directory that holds it.

    Raises:
        NotFound: there is no such file.
        Malformed: a setting is unknown or out of range; the first one is named.
    """
    file = path / CONFIG_NAME if path.is_dir() else path
    if not file.is_file():
        raise NotFound(
            f"no node configuration at {file}",
            zh=f"未找到节点配置 {file}",
            advice_zh="请进入节点目录，或用 --config 指定；新建节点用 ggzy init。",
            advice_en="Go to the node's directory, or name it with --config; make a new node with ggzy init.",
        )
    try:
        values = tomllib.loads(file.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Malformed(f"{file}: {error}", zh=f"{file} 不是有效的 TOML") from None
    return build(file.parent.resolve(), values)


@cache
def _packaged() -> dict[str, Any]:
    return tomllib.loads((config_dir() / "default.toml").read_text("utf-8"))


def build(directory: Path, values: dict[str, Any]) -> Settings:
    """Settings of the node in `directory` from plain values and the environment. Raises Malformed."""
    merged = _packaged() | values
    for name in Settings.model_fields:
        if name != "directory" and (given := os.environ.get(f"GGZY_{name.upper()}")) is not None:
            merged[name] = given
    try:
        return Settings(directory=directory, **merged)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "config"
        raise Malformed(
            f"setting {field}: {first['msg']}",
            zh=f"配置项 {field} 不正确",
            field=field,
            advice_zh="请对照 docs/configuration.md 修改 config.toml。",
            advice_en="Correct config.toml; docs/configuration.md lists every setting.",
        ) from None
