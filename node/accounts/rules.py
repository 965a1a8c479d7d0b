"""Which passwords are taken: length above all, none that is easily guessed (NIST SP 800-63B-4 §3.1.1.2, GB/T 39786)."""

from __future__ import annotations

import unicodedata

from node.accounts.passwords import MAX_PASSWORD
from node.errors import Rejected

# What people choose when nobody stops them; compared without case, and without digits and marks around it.
_COMMON = frozenset(
    "password passw0rd admin administrator qwerty qwertyuiop asdfghjkl zxcvbnm letmein welcome iloveyou abc abcd abcdef"
    " ggzy chongqing cqggzy jiaoyi zhongxin ggzyjy beijing woaini woaini1314 aa qq test changeme secret".split()
)
_ROWS = ("01234567890", "abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "asdfghjkl", "zxcvbnm", "1qaz2wsx3edc4rfv5tgb")


def require(password: str, *, least: int, about: tuple[str, ...] = ()) -> str:
    """Give the password back, or raise Rejected with what is wrong with it.

    `least` is the smallest number of characters, `about` words that it must not be made of: log-in name, person's name,
    organisation.
    """
    plain = unicodedata.normalize("NFKC", password)
    folded = plain.casefold()
    if len(plain) < least:
        raise _rejected(f"at least {least} characters", f"密码至少 {least} 个字符")
    if len(password) > MAX_PASSWORD:
        raise _rejected(f"at most {MAX_PASSWORD} characters", f"密码最多 {MAX_PASSWORD} 个字符")
    if len(set(folded)) < 5:
        raise _rejected("too few different characters", "密码中不同的字符过少")
    if any(len(word) >= 3 and word.casefold() in folded for word in about if word):
        raise _rejected("it holds a name that others know", "密码不得包含登录名、姓名或单位名称")
    core = folded.strip("0123456789!@#$%^&*()-_=+.,?~ ")
    if core in _COMMON or not core or _runs(folded):
        raise _rejected("it is one of those that are guessed first", "密码过于常见，容易被猜中")
    return password


def _runs(folded: str) -> bool:
    """Whether all of it is a walk along the keyboard or the alphabet, either way."""
    rows = [row * 3 for row in (*_ROWS, *(row[::-1] for row in _ROWS))]
    return any(folded in row for row in rows)


def _rejected(en: str, zh: str) -> Rejected:
    return Rejected(
        f"the password is not taken: {en}",
        zh=zh,
        field="password",
        advice_zh="请用较长的密码，例如四五个不相关的词；无须定期更换。",
        advice_en="Take a longer one, four or five unrelated words for instance; it need not be changed regularly.",
    )
