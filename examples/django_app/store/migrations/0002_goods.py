"""The goods on the shelf on opening day."""

from decimal import Decimal

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

# fmt: off
FIELDS = ("sku", "name", "detail", "category", "price", "art", "tint", "description", "sold_out")
GOODS = (
    ("TEA-SENCHA-100", "Sencha Uji", "100 g", "green-tea", "89.00", "pouch", "moss",
     ("First flush from Uji, steamed the same morning. Fresh grass, a little sea, a clean end. "
      "Brew at 70 °C for one minute."), False),
    ("TEA-GENMAICHA-100", "Genmaicha", "100 g", "green-tea", "79.00", "pouch", "wheat",
     ("Green tea with roasted rice: toasty, round and low in caffeine. For late afternoons. "
      "Brew at 80 °C for two minutes."), False),
    ("TEA-GYOKURO-50", "Gyokuro Okumidori", "50 g", "green-tea", "189.00", "tin", "jade",
     ("Shaded for three weeks before picking: deep, savoury, almost a broth. "
      "A small harvest that goes fast; the next one arrives in May."), True),
    ("TEA-EARLGREY-100", "Earl Grey", "100 g", "black-tea", "75.00", "tin", "slate",
     ("Ceylon leaves with oil of Calabrian bergamot and nothing else. Bright, dry and lifted. "
      "Brew at 95 °C for three minutes."), False),
    ("TEA-ASSAM-250", "Assam Mangalam", "250 g", "black-tea", "129.50", "tin", "brick",
     ("Malty second flush with golden tips, made for milk and grey mornings. "
      "Brew at 100 °C for four minutes."), False),
    ("TEA-ROOIBOS-100", "Rooibos & Orange", "100 g", "herbal", "65.00", "pouch", "amber",
     ("Red bush from the Cederberg with sun-dried orange peel. No caffeine, hard to overbrew. "
      "Brew at 100 °C for as long as you like."), False),
    ("WARE-POT-700", "Stoneware teapot", "0.7 l", "teaware", "449.00", "pot", "clay",
     ("Thrown and glazed by hand, with a strainer cut into the wall behind the spout. "
      "Holds three cups and its warmth. Dishwasher safe."), False),
    ("WARE-CUP-200", "Stoneware cup", "0.2 l", "teaware", "119.00", "cup", "clay",
     ("No handle: when it is cool enough to hold, it is cool enough to drink. "
      "Matches the teapot. Dishwasher safe."), False),
)
# fmt: on


def stock(apps: Apps, schema: BaseDatabaseSchemaEditor) -> None:
    products = apps.get_model("store", "Product").objects
    for row in GOODS:
        values = dict(zip(FIELDS, row, strict=True))
        products.create(**values | {"price": Decimal(values["price"])})


def clear(apps: Apps, schema: BaseDatabaseSchemaEditor) -> None:
    skus = [row[0] for row in GOODS]
    apps.get_model("store", "Product").objects.filter(sku__in=skus).delete()


class Migration(migrations.Migration):
    dependencies = (("store", "0001_initial"),)
    operations = (migrations.RunPython(stock, clear),)
