"""How values look on a page: money, points, times in Beijing time, sizes. Never raises for what a record may hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from node.web.portal_text import Pair

BEIJING = timezone(timedelta(hours=8), "Asia/Shanghai")
NOTHING = "—"
_WAN_FEN = 1_000_000
_YI_FEN = 10_000_000_000


def number(value: int) -> str:
    """
    >>> number(1234567)
    '1,234,567'
    """
    return f"{value:,}"


def yuan(fen: int) -> str:
    """
    >>> yuan(2079738158), yuan(-5)
    ('20,797,381.58', '-0.05')
    """
    whole, rest = divmod(abs(fen), 100)
    return f"{'-' if fen < 0 else ''}{whole:,}.{rest:02d}"


def money(fen: int) -> Pair:
    """A sum in full, and for large ones also in 万元 or 亿元, as people say it.

    >>> money(2079738158)[0]
    '20,797,381.58 元（约 2,079.74 万元）'
    """
    zh = f"{yuan(fen)} 元"
    for unit_fen, unit in ((_YI_FEN, "亿元"), (_WAN_FEN, "万元")):
        if abs(fen) >= unit_fen:
            hundredths = (abs(fen) * 100 + unit_fen // 2) // unit_fen
            exact = "" if hundredths * unit_fen == abs(fen) * 100 else "约 "
            zh += f"（{exact}{'-' if fen < 0 else ''}{yuan(hundredths)} {unit}）"
            break
    return zh, f"CNY {yuan(fen)}"


def points(thousandths: int) -> str:
    """
    >>> points(103250), points(-500), points(100000)
    ('103.25', '-0.5', '100')
    """
    whole, rest = divmod(abs(thousandths), 1000)
    decimals = f".{rest:03d}".rstrip("0").rstrip(".")
    return f"{'-' if thousandths < 0 else ''}{whole:,}{decimals}"


def when(ms: int | None) -> str:
    """Beijing time to the second; a dash for no time, and for one beyond the calendar."""
    moment = _moment(ms)
    return moment.strftime("%Y-%m-%d %H:%M:%S") if moment else NOTHING


def iso(ms: int) -> str:
    """Beijing time for programs, to the second, with its zone.

    >>> iso(1_764_000_000_000)
    '2025-11-25T00:00:00+08:00'
    """
    return datetime.fromtimestamp(ms / 1000, BEIJING).isoformat(timespec="seconds")


def sentence(text: str) -> str:
    """
    >>> sentence("a version is a number")
    'A version is a number'
    """
    return text[:1].upper() + text[1:]


def day(ms: int | None) -> str:
    """The date in Beijing."""
    moment = _moment(ms)
    return moment.date().isoformat() if moment else NOTHING


def midnight_ms(ms: int) -> int:
    """The last midnight in Beijing, as UTC milliseconds."""
    here = datetime.fromtimestamp(ms / 1000, BEIJING)
    return int(here.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()) * 1000


def ago(ms: int | None, now_ms: int) -> Pair:
    """How long ago, in the largest unit that fits."""
    if not ms:
        return "从未", "never"
    seconds = (now_ms - ms) // 1000
    if seconds < -60:
        return "时间在将来", "in the future"
    for size, zh, en in ((86400, "天", "d"), (3600, "小时", "h"), (60, "分钟", "min")):
        if seconds >= size:
            return f"{seconds // size} {zh}前", f"{seconds // size} {en} ago"
    return "刚刚", "just now"


def _moment(ms: int | None) -> datetime | None:
    if not ms:
        return None
    try:
        return datetime.fromtimestamp(ms / 1000, UTC).astimezone(BEIJING)
    except (ValueError, OverflowError, OSError):
        return None
