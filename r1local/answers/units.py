"""Words after a number: units, which an answer may leave out, and scales, which it may not."""

import re

#: Factors written as words or, in Japanese and Chinese, as one character.
SCALES = {
    "dozen": 12,
    "hundred": 10**2,
    "thousand": 10**3,
    "million": 10**6,
    "billion": 10**9,
    "trillion": 10**12,
    "百": 10**2,
    "千": 10**3,
    "万": 10**4,
    "萬": 10**4,
    "億": 10**8,
    "亿": 10**8,
}

# Units that can't be mistaken for variables, wherever they stand. `mg` or `ms`, for example, is
# ambiguous: mass times acceleration, or milligrams?
_PLAIN = """
    mm cm dm km kg lb lbs oz ft mi mph kph km/h hr hrs min mins sec secs Hz kHz MHz GHz kW kWh
    kPa kJ meter meters metre metres centimeter centimeters centimetre centimetres millimeter
    millimeters millimetre millimetres kilometer kilometers kilometre kilometres inch inches
    foot feet yard yards mile miles acre acres hectare hectares gram grams kilogram kilograms
    milligram milligrams ton tons tonne tonnes pound pounds ounce ounces liter liters litre
    litres milliliter milliliters gallon gallons quart quarts pint pints cup cups second
    seconds minute minutes hour hours day days week weeks month months year years degree
    degrees radian radians rad deg newton newtons joule joules watt watts volt volts amp amps
    ampere amperes ohm ohms hertz pascal pascals kelvin celsius fahrenheit mole moles dollar
    dollars cent cents euro euros yen yuan rupee rupees pence penny usd percent pct percentage
    unit units point points people persons person students student children ways way times
    solutions pairs integers numbers apples marbles balls books cards coins
"""
# Units in upright letters, `\text{}` or `\mathrm{}`, where variables don't occur; without K, M
# and T, which may mean thousands, millions and trillions.
_UPRIGHT = """
    m g s h d t l L N J W V A C F in yd ml mL cl dl cc mg ms ns nm pm ha Pa kN MJ MW kV
    mV mA eV mol bar atm cal kcal rpm gal pt qt
"""
# Japanese and Chinese counters and units.
_COUNTERS = (
    "個个箇本枚人名匹頭头台冊册杯回度年月日時时分秒円圓元角圆块只隻条張张位次种種组組倍歳岁点點件米克斤升"
    "度尺寸里棵朵颗顆双雙套篇首家所辆輛"
)


_POWER = r"(?:\s*\^\s*(?:-?\d|\{\s*-?\d\s*\}))?"


def _unit_pattern(names: str) -> str:
    """Return a pattern for units with powers and products: `square feet`, `km/h`, `m s^{-2}`."""
    words = "|".join(sorted(map(re.escape, names.split()), key=len, reverse=True))
    one = rf"(?:(?:square|cubic|sq\.?|cu\.?)\s+)?(?:{words})(?![A-Za-z]){_POWER}"
    return rf"{one}(?:\s*(?:/|\*|\bper\b|\s)\s*{one})*"


_TEXT = rf"\\text\s*\{{\s*(?:per\s+)?{_unit_pattern(_PLAIN + _UPRIGHT)}\.?\s*\}}{_POWER}"
#: A unit in an answer in uniform notation (`notation`), with the white space before it.
UNIT = re.compile(
    rf"\s*(?:{_TEXT}(?:\s*[/*]?\s*{_TEXT})*|(?<![A-Za-z])(?:{_unit_pattern(_PLAIN)})"
    rf"|[{_COUNTERS}]+|\\text\s*\{{\s*[{_COUNTERS}]+\s*\}})"
    r"(?=\.?\s*(?:$|[,;=<>)\]}]|\\[}a-z]|(?:and|or)\b))"
)
#: A scale; the first group is its name.
SCALE = re.compile(rf"\s*({'|'.join(SCALES)})(?![A-Za-z])")
