"""The next version of a trust policy, made from the one held: one function for each thing that people decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from node.errors import NotFound, Refused
from node.tlog.note import VerifierKey
from node.wire.trust import LOG_USES, Closure, KeyGrant, Member, Retirement, Revocation, TrustPolicy, place


def following(held: TrustPolicy, **changes: Any) -> TrustPolicy:
    """The version after `held`, with some fields changed."""
    return replace(held, **{**changes, "version": held.version + 1, "previous": held.hash()})


def with_nodes(draft: TrustPolicy, members: Sequence[Member], grants: Sequence[KeyGrant]) -> TrustPolicy:
    """More nodes, or nodes changed, with their keys. A key that is granted already keeps its sizes."""
    changed = {member.name: member for member in members}
    kept = tuple(changed.pop(member.name, member) for member in draft.members)
    known = {(grant.node, grant.use, grant.key) for grant in draft.keys}
    new = tuple(grant for grant in grants if (grant.node, grant.use, grant.key) not in known)
    return replace(draft, members=(*kept, *changed.values()), keys=(*draft.keys, *new))


def with_log_key(draft: TrustPolicy, grant: KeyGrant, *, overlap: int) -> TrustPolicy:
    """A further key of a log that is known, from its first size on; keys that were open end `overlap` sizes later.

    The overlap lets the node sign with the old key until it has heard of the new version.
    """
    if draft.node_of_origin(grant.key.name) != grant.node:
        raise NotFound(
            f"the trust policy knows no log {grant.key.name} of {grant.node}",
            zh=f"信任策略中没有 {grant.node} 的日志 {grant.key.name}",
            field="card",
        )
    last = grant.from_size + overlap

    def narrowed(each: KeyGrant) -> KeyGrant:
        open_ended = each.key.name == grant.key.name and each.use == grant.use and each.to_size is None
        return replace(each, to_size=max(last, each.from_size)) if open_ended and each.key != grant.key else each

    return replace(draft, keys=(*(narrowed(each) for each in draft.keys if each.key != grant.key), grant))


def with_revocation(draft: TrustPolicy, key: VerifierKey, size: int, root: bytes) -> TrustPolicy:
    """A log key that is trusted no more beyond the head (size, root). Raises Refused for a key that is no log's."""
    if not any(grant.key == key and grant.use in LOG_USES for grant in draft.keys):
        raise Refused(
            f"{key.vkey()} is no log key of the policy",
            zh="该公钥不是策略中的日志密钥",
            field="--key",
            advice_zh="请用 ggzy policy show 查看 key … log … 行；其他用途的密钥请用 ggzy policy retire。",
            advice_en="See the lines key … log … of ggzy policy show; for keys of other uses: ggzy policy retire.",
        )
    others = tuple(each for each in draft.revoked if each.key != key)
    return replace(draft, revoked=(*others, Revocation(key, size, root)))


def with_retirement(draft: TrustPolicy, key: VerifierKey, at_s: int) -> TrustPolicy:
    """A key of another use than a log's that states nothing after `at_s`. Raises Refused for any other key."""
    if not any(grant.key == key and grant.use not in LOG_USES for grant in draft.keys):
        raise Refused(
            f"{key.vkey()} is no witness, mirror, custody, request, seal or erasure key of the policy",
            zh="该公钥不是策略中的见证、镜像、托管、请求、密封或删除密钥",
            field="--key",
            advice_zh="日志密钥请用 ggzy policy revoke。",
            advice_en="For a log key use ggzy policy revoke.",
        )
    others = tuple(each for each in draft.retired if each.key != key)
    return replace(draft, retired=(*others, Retirement(key, at_s)))


def with_closure(draft: TrustPolicy, closure: Closure) -> TrustPolicy:
    """A log that has ended, and where it goes on."""
    others = tuple(each for each in draft.closed if each.origin != closure.origin)
    return replace(draft, closed=(*others, closure))


def find_key(policy: TrustPolicy, text: str) -> VerifierKey:
    """A key of the policy by its vkey, name+id, or name where that is enough. Raises NotFound, Refused."""
    keys = list(dict.fromkeys((*(grant.key for grant in policy.keys), *policy.signers, *policy.registrars)))
    found = [key for key in keys if text in (key.vkey(), key.name, "+".join((key.name, key.key_id.hex())))]
    if not found:
        raise NotFound(
            f"no key {text} in the policy",
            zh=f"策略中没有密钥 {text}",
            field="--key",
            advice_zh="请用 ggzy policy show 查看全部密钥。",
            advice_en="See all keys with ggzy policy show.",
        )
    if len({place(key) for key in found}) > 1:
        raise Refused(
            f"several keys are named {text}",
            zh=f"有多把密钥名为 {text}",
            field="--key",
            advice_zh="请给出 名称+编号（vkey 的前两段）。",
            advice_en="Give name+id, the first two parts of the vkey.",
        )
    return found[0]


def differences(held: TrustPolicy, new: TrustPolicy) -> list[str]:
    """What a version changes, line by line, `-` before and `+` after, for the person who is asked to sign it."""
    skip = ("version ", "previous ")
    before = [line for line in held.text().splitlines() if not line.startswith(skip)]
    after = [line for line in new.text().splitlines() if not line.startswith(skip)]
    gone, come = set(before) - set(after), set(after) - set(before)
    return [
        *(f"- {line}" for line in before if line in gone),
        *(f"+ {line}" for line in after if line in come),
    ]
