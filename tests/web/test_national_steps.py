"""The sandbox's checks line by line, in the order of data-standard.md §7.2: each alone, and each before the later."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from node.store.db import Store
from node.store.tables import METADATA
from node.uplink import envelope, held, token
from node.uplink.shape import SourceFile
from node.web.national import receiver
from node.web.national.receiver import Registered
from node.web.national.refusal import Refusal
from tests.uplink.world import REGISTERED, START_MS, listing, sold

COMMON = {"PLATFORM_CODE": "1" * 18, "PUB_SERVICE_PLAT_CODE": "2" * 18, "DATA_TIMESTAMP": "20250101000000"}
OTHER = {
    "PROJECT_NAME": "某项目",
    "PROJECT_CODE": "P1",
    "PUBLISHING_TIME": "20250101000000",
    "UNIFIED_DEAL_CODE": "A99-" + "1" * 18 + "-20250101-000001-0",
    "REGION_CODE": "500103",
    "TRA_PLACE_CODE": "500103",
    "TRA_AGENCY_NAME": "中心",
    "TRA_AGENCY_CODE": "1" * 18,
    "ANNOUNCEMENT_TITLE": "公告",
    "ANNOUNCEMENT_CONNECT": "内容",
    "URL": "https://x/1",
    "CLASSIFY_CODE": "1",
}
SENDERS = {"9120": REGISTERED, "9121": Registered("9121", "another!", "1" * 18)}
ABSENT = object()


@dataclass
class Upload:
    """A good insert of set 701; each part is changed by what a test gives."""

    title: dict[str, Any] = field(default_factory=dict)
    context: dict[str, Any] = field(default_factory=dict)
    sources: tuple[SourceFile, ...] = ()
    system_no: str = "9120"
    secret: str = "s3cret!!"
    at_ms: int = START_MS
    xml: bytes = b""

    def arguments(self) -> tuple[bytes, bytes]:
        fields = sold("P1", b"\x01" * 16).fields | COMMON | self.context
        made = envelope.make(
            number="701",
            name="TRADE_RESULT_INFO",
            zh="交易结果信息",
            data_key=key("701", 1),
            operation="insert",
            ca_key="0",
            fields={name: value for name, value in fields.items() if value is not ABSENT},
            sources=self.sources,
        )
        title = {name: value for name, value in {**made.title, **self.title}.items() if value is not ABSENT}
        validation = envelope.validation(self.system_no, token.make(self.system_no, self.secret, self.at_ms))
        return validation, self.xml or envelope.write(envelope.Envelope(title, made.context, made.sources))


def key(number: str, serial: int, system_no: str = "9120") -> str:
    return f"{system_no}{number}{serial:0{18 - len(number)}d}"


@pytest.fixture
def store() -> Iterator[Store]:
    made = Store("sqlite://")
    made.write_now(METADATA.create_all)
    assert send(made, other_set("700", "LISTING_PUB_INFO", listing("P1").fields)) == ""
    yield made
    made.close()


def other_set(number: str, name: str, fields: dict[str, str], serial: int = 9, **title: str) -> Upload:
    given = envelope.make(
        number=number,
        name=name,
        zh=name,
        data_key=key(number, serial),
        operation="insert",
        ca_key="0",
        fields=fields | COMMON,
    )
    return Upload(xml=envelope.write(envelope.Envelope(given.title | title, given.context)))


def send(store: Store, upload: Upload, area: Path | None = None) -> str:
    """The reason of a refusal, nothing when it was taken."""
    validation, data = upload.arguments()
    try:
        sender = receiver.identify(validation, SENDERS, START_MS)
        store.write_now(lambda conn: receiver.take(conn, held.packaged(), sender, data, START_MS, area))
    except Refusal as refusal:
        return str(refusal)
    return ""


# In the order of §7.2. (what the line asks for, an upload that breaks it alone, words of the answer)
LINES: list[tuple[str, Upload, str]] = [
    ("token: who sends is known", Upload(system_no="9199"), "SYSTEM_NO未授权"),
    ("token: made with the sender's secret", Upload(secret="not this"), "TOKEN"),
    ("token: the clocks agree within 12 hours", Upload(at_ms=START_MS - 13 * 3_600_000), "超过 12 小时"),
    ("XML parts: it is XML", Upload(xml=b"<DES><TITLE>"), "不是有效的 XML"),
    ("XML parts: DES", Upload(xml=b"<OTHER><TITLE/></OTHER>"), "根元素应为 DES"),
    ("XML parts: TITLE", Upload(xml=b"<DES><CONTEXT/></DES>"), "缺少 TITLE"),
    ("XML parts: CONTEXT", Upload(xml=b"<DES><TITLE><DATA_TYPE>1</DATA_TYPE></TITLE></DES>"), "缺少CONTEXT"),
    ("DATA_NO known", Upload(title={"DATA_NO": "999"}), "DATA_NO不存在"),
    ("DATA_EN matches", Upload(title={"DATA_EN": "LISTING_PUB_INFO"}), "DATA_EN与DATA_NO不符"),
    ("DATA_TYPE", Upload(title={"DATA_TYPE": "4"}), "DATA_TYPE应为"),
    ("key: 22 characters", Upload(title={"DATA_KEY": key("701", 1)[:-1]}), "DATA_KEY格式不正确"),
    ("key: begins with the sender's number", Upload(title={"DATA_KEY": key("701", 1, "9121")}), "DATA_KEY格式不正确"),
    ("key: names the set", Upload(title={"DATA_KEY": key("700", 1)}), "DATA_KEY格式不正确"),
    ("key: ends in digits", Upload(title={"DATA_KEY": key("701", 1)[:-1] + "٣"}), "DATA_KEY格式不正确"),
    ("key: known on update", Upload(title={"DATA_TYPE": "2"}), "DATA_KEY不存在"),
    ("key: known on delete", Upload(title={"DATA_TYPE": "3"}), "DATA_KEY不存在"),
    ("CA_KEY", Upload(title={"CA_KEY": ABSENT}), "CA_KEY不能为空"),
    ("common fields: the platform is registered", Upload(context={"PLATFORM_CODE": "3" * 18}), "PLATFORM_CODE未登记"),
    ("common fields: the service's code", Upload(context={"PUB_SERVICE_PLAT_CODE": "1"}), "PUB_SERVICE_PLAT_CODE"),
    ("common fields: the time stamp", Upload(context={"DATA_TIMESTAMP": "2025"}), "DATA_TIMESTAMP"),
    ("field: NotNull", Upload(context={"PROJECT_NAME": ABSENT}), "（PROJECT_NAME）必填"),
    ("field: Length", Upload(context={"PROJECT_NAME": "长" * 301}), "（PROJECT_NAME）不得超过 300"),
    ("field: Date", Upload(context={"TRADE_DATE": "20250229"}), "（TRADE_DATE）应为 yyyyMMdd"),
    ("field: Number", Upload(context={"TRADE_VALUE": "一百"}), "（TRADE_VALUE）“一百”不是数字"),
    ("field: Domain", Upload(context={"SELLER_ROLE": "88"}), "“88”不在代码表 T26 内"),
    ("field: Enum", Upload(context={"PRICE_UNIT": "7"}), "“7”不在代码表 PRICE_UNIT 内"),
    ("field: Region", Upload(context={"REGION_CODE": "999999"}), "不是六位行政区划代码"),
    ("between rows: the parent first", Upload(context={"PROJECT_CODE": "P2"}), "应先报送"),
    ("between rows: the price rule", Upload(context={"TRADE_VALUE": ABSENT}), "价款形式为金额时 TRADE_VALUE 必填"),
    ("files: a name from the dictionary", Upload(sources=(SourceFile("", "a.pdf", "a.pdf"),)), "的名称"),
    ("files: the file is there", Upload(sources=(SourceFile("QUAL_NOTICE_FILE", "a.pdf", "a.pdf"),)), "文件不存在"),
]


def test_a_good_upload_passes_every_line(store: Store, tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF")
    good = Upload(sources=(SourceFile("QUAL_NOTICE_FILE", "a.pdf", "a.pdf"),))
    assert send(store, good, tmp_path) == ""


@pytest.mark.parametrize(("upload", "why"), [line[1:] for line in LINES], ids=[line[0] for line in LINES])
def test_each_line_refuses_what_breaks_it(store: Store, tmp_path: Path, upload: Upload, why: str) -> None:
    assert why in send(store, upload, tmp_path)
    assert send(store, Upload(), tmp_path) == ""  # and nothing was kept of it


def _mixed(first: Upload, then: Upload) -> Upload:
    """An upload that breaks two lines; of a whole other XML only the first can be had."""
    return Upload(
        title=then.title | first.title,
        context=then.context | first.context,
        sources=first.sources or then.sources,
        system_no=first.system_no,
        secret=first.secret,
        at_ms=first.at_ms,
        xml=first.xml,
    )


ABOUT_ANOTHER = ("key: known on update", "key: known on delete")
"""Lines about a record that is not there: what else is wrong with it cannot be had at once."""


def _apart(first: tuple[str, Upload, str], then: tuple[str, Upload, str]) -> bool:
    """Whether an upload can break both lines: not in one element, and of fields the order is their own."""
    (one, a, _), (other, b, _) = first, then
    plain = not b.xml and (b.system_no, b.secret, b.at_ms) == ("9120", "s3cret!!", START_MS)
    fields = one.startswith("field") and other.startswith("field")
    return plain and not fields and other not in ABOUT_ANOTHER and not (a.title.keys() & b.title.keys())


@pytest.mark.parametrize("place", range(len(LINES) - 1), ids=[line[0] for line in LINES[:-1]])
def test_a_line_is_told_before_all_later_ones(store: Store, tmp_path: Path, place: int) -> None:
    first = LINES[place]
    upload = first[1]
    for later in LINES[place + 1 :]:
        if _apart(first, later) and not upload.context.keys() & later[1].context.keys():
            upload = _mixed(upload, later[1])
    assert first[2] in send(store, upload, tmp_path)


def test_a_key_is_used_once_and_belongs_to_its_sender(store: Store) -> None:
    assert send(store, Upload()) == ""
    assert "DATA_KEY已存在" in send(store, Upload())
    assert send(store, Upload(title={"DATA_TYPE": "2"}, context={"PROJECT_NAME": "新名"})) == ""
    other = Upload(system_no="9121", secret="another!")
    for operation in ("2", "3"):
        other.title = {"DATA_TYPE": operation}
        assert "DATA_KEY格式不正确" in send(store, other)
    assert send(store, Upload(title={"DATA_TYPE": "3"})) == ""
    assert "DATA_KEY不存在" in send(store, Upload(title={"DATA_TYPE": "3"}))
    assert "DATA_KEY已存在" in send(store, Upload())  # never used again


def test_unique_and_immutable_come_after_the_fields_and_before_the_files(store: Store) -> None:
    name = "OTHER_TRADE_PUB_INFO"
    assert send(store, other_set("1800", name, OTHER, 1)) == ""
    assert "已被另一条记录使用" in send(store, other_set("1800", name, OTHER, 2))
    both = other_set("1800", name, OTHER | {"REGION_CODE": "999999"}, 2)
    assert "行政区划" in send(store, both)
    moved = OTHER | {"PROJECT_CODE": "P2"}
    assert "不得修改" in send(store, other_set("1800", name, moved, 1, DATA_TYPE="2"))
    assert send(store, other_set("1800", name, OTHER | {"URL": "https://x/2"}, 1, DATA_TYPE="2")) == ""
