"""What can go wrong, as one small family sorted by what the caller can do about it.

NodeError
├── Malformed        the bytes are not of the form the protocol asks for; the sender must change them
├── Rejected         a business record or row that cannot be taken; names the field, goes back to its sender
│   ├── ActRefused   an act of a trade with all that is wrong with it, field by field
│   └── Overtaken    somebody else did something with the same thing meanwhile
├── Refused          well formed, but against a rule of this node
├── BadSignature     no trusted key signed it, or a trusted key's signature does not verify
├── BadProof         a Merkle proof, root or commitment does not hold; both sides are kept as evidence
├── NotAllowed       the caller is known but may not do or see this
├── Unauthenticated  the caller did not prove who it is
├── NotFound         nothing of that name here
├── Conflict         somebody was faster; carries the size to go on from
├── TooLarge         over a limit of this node
├── Unavailable      cannot be done now; trying again later may work
│   ├── Overloaded   too many requests at once; says when to come back
│   │   └── RateLimited  too many of them from this one sender
│   └── DiskFull     no room to store it; nothing was written
├── Frozen           this node's log must not be signed until a person has looked (DESIGN L9, L10)
└── StorageFailed    the disk did not keep its word; the process must stop (DESIGN L8)

Each class has a stable `code` and says what to do next in Chinese and in English; a raise may give a more exact text
in both. HTTP statuses are given in one place, `node/web/problems.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class NodeError(Exception):
    """Base of all errors that this program raises on purpose.

    Args:
        detail: what happened, in English, without personal data (it reaches logs and problem documents).
        zh: the same in Chinese, where the person who sees it is not an engineer.
        field: the name of the offending field, when there is one.
        advice_zh, advice_en: what to do next, when the class's general advice is not exact enough.
    """

    code = "error"
    title_zh = "出错"
    title_en = "Error"
    advice_zh = "请重试；如仍出现，请把错误代码告诉管理员。"
    advice_en = "Try again; if it comes back, give the error code to the administrator."

    def __init__(
        self,
        detail: str = "",
        *,
        zh: str | None = None,
        field: str | None = None,
        advice_zh: str | None = None,
        advice_en: str | None = None,
    ) -> None:
        super().__init__(detail or self.title_en)
        self.detail = detail or self.title_en
        self.zh = zh or self.title_zh
        self.field = field
        if advice_zh is not None:
            self.advice_zh = advice_zh
        if advice_en is not None:
            self.advice_en = advice_en


class Malformed(NodeError):
    code = "malformed"
    title_zh = "格式不正确"
    title_en = "Malformed"
    advice_zh = "请按 docs/protocol.md 或 /openapi.json 的格式修改后重新提交。"
    advice_en = "Correct it to the form in docs/protocol.md or /openapi.json and send it again."


class Rejected(NodeError):
    code = "rejected"
    title_zh = "记录未被接收"
    title_en = "Record rejected"
    advice_zh = "请修改所指字段后重新导入该行。"
    advice_en = "Correct the named field and import the row again."


class ActRefused(Rejected):
    """`faults` are `node.domain.engine.Fault`: field, rule, both languages, clause."""

    code = "act-refused"
    title_zh = "交易环节不符合规则"
    title_en = "The act is against the rules"
    advice_zh = "请按所列各项逐一修改后再提交。"
    advice_en = "Correct each point listed and submit again."

    def __init__(self, faults: Sequence[Any], detail: str = "", *, zh: str | None = None) -> None:
        first = faults[0] if faults else None
        more = f" (+{len(faults) - 1})" if len(faults) > 1 else ""
        super().__init__(
            detail or (f"{first.en}{more}" if first else ""),
            zh=zh or (f"{first.zh}{f'（另有 {len(faults) - 1} 项）' if more else ''}" if first else None),
            field=first.field if first else None,
        )
        self.faults = tuple(faults)


class Overtaken(Rejected):
    code = "overtaken"
    title_zh = "他人已先行操作"
    title_en = "Somebody else was faster"
    advice_zh = "请刷新页面，查看最新状态后再决定是否提交。"
    advice_en = "Reload the page, look at what has changed, and decide whether to submit again."


class Refused(NodeError):
    code = "refused"
    title_zh = "按规则拒绝"
    title_en = "Refused by rule"
    advice_zh = "请查看所指规则；修改后再提交。"
    advice_en = "Read the rule it names, then change and submit again."


class BadSignature(NodeError):
    code = "bad-signature"
    title_zh = "签名不能核验"
    title_en = "Signature does not verify"
    advice_zh = "请核对信任策略中的公钥与对方指纹是否一致。"
    advice_en = "Compare the public key in the trust policy with the other side's fingerprint."


class BadProof(NodeError):
    code = "bad-proof"
    title_zh = "证明不成立"
    title_en = "Proof does not hold"
    advice_zh = "请保留两份检查点作为证据，并通知监督部门；不要重新签名。"
    advice_en = "Keep both checkpoints as evidence and tell the supervisor; do not sign again."


class NotAllowed(NodeError):
    code = "not-allowed"
    title_zh = "无权限"
    title_en = "Not allowed"
    advice_zh = "请使用有相应权限的身份，或联系管理员。"
    advice_en = "Use an identity that has this right, or ask the administrator."


class Unauthenticated(NodeError):
    code = "unauthenticated"
    title_zh = "未通过身份核验"
    title_en = "Not authenticated"
    advice_zh = "请按 docs/protocol.md 对请求签名，并核对本机时钟。"
    advice_en = "Sign the request as docs/protocol.md says and check this machine's clock."


class NotFound(NodeError):
    code = "not-found"
    title_zh = "没有找到"
    title_en = "Not found"
    advice_zh = "请核对编号；记录可能尚未同步到本节点。"
    advice_en = "Check the identifier; the record may not have reached this node yet."


class Conflict(NodeError):
    """`size` is the tree size that the holder has; the sender goes on from there."""

    code = "conflict"
    title_zh = "状态已变化"
    title_en = "State has moved on"
    advice_zh = "请从返回的大小继续提交。"
    advice_en = "Go on from the size in the answer."

    def __init__(self, detail: str = "", *, size: int = 0) -> None:
        super().__init__(detail)
        self.size = size


class TooLarge(NodeError):
    code = "too-large"
    title_zh = "超过大小限制"
    title_en = "Too large"
    advice_zh = "请拆分后重新提交。"
    advice_en = "Split it and send it again."


class Unavailable(NodeError):
    code = "unavailable"
    title_zh = "暂时不可用"
    title_en = "Not available now"
    advice_zh = "系统会自动重试；也可稍后再试。本地业务不受影响。"
    advice_en = "It is retried by itself; local work goes on meanwhile."


class Overloaded(Unavailable):
    """`retry_after_s`: seconds after which a new try makes sense."""

    code = "overloaded"
    title_zh = "请求过多"
    title_en = "Too many requests"
    advice_zh = "请在所示秒数之后重试。"
    advice_en = "Try again after the seconds shown."

    def __init__(self, detail: str = "", *, retry_after_s: int = 1) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class RateLimited(Overloaded):
    code = "rate-limited"
    title_zh = "请求过于频繁"
    title_en = "Too many requests from one sender"
    advice_zh = "请在所示秒数之后重试；其他日志不受影响。"
    advice_en = "Try again after the seconds shown; other logs are not affected."


class DiskFull(Unavailable):
    code = "disk-full"
    title_zh = "磁盘已满，未写入任何内容"
    title_en = "The disk is full; nothing was written"
    advice_zh = "请清理磁盘空间后重试；已接收的记录不受影响。"
    advice_en = "Free disk space and try again; what was accepted is safe."


class Frozen(NodeError):
    code = "frozen"
    title_zh = "日志已冻结"
    title_en = "Log is frozen"
    advice_zh = "请勿重新签名；请按 docs/recovery.md 的步骤处理。"
    advice_en = "Do not sign again; follow docs/recovery.md."


class StorageFailed(NodeError):
    code = "storage-failed"
    title_zh = "存储故障，进程停止"
    title_en = "Storage failed, the process stops"
    advice_zh = "请检查磁盘空间与硬件，重启后运行 ggzy fsck。"
    advice_en = "Check disk space and hardware, restart, then run ggzy fsck."


def all_errors() -> list[type[NodeError]]:
    """Every class of the family, for documentation and its test."""
    found: list[type[NodeError]] = []
    todo: list[type[NodeError]] = [NodeError]
    while todo:
        cls = todo.pop(0)
        found.append(cls)
        todo.extend(cls.__subclasses__())
    return found
