"""Administrative divisions (GB/T 2260): Chongqing's 38 units, its former counties, its zones without codes, provinces.

A zone (两江新区 …) runs a trade centre but has no code: it stays a name. Six digits are used throughout; a province is
`500000`. The tables follow the list of 2024; former codes name their successor.
"""

from __future__ import annotations

from node.domain.identifiers import is_division_form

CHONGQING: dict[str, str] = {
    "500101": "万州区",
    "500102": "涪陵区",
    "500103": "渝中区",
    "500104": "大渡口区",
    "500105": "江北区",
    "500106": "沙坪坝区",
    "500107": "九龙坡区",
    "500108": "南岸区",
    "500109": "北碚区",
    "500110": "綦江区",
    "500111": "大足区",
    "500112": "渝北区",
    "500113": "巴南区",
    "500114": "黔江区",
    "500115": "长寿区",
    "500116": "江津区",
    "500117": "合川区",
    "500118": "永川区",
    "500119": "南川区",
    "500120": "璧山区",
    "500151": "铜梁区",
    "500152": "潼南区",
    "500153": "荣昌区",
    "500154": "开州区",
    "500155": "梁平区",
    "500156": "武隆区",
    "500229": "城口县",
    "500230": "丰都县",
    "500231": "垫江县",
    "500233": "忠县",
    "500235": "云阳县",
    "500236": "奉节县",
    "500237": "巫山县",
    "500238": "巫溪县",
    "500240": "石柱土家族自治县",
    "500241": "秀山土家族苗族自治县",
    "500242": "酉阳土家族苗族自治县",
    "500243": "彭水苗族土家族自治县",
}

# Codes out of use: code -> (name, successor). Old records and old credit codes carry them.
FORMER: dict[str, tuple[str, str]] = {
    "500222": ("綦江县", "500110"),
    "500223": ("潼南县", "500152"),
    "500224": ("铜梁县", "500151"),
    "500225": ("大足县", "500111"),
    "500226": ("荣昌县", "500153"),
    "500227": ("璧山县", "500120"),
    "500228": ("梁平县", "500155"),
    "500232": ("武隆县", "500156"),
    "500234": ("开县", "500154"),
}

# Places that act as districts and have no code. 北部新区 was dissolved into 两江新区 in 2016.
ZONES: tuple[str, ...] = ("两江新区", "北部新区", "高新区", "万盛经开区", "双桥经开区")

# Zone as it is called -> the letters that stand for it in the name of its node.
ZONE_SLUGS: dict[str, str] = {
    "两江新区": "liangjiang",
    "重庆高新区": "gaoxin",
    "万盛经开区": "wansheng",
    "双桥经开区": "shuangqiao",
}

PROVINCES: dict[str, str] = {
    "110000": "北京市",
    "120000": "天津市",
    "130000": "河北省",
    "140000": "山西省",
    "150000": "内蒙古自治区",
    "210000": "辽宁省",
    "220000": "吉林省",
    "230000": "黑龙江省",
    "310000": "上海市",
    "320000": "江苏省",
    "330000": "浙江省",
    "340000": "安徽省",
    "350000": "福建省",
    "360000": "江西省",
    "370000": "山东省",
    "410000": "河南省",
    "420000": "湖北省",
    "430000": "湖南省",
    "440000": "广东省",
    "450000": "广西壮族自治区",
    "460000": "海南省",
    "500000": "重庆市",
    "510000": "四川省",
    "520000": "贵州省",
    "530000": "云南省",
    "540000": "西藏自治区",
    "610000": "陕西省",
    "620000": "甘肃省",
    "630000": "青海省",
    "640000": "宁夏回族自治区",
    "650000": "新疆维吾尔自治区",
    "710000": "台湾省",
    "810000": "香港特别行政区",
    "820000": "澳门特别行政区",
}

_ETHNIC = ("壮族", "回族", "维吾尔", "土家族", "苗族")
_LEVELS = ("特别行政区", "自治区", "自治县", "省", "市", "区", "县")


def _short(name: str) -> str:
    for level in _LEVELS:
        name = name.removesuffix(level)
    for people in (*_ETHNIC, *_ETHNIC):
        name = name.removesuffix(people)
    return name


def _names(table: dict[str, str]) -> dict[str, str]:
    full = {name: code for code, name in table.items()}
    # A short name of one character (忠) would match too much.
    return {short: code for code, name in table.items() if len(short := _short(name)) > 1} | full


_PROVINCE_BY_NAME = _names(PROVINCES)
_DISTRICT_BY_NAME = _names(CHONGQING) | {name: code for code, (name, _) in FORMER.items()}


def is_known(code: str) -> bool:
    """Whether a code is in GB/T 2260 as far as this program can tell.

    Chongqing's codes are checked one by one, those of other provinces by form and province.

    >>> [is_known(code) for code in ("500102", "500234", "500199", "420506", "660406", "5001")]
    [True, True, False, True, False, True]
    """
    if not is_division_form(code):
        return False
    if code[:2] == "50":
        if len(code) > 4 and code[2:6] not in ("0000", "0100", "0200"):
            return code[:6] in CHONGQING or code[:6] in FORMER
        return code[:4] in ("50", "5000", "5001", "5002")
    return code[:2] + "0000" in PROVINCES


def name_of(code: str) -> str:
    """The name of a Chongqing division, former ones too, or of a province; empty when this table has none."""
    former = FORMER.get(code)
    return former[0] if former else CHONGQING.get(code) or PROVINCES.get(code, "")


def is_zone(name: str) -> bool:
    """Whether a name is a zone that has no code: `两江新区`, `重庆高新区`, `万盛`.

    >>> [is_zone(name) for name in ("两江新区", "重庆高新区", "万盛", "渝中区")]
    [True, True, True, False]
    """
    bare = name.removeprefix("重庆市").removeprefix("重庆")
    return bare in ZONES or f"{bare}经开区" in ZONES


def find(*names: str) -> str:
    """The most exact code for a place given by names from large to small; empty when none is known.

    Inside Chongqing the district is found, elsewhere the province.

    >>> find("重庆", "重庆市", "沙坪坝区"), find("重庆市"), find("广西", "南宁市", "青秀区"), find("石柱"), find("全国")
    ('500106', '500000', '450000', '500240', '')
    """
    found = ""
    for name in names:
        if found in ("", "500000") and name in _DISTRICT_BY_NAME:
            return _DISTRICT_BY_NAME[name]
        if not found:
            found = _PROVINCE_BY_NAME.get(name, "")
    return found


def find_in_address(address: str) -> str:
    """The code of the province, or inside Chongqing of the district, that an address begins with.

    >>> find_in_address("浙江省杭州市拱墅区"), find_in_address("重庆市江北区铁山坪街道")
    ('330000', '500105')
    """
    for length in range(min(len(address), 8), 1, -1):
        code = _PROVINCE_BY_NAME.get(address[:length], "")
        if code == "500000":
            rest = address[length:].removeprefix("重庆市").removeprefix("市辖区")
            return next(
                (district for name, district in _DISTRICT_BY_NAME.items() if rest.startswith(name)),
                code,
            )
        if code:
            return code
    return ""
