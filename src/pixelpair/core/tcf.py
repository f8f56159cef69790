"""Whether a TCF v2 string holds the consent of one vendor. Knows bits; no purposes, no cookies.

Layout: @iabtcf/core 1.5.6, encoder/field/VendorVectorEncoder.js; the list begins behind
publisherCountryCode, at bit 213.
"""

from __future__ import annotations

_VENDORS_AT = 213
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_SEXTETS = {letter: format(n, "06b") for n, letter in enumerate(_ALPHABET)}


class _Bits:
    """A string of 0 and 1, read from one end to the other. Raises ValueError where it is cut."""

    __slots__ = ("_at", "_bits")

    def __init__(self, bits: str, at: int) -> None:
        self._bits = bits
        self._at = at

    def take(self, count: int) -> int:
        self._at += count
        if self._at > len(self._bits):
            raise ValueError
        return int(self._bits[self._at - count : self._at], 2)


def vendor_agreed(value: str, vendor: int) -> bool | None:
    """Whether the visitor agreed to this vendor; None where the string cannot be read."""
    try:
        core = "".join([_SEXTETS[letter] for letter in value.partition(".")[0]])
        return _listed(_Bits(core, _VENDORS_AT), vendor)
    except (KeyError, ValueError):
        return None


def _listed(bits: _Bits, vendor: int) -> bool:
    greatest = bits.take(16)
    if not bits.take(1):  # a bit for each vendor
        return vendor <= greatest and bits.take(vendor) % 2 == 1
    found = False
    for _ in range(bits.take(12)):
        is_range = bits.take(1)
        first = bits.take(16)
        last = bits.take(16) if is_range else first
        found = found or first <= vendor <= last
    return found
