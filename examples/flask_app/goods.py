"""What the shop sells, as a table. Prices are whole öre, so that every sum is exact."""

from collections.abc import Iterable
from dataclasses import dataclass

CURRENCY = "SEK"
MOST_OF_EACH = 20

CATEGORIES = {
    "green-tea": "Green tea",
    "black-tea": "Black tea",
    "herbal": "Herbal",
    "teaware": "Teaware",
}


@dataclass(frozen=True, slots=True)
class Good:
    sku: str
    name: str
    detail: str
    category: str
    price: int
    art: str
    tint: str
    description: str
    sold_out: bool = False

    @property
    def category_name(self) -> str:
        return CATEGORIES[self.category]


@dataclass(frozen=True, slots=True)
class Line:
    """So many of one good, at its price when the line was made."""

    sku: str
    name: str
    quantity: int
    unit_price: int

    @property
    def total(self) -> int:
        return self.quantity * self.unit_price

    @property
    def good(self) -> Good | None:
        return find(self.sku)


# fmt: off
GOODS = (
    Good("TEA-SENCHA-100", "Sencha Uji", "100 g", "green-tea", 8900, "pouch", "moss",
         "First flush from Uji, steamed the same morning. Fresh grass, a little sea, a clean end. "
         "Brew at 70 °C for one minute."),
    Good("TEA-GENMAICHA-100", "Genmaicha", "100 g", "green-tea", 7900, "pouch", "wheat",
         "Green tea with roasted rice: toasty, round and low in caffeine. For late afternoons. "
         "Brew at 80 °C for two minutes."),
    Good("TEA-GYOKURO-50", "Gyokuro Okumidori", "50 g", "green-tea", 18900, "tin", "jade",
         "Shaded for three weeks before picking: deep, savoury, almost a broth. "
         "A small harvest that goes fast; the next one arrives in May.", sold_out=True),
    Good("TEA-EARLGREY-100", "Earl Grey", "100 g", "black-tea", 7500, "tin", "slate",
         "Ceylon leaves with oil of Calabrian bergamot and nothing else. Bright, dry and lifted. "
         "Brew at 95 °C for three minutes."),
    Good("TEA-ASSAM-250", "Assam Mangalam", "250 g", "black-tea", 12950, "tin", "brick",
         "Malty second flush with golden tips, made for milk and grey mornings. "
         "Brew at 100 °C for four minutes."),
    Good("TEA-ROOIBOS-100", "Rooibos & Orange", "100 g", "herbal", 6500, "pouch", "amber",
         "Red bush from the Cederberg with sun-dried orange peel. No caffeine, hard to overbrew. "
         "Brew at 100 °C for as long as you like."),
    Good("WARE-POT-700", "Stoneware teapot", "0.7 l", "teaware", 44900, "pot", "clay",
         "Thrown and glazed by hand, with a strainer cut into the wall behind the spout. "
         "Holds three cups and its warmth. Dishwasher safe."),
    Good("WARE-CUP-200", "Stoneware cup", "0.2 l", "teaware", 11900, "cup", "clay",
         "No handle: when it is cool enough to hold, it is cool enough to drink. "
         "Matches the teapot. Dishwasher safe."),
)
# fmt: on
SHELF = {good.sku: good for good in GOODS}


def find(sku: str) -> Good | None:
    return SHELF.get(sku)


def search(text: str) -> list[Good]:
    """The goods in which every word of `text` occurs; none when it has no words."""
    words = text.casefold().split()
    return [good for good in GOODS if words and all(word in _page(good) for word in words)]


def lines(cart: dict[str, int]) -> list[Line]:
    """The cart's lines at today's prices, without what is no longer sold."""
    return [
        Line(good.sku, good.name, cart[good.sku], good.price)
        for good in GOODS
        if good.sku in cart and not good.sold_out
    ]


def total(of: Iterable[Line]) -> int:
    return sum(line.total for line in of)


def money(ore: int) -> str:
    return f"{ore // 100}.{ore % 100:02d} {CURRENCY}"


def _page(good: Good) -> str:
    return f"{good.name} {good.category_name} {good.description}".casefold()
