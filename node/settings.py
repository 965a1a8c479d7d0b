"""One frozen `Settings` for each node: its `config.toml` over the packaged `config/default.toml`, validated once.

Every setting is described in docs/configuration.md; a test compares the two. Environment variables named
`GGZY_<SETTING>` win over the file, so that a container needs no edited file.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from node.errors import Malformed, NodeError, NotFound
from node.resources import config_dir
from node.tlog.mldsa import ML_DSA_44, parse_vkey
from node.tlog.note import KeyType, VerifierKey

CONFIG_NAME = "config.toml"


class _WrongValue(ValueError):
    """What is wrong with a value, in both languages."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.zh = zh


class Witness(BaseModel):
    """An independent witness that cosigns this node's log (c2sp.org/tlog-witness).

    `name` is what this node calls it, `url` its submission prefix, `key` its verifier key, of
    type 0x04 (Ed25519) or 0x06 (ML-DSA-44).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    # Without a slash it is no node's name, so what is known of the two never mixes.
    name: str = Field(pattern=r"^[^\s+/]{1,64}$")
    url: str
    key: str

    @field_validator("url")
    @classmethod
    def _address(cls, value: str) -> str:
        return _http(value)

    @field_validator("key")
    @classmethod
    def _cosigner(cls, value: str) -> str:
        try:
            key = parse_vkey(value)
        except NodeError as error:
            raise _WrongValue(error.detail, "不是有效的验证公钥（名称+编号+公钥）") from None
        if key.type not in (KeyType.COSIGNATURE, ML_DSA_44):
            raise _WrongValue(
                "the key is not of type 0x04 or 0x06, a cosigner's", "公钥类型不是 0x04 或 0x06（共同签名）"
            )
        if not key.checkable:
            raise _WrongValue("this machine cannot check ML-DSA-44", "本机不能核验 ML-DSA-44 签名")
        return value

    @property
    def verifier(self) -> VerifierKey:
        return parse_vkey(self.key)


class IntakeSender(BaseModel):
    """A sender whom the national sandbox knows: its number of four characters, secret, and registered platform code."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    system_no: str = Field(pattern=r"^[0-9A-Z]{4}$")
    secret: str = Field(min_length=8, max_length=64)
    platform_code: str = Field(pattern=r"^[0-9A-Z]{18}$")


class Settings(BaseModel):
    """Settings of one node. Times are in seconds, sizes in bytes; relative paths count from the node's directory."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    directory: Path
    name: str = Field(pattern=r"^[^\s+]+$", description="key name base, such as ggzy.example/cq/500103")
    title: str = Field(min_length=1, max_length=80, description="the centre's own name, shown on every page")
    role: Literal["district", "hub", "national", "supervision"]
    division: str = Field(pattern=r"^\d{6}$")
    zone: str = ""
    department: str = Field(default="", max_length=80)
    sectors: tuple[str, ...] = ()
    epoch: int = Field(default=1, ge=1)
    suite: Literal["ed25519", "ed25519+sm2"] = "ed25519"
    upstream_url: str = ""
    host: str = "127.0.0.1"
    port: int = Field(default=8300, ge=0, le=65535)
    public_url: str = ""
    tls_cert: str = ""
    tls_key: str = ""
    workers: int = Field(default=1, ge=1, le=64)
    database_url: str = ""
    keys_dir: Path = Path("keys")
    sync_interval_s: float = Field(default=10, gt=0)
    watch_interval_s: float = Field(default=0.25, gt=0)
    project_interval_s: float = Field(default=5, gt=0)
    checkpoint_refresh_s: float = Field(default=3600, gt=0)
    observe_interval_s: float = Field(default=10, ge=0)
    alarm_grace_s: float = Field(default=60, gt=0)
    second_look_urls: tuple[str, ...] = ()
    audit_interval_s: float = Field(default=900, gt=0)
    request_timeout_s: float = Field(default=30, gt=0)
    connect_timeout_s: float = Field(default=5, gt=0)
    max_backoff_s: float = Field(default=300, gt=0)
    max_body_bytes: int = Field(default=64 << 20, gt=0)
    max_clock_skew_s: int = Field(default=300, gt=0)
    witnesses: tuple[Witness, ...] = ()
    max_log_requests_per_s: float = Field(default=50, gt=0)
    max_concurrent_uploads: int = Field(default=16, gt=0)
    upload_wait_s: float = Field(default=10, ge=0)
    trusted_proxies: tuple[str, ...] = ()
    max_connections: int = Field(default=800, gt=0)
    uplink_url: str = ""
    uplink_folder: str = ""
    uplink_system_no: str = Field(default="", pattern=r"^([0-9A-Z]{4})?$")
    uplink_secret: str = ""
    uplink_ca_key: str = "0"
    uplink_service_code: str = Field(default="", pattern=r"^([0-9A-Z]{18})?$")
    uplink_plat_no: str = Field(default="", pattern=r"^([0-9A-Z]{11})?$")
    uplink_service_no: str = Field(default="", pattern=r"^([0-9A-Z]{11})?$")
    uplink_interval_s: float = Field(default=60, gt=0)
    uplink_files: str = ""
    uplink_fill: str = ""
    uplink_max_tries: int = Field(default=10, ge=1, le=1000)
    intake_senders: tuple[IntakeSender, ...] = ()
    intake_faults: str = ""
    intake_files: str = ""
    platform_uscc: str = Field(default="", pattern=r"^([0-9A-Z]{18})?$")
    unified_code_issuer: Literal["own", "hub"] = "own"
    unified_code_check: Literal["off", "warn", "enforce"] = "warn"
    four_eyes: Literal["none", "public"] = "none"
    session_idle_s: float = Field(default=1800, gt=0)
    session_max_s: float = Field(default=43200, gt=0)
    max_sessions: int = Field(default=5, gt=0)
    password_min_chars: int = Field(default=10, ge=8, le=64)
    audit_batch_s: float = Field(default=3600, gt=0)
    max_acts_per_hour: int = Field(default=60, gt=0)
    max_party_acts_per_hour: int = Field(default=2000, gt=0)
    max_registrations_per_day: int = Field(default=300, ge=0)
    max_registrations_per_address: int = Field(default=20, gt=0)
    max_account_changes_per_day: int = Field(default=20, gt=0)
    max_party_changes_per_day: int = Field(default=1000, gt=0)
    max_form_bytes: int = Field(default=1 << 20, gt=0)
    ocds_prefix: str = Field(default="ocds-000000", pattern=r"^ocds-[a-z0-9]{6}$")
    dump_keep_days: int = Field(default=30, ge=0, le=3650)
    dumps_dir: Path = Path("dumps")
    attachments_dir: Path = Path("attachments")
    max_attachment_bytes: int = Field(default=512 << 20, gt=0)
    attachment_types: tuple[str, ...] = ()
    attachment_keep_free_bytes: int = Field(default=256 << 20, ge=0)
    attachment_scan_command: tuple[str, ...] = ()
    attachment_scan_timeout_s: float = Field(default=120, gt=0)
    attachment_upload_s: float = Field(default=86400, gt=0)
    max_attachment_uploads: int = Field(default=8, gt=0)
    max_attachment_upload_bytes: int = Field(default=8 << 30, gt=0)
    attachment_unlisted_s: float = Field(default=7776000, gt=0)
    attachment_fetch: Literal["all", "own"] = "all"
    attachment_transfers: int = Field(default=2, ge=1, le=16)
    attachment_bytes_per_s: int = Field(default=0, ge=0)
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("upstream_url", "public_url", "uplink_url")
    @classmethod
    def _no_slash(cls, value: str) -> str:
        return _http(value) if value else value

    @field_validator("second_look_urls")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_http(url) for url in value)

    @field_validator(
        "witnesses",
        "second_look_urls",
        "sectors",
        "attachment_types",
        "attachment_scan_command",
        "intake_senders",
        "trusted_proxies",
        mode="before",
    )
    @classmethod
    def _from_environment(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError:
            raise _WrongValue("must be a JSON list", "环境变量中应为 JSON 列表") from None

    @field_validator("witnesses")
    @classmethod
    def _distinct(cls, value: tuple[Witness, ...]) -> tuple[Witness, ...]:
        # One witness under two names would count as two.
        for what in ({each.name for each in value}, {each.verifier.public for each in value}):
            if len(what) < len(value):
                raise _WrongValue("a name or public key stands twice", "名称或公钥重复")
        return value

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
    def dumps(self) -> Path:
        return self.directory / self.dumps_dir

    @property
    def attachments(self) -> Path:
        return self.directory / self.attachments_dir

    @property
    def url(self) -> str:
        return self.public_url or f"http://{self.host}:{self.port}"


def _http(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise _WrongValue("must begin with http:// or https://", "须以 http:// 或 https:// 开头")
    return value.rstrip("/")


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
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"at line (\d+), column (\d+)", str(error))
        where = f"第 {place[1]} 行第 {place[2]} 列" if place else "末尾"
        raise Malformed(
            f"{file}: {error}",
            zh=f"{file} {where}有书写错误",
            advice_zh='请修改该处：每行写作 名称 = 值，文字用英文双引号括起，如 title = "某某中心"。',
            advice_en='Correct that place: a line reads name = value, text in double quotes, as in title = "Centre".',
        ) from None
    except UnicodeDecodeError as error:
        raise Malformed(
            f"{file} is not UTF-8: {error.reason} at byte {error.start}",
            zh=f"{file} 不是 UTF-8 编码",
            advice_zh="请用文本编辑器把它另存为 UTF-8。",
            advice_en="Save it as UTF-8 in a text editor.",
        ) from None
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
        raise _wrong(error.errors()[0]) from None


def _wrong(first: Any) -> Malformed:
    """The error for one setting: what is wrong with it, what it may be, and where it was given."""
    field = ".".join(str(part) for part in first["loc"]) or "config"
    variable = f"GGZY_{field.partition('.')[0].upper()}"
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(field, Settings.model_fields, 1)
        return Malformed(
            f"there is no setting {field}" + (f"; is {near[0]} meant?" if near else ""),
            zh=f"没有 {field} 这一项" + (f"，是否为 {near[0]}？" if near else ""),
            field=field,
            advice_zh="请在 config.toml 中改名或删去该项；全部配置项见 docs/configuration.md。",
            advice_en="Rename or remove it in config.toml; docs/configuration.md lists every setting.",
        )
    place = f"环境变量 {variable}" if variable in os.environ else "config.toml"
    place_en = f"the environment variable {variable}" if variable in os.environ else "config.toml"
    return Malformed(
        f"setting {field}: {first['msg']}",
        zh=f"配置项 {field} 不正确：{_why(first)}",
        field=field,
        advice_zh=f"请对照 docs/configuration.md 修改{place if place[0] != 'c' else ' ' + place}。",
        advice_en=f"Correct {place_en}; docs/configuration.md lists every setting.",
    )


def _why(first: Any) -> str:
    """What a value should have been, in Chinese."""
    limits = first.get("ctx", {})
    match first["type"]:
        case "missing":
            return "缺少该项"
        case "literal_error":
            return f"只能是 {limits.get('expected', '').replace(' or ', '、').replace(', ', '、')}"
        case "string_pattern_mismatch":
            return "应为六位数字" if "{6}" in str(limits.get("pattern")) else "格式不符"
        case "string_too_short":
            return "不能为空"
        case "string_too_long":
            return f"不能超过 {limits.get('max_length')} 个字"
        case "greater_than":
            return f"应大于 {limits.get('gt')}"
        case "greater_than_equal":
            return f"不能小于 {limits.get('ge')}"
        case "less_than_equal":
            return f"不能大于 {limits.get('le')}"
        case "value_error":
            return str(getattr(limits.get("error"), "zh", "格式不符"))
        case kind if kind.startswith(("int", "float")):
            return "应为数字"
        case _:
            return "值的类型不符"


def unknown_environment() -> list[tuple[str, str]]:
    """Environment variables that look like a misspelt setting, each with the one that is probably meant."""
    known = {f"GGZY_{name.upper()}" for name in Settings.model_fields if name != "directory"}
    found = []
    for name in sorted(set(os.environ) - known):
        if name.upper().startswith("GGZY_") and (near := difflib.get_close_matches(name.upper(), known, 1, 0.8)):
            found.append((name, near[0]))
    return found
