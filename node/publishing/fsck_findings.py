"""What the judge can find: every code with its words and what to do next, and a list that does not grow for ever."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

Severity = Literal["fault", "warning"]
MAX_OF_A_CODE = 20
"""So many findings of one code in one log are told one by one, the rest as a count."""


class Advice(NamedTuple):
    zh: str
    en: str


_STOP = Advice(
    "请勿重新签名；停止服务，检查磁盘，再运行 ggzy recover --fresh：旧库留作证据，从镜像重建，见 docs/recovery.md。",
    "Do not sign again. Stop the service, check the disk, run ggzy recover --fresh: it keeps the database as evidence "
    "and brings the log back from the mirror, docs/recovery.md.",
)
_PAYLOAD = Advice(
    "日志本身不受影响；请按 docs/recovery.md 从来源节点或镜像重新取回该内容。",
    "The log itself is not affected; fetch this content again from its origin or a mirror, docs/recovery.md.",
)
_ERASED = Advice(
    "请勿读取或转发该内容；请运行 ggzy rebuild 再次执行删除，仍在时按 docs/operating.md 处理。",
    "Neither read nor pass it on; run ggzy rebuild, which erases again, and see docs/operating.md if it stays.",
)
_KEY = Advice(
    "请核对信任策略中的公钥；公钥已更换时请先更新信任策略再检查。",
    "Compare the keys in the trust policy; if a key was replaced, update the policy first and check again.",
)
_LOOK = Advice("请按 docs/recovery.md 查明原因后再处理。", "Find out the reason first, docs/recovery.md.")
_FROZEN = Advice(
    "旧副本（restored-from-backup）请运行 ggzy recover；分叉（fork）请停止其他进程，按 docs/recovery.md 开启新纪元。",
    "An old copy (restored-from-backup): ggzy recover. A fork: stop the other process and open a new epoch "
    "(ggzy epoch), docs/recovery.md.",
)
_EVIDENCE = Advice(
    "请保留数据库，把证据交监督部门核验，见 docs/recovery.md 的“分叉”。",
    "Keep the database and have the evidence examined by the supervising department, see fork in docs/recovery.md.",
)
_CLOSED = Advice(
    "其后的条目不计入任何页面；请以后继日志为准，见 docs/recovery.md。",
    "What lies beyond is shown nowhere; the log that follows counts, docs/recovery.md.",
)
_MISSING = Advice(
    "请运行 ggzy recover，从镜像取回本节点的内容，见 docs/recovery.md。",
    "Run ggzy recover, which asks the node above for this node's own content, docs/recovery.md.",
)
_DISK = Advice(
    "请停止服务，检查磁盘；数据库确已损坏时运行 ggzy recover --fresh，见 docs/recovery.md。",
    "Stop the service and check the disk; a database that is damaged is made anew by ggzy recover --fresh, "
    "docs/recovery.md.",
)
_VIEW = Advice(
    "日志本身不受影响；请运行 ggzy rebuild，从日志重建查询表；再次出现时请检查磁盘。",
    "The log itself is not affected: run ggzy rebuild, which makes the read tables anew from the logs. If it comes "
    "back, check the disk.",
)
_BUSINESS = Advice(
    "日志本身不受影响；请勿再次发布该记录，按 docs/recovery.md 重建发布索引。",
    "The log itself is not affected; do not publish this record again, rebuild the index, docs/recovery.md.",
)


class Code(NamedTuple):
    zh: str
    en: str
    advice: Advice
    severity: Severity = "fault"


CODES: dict[str, Code] = {
    "database-damaged": Code("数据库文件损坏", "the database file is damaged", _DISK),
    "database-reference": Code("数据库引用不完整", "a row refers to one that is not there", _DISK),
    "log-unreadable": Code("日志无法读取，检查中断", "the log cannot be read, its check was broken off", _DISK),
    "log-state-wrong": Code("日志状态行自相矛盾", "the log's own row contradicts itself", _STOP),
    "log-frozen": Code("日志已冻结", "the log is frozen", _FROZEN, "warning"),
    "log-evidence": Code(
        "存有互相矛盾的签名文书", "notes that cannot all be true are kept as evidence", _EVIDENCE, "warning"
    ),
    "closed-beyond": Code(
        "日志在信任策略关闭之处以后仍有条目", "entries beyond where the trust policy closed the log", _CLOSED, "warning"
    ),
    "closed-root-wrong": Code(
        "日志与信任策略关闭的日志头不符", "the log differs from the head that the trust policy closed it with", _STOP
    ),
    "log-unsigned-end": Code(
        "日志末尾有未签名的条目", "entries at the end of the own log are not signed", _LOOK, "warning"
    ),
    "bundle-missing": Code("缺少条目包", "an entry bundle is missing", _STOP),
    "bundle-extra": Code("多余的条目包", "an entry bundle beyond the end of the log", _STOP),
    "bundle-unreadable": Code("条目包不是 256 个条目", "an entry bundle does not hold exactly 256 entries", _STOP),
    "tail-missing": Code("缺少末尾条目", "an entry of the tail is missing", _STOP),
    "tail-extra": Code("多余的末尾条目", "an entry row outside the tail", _STOP),
    "entry-unreadable": Code("本节点条目无法读取", "an entry of the own log cannot be read", _STOP),
    "entry-not-canonical": Code("本节点条目不是规范编码", "an entry of the own log is not canonical msgpack", _STOP),
    "leaf-differs": Code("条目与叶子哈希不符", "an entry does not hash to its leaf in the tile", _STOP),
    "tile-missing": Code("缺少哈希块", "a hash tile is missing", _STOP),
    "tile-extra": Code("多余的哈希块", "a hash tile that this log cannot have", _STOP),
    "tile-wrong": Code("哈希块与重算结果不符", "a hash tile differs from what was recomputed", _STOP),
    "node-missing": Code("缺少哈希行", "a hash row is missing", _STOP),
    "node-extra": Code("多余的哈希行", "a hash row that this log cannot have", _STOP),
    "node-wrong": Code("哈希行与重算结果不符", "a hash row differs from what was recomputed", _STOP),
    "tree-broken": Code("条目不全，其后的树无法重算", "entries are lacking, the tree beyond cannot be rebuilt", _STOP),
    "head-root-wrong": Code("日志头的根与重算结果不符", "the root of the head differs from the recomputed one", _STOP),
    "head-unsigned": Code("日志头没有日志密钥的有效签名", "the head has no valid signature of the log's key", _STOP),
    "witnessed-root-wrong": Code(
        "已见证的根与重算结果不符", "the witnessed root differs from the recomputed one", _STOP
    ),
    "checkpoint-unreadable": Code("检查点无法读取", "a checkpoint cannot be read", _STOP),
    "checkpoint-misplaced": Code(
        "检查点的来源或大小与所存不符", "a checkpoint is of another log or size than its row says", _STOP
    ),
    "checkpoint-beyond": Code(
        "检查点超出已签名或已见证的大小", "a checkpoint is larger than any head signed or witnessed here", _STOP
    ),
    "checkpoint-root-wrong": Code(
        "检查点的根与重算结果不符", "the root of a checkpoint differs from the recomputed one", _STOP
    ),
    "checkpoint-unsigned": Code("检查点没有日志密钥的签名", "a checkpoint has no line of the log's key", _STOP),
    "signature-unreadable": Code("签名行无法读取", "a signature line cannot be read", _STOP),
    "signature-misplaced": Code(
        "签名行与所存的签名者不符", "a signature line is not of the signer that its row names", _STOP
    ),
    "signature-orphan": Code("签名没有对应的检查点", "a signature has no checkpoint", _STOP),
    "signature-wrong": Code("签名不能核验", "a signature does not verify", _STOP),
    "signature-key-unknown": Code("签名者的公钥未知", "the signer's key is not known", _KEY, "warning"),
    "pack-unreadable": Code("内容包无法读取", "a pack cannot be read", _PAYLOAD),
    "pack-misplaced": Code(
        "内容包的来源、范围或公开层级与所存不符",
        "a pack is of another log, range or audience than its row says",
        _PAYLOAD,
    ),
    "pack-extra": Code("内容包不属于任何完整的条目包", "a pack belongs to no full bundle", _PAYLOAD),
    "payload-extra": Code("内容不属于任何条目的部分", "a payload belongs to no section of an entry", _PAYLOAD),
    "payload-audience": Code(
        "内容的公开层级与条目不符", "a payload lies under another audience than its entry says", _PAYLOAD
    ),
    "payload-wrong": Code("内容与条目的承诺不符", "a payload does not match the entry's commitment", _PAYLOAD),
    "payload-lost": Code("应存的内容既未存也未列为缺失", "a payload is due, not held and not listed missing", _PAYLOAD),
    "erased-held": Code("已依法删除的内容仍有留存", "a section erased by law is still held", _ERASED),
    "payload-missing": Code("本节点自己的内容缺失", "a payload of the own log is missing", _MISSING, "warning"),
    "missing-held": Code("列为缺失的内容其实已存", "a payload that is held is listed missing", _PAYLOAD),
    "missing-extra": Code("缺失清单指向不存在的部分", "the missing list names a section that does not exist", _PAYLOAD),
    "issued-wrong": Code("发布索引与条目不符", "the index of issued records differs from the entry", _BUSINESS),
    "view-differs": Code("查询表与日志不符", "a read table differs from what the log says", _VIEW),
    "issued-extra": Code("发布索引指向不存在的条目", "the index of issued records names no entry", _BUSINESS),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it must be. `place` names it inside the log, such as "tile 0/3" or "entry 700 main"."""

    origin: str
    place: str
    code: str
    zh: str
    en: str
    severity: Severity
    advice_zh: str
    advice_en: str


class Findings:
    """Collects what is found in one log, or in the database itself when `origin` is empty."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._found: list[Finding] = []
        self._count: Counter[str] = Counter()

    def add(self, code: str, place: str, detail: str = "") -> None:
        self._count[code] += 1
        if self._count[code] <= MAX_OF_A_CODE:
            self._found.append(
                self._finding(code, place, f"：{detail}" if detail else "", f": {detail}" if detail else "")
            )

    def add_all(self, code: str, places: Iterable[str]) -> None:
        for place in places:
            self.add(code, place)

    def counted(self, code: str, more: int) -> None:
        """`more` findings of this code whose places were not looked at one by one."""
        self._count[code] += more

    def all(self) -> list[Finding]:
        """All findings in the order they were met, then for each code that went over the limit how many more."""
        told = Counter(finding.code for finding in self._found)
        rest = [
            self._finding(code, "", f"：另有 {count - told[code]} 处", f": {count - told[code]} more")
            for code, count in self._count.items()
            if count > told[code]
        ]
        return self._found + rest

    def _finding(self, code: str, place: str, zh: str, en: str) -> Finding:
        known = CODES[code]
        return Finding(
            self._origin,
            place,
            code,
            known.zh + zh,
            known.en + en,
            known.severity,
            known.advice.zh,
            known.advice.en,
        )
