"""What the shop sells in the generated packs: tiny's products and more, each with a price in pounds."""

from toolservers.crm.packs.pack import Product
from toolservers.crm.packs.tiny import PACK

_MORE = (
    ("Stoneware mugs, set of 4", "table", 2_790), ("Porcelain serving bowl", "table", 2_450),
    ("Wine glasses, set of 6", "table", 3_590), ("Cutlery set, 24 pieces", "table", 7_490),
    ("Linen napkins, set of 4", "textiles", 1_890), ("Cotton bed linen, double", "textiles", 8_990),
    ("Bath towels, set of 2", "textiles", 2_990), ("Wool cushion", "textiles", 3_450),
    ("Curtain, linen, 140 x 250 cm", "textiles", 5_900), ("Tea towels, set of 3", "textiles", 1_295),
    ("Scented candle, cedar", "candles", 1_895), ("Tea lights, pack of 50", "candles", 790),
    ("Candle holder, brass", "candles", 2_290), ("Cast iron pan, 26 cm", "kitchen", 4_990),
    ("Steel saucepan, 2 l", "kitchen", 3_890), ("Chef's knife, 20 cm", "kitchen", 5_950),
    ("Mixing bowls, set of 3", "kitchen", 2_650), ("Bread box, beech", "kitchen", 4_450),
    ("Salt and pepper mills", "kitchen", 3_290), ("Salad spinner", "kitchen", 2_190),
    ("Baking tray, enamel", "kitchen", 1_690), ("Kitchen scales, digital", "electronics", 2_990),
    ("Hand mixer", "electronics", 3_990), ("Toaster, 2 slots", "electronics", 4_490),
    ("Milk frother", "electronics", 3_250), ("Reading lamp, brass", "electronics", 6_950),
    ("LED string lights, 10 m", "electronics", 1_990), ("Alarm clock with light", "electronics", 4_990),
    ("Fan heater, small", "electronics", 3_990), ("Air purifier", "electronics", 15_900),
)  # fmt: skip

_PACKED_ALONE = {"PRD-7014", "PRD-7015"}  # a delivery of the Refill Club; what is sold no more


def _pounds(euros: int) -> int:
    """Nine tenths of it, as shops write prices."""
    return (euros * 87 // 100) // 50 * 50 + 45


PRODUCTS: tuple[Product, ...] = tuple(
    product._replace(pounds_minor=product.pounds_minor or _pounds(product.price_minor))
    for product in (
        *PACK.products,
        *(
            Product(f"PRD-{number}", title, category, price, (number * 37) % 260 + 15)
            for number, (title, category, price) in enumerate(_MORE, start=7016)
        ),
    )
)

SOLD = tuple(product.id for product in PRODUCTS if product.id not in _PACKED_ALONE)
