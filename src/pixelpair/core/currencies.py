"""The currencies of ISO 4217 and their minor units. Funds, metals and test codes are none."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# https://www.six-group.com/en/products-services/financial-information/data-standards.html
_BY_MINOR_UNITS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
    2: """
        AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD
        CAD CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP
        GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD
        LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB
        PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC
        SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW
        ZWG
    """,
    3: "BHD IQD JOD KWD LYD OMR TND",
}
MINOR_UNITS: Mapping[str, int] = {
    code: units for units, codes in _BY_MINOR_UNITS.items() for code in codes.split()
}

# Signs and words that no second currency has. "$", "kr", "¥", "£" and "Rs" have several.
SYMBOLS: Mapping[str, str] = {
    "€": "EUR", "₩": "KRW", "₹": "INR", "₪": "ILS", "₺": "TRY", "₫": "VND", "₴": "UAH",
    "₽": "RUB", "₦": "NGN", "₱": "PHP", "₸": "KZT", "₾": "GEL", "₼": "AZN", "₲": "PYG",
    "₮": "MNT", "₭": "LAK", "₵": "GHS", "₡": "CRC", "฿": "THB", "zł": "PLN", "Kč": "CZK",
    "R$": "BRL", "Ft": "HUF", "US$": "USD", "CA$": "CAD", "AU$": "AUD", "NZ$": "NZD",
    "HK$": "HKD", "NT$": "TWD",
}  # fmt: skip


def currency_code(text: str) -> str | None:
    """The code that a text is, in either case, or whose own sign it is."""
    text = text.strip()
    code = text.upper()
    return code if code in MINOR_UNITS else SYMBOLS.get(text)
