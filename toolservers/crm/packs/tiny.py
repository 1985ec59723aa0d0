"""The `tiny` world: fixed data of Fernhill Goods, a shop for homeware and small electronics, on 16 November 2026.

It fits the search server's knowledge base: the same products, prices, carriers, plans and incidents. All people
are invented.
"""

from datetime import date, datetime

from toolservers.crm.packs.facts import (
    Contact,
    Customer,
    FailedPayment,
    Order,
    Product,
    Subscription,
    Ticket,
)
from toolservers.crm.packs.pack import Pack


def _on(month: int, day: int) -> date:
    return date(2026, month, day)


def _at(month: int, day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, month, day, hour, minute)  # noqa: DTZ001 -- the database holds UTC without saying so


_PRODUCTS = (
    Product("PRD-7001", "Stoneware dinner set, 12 pieces", "table", 5_990, 42),
    Product("PRD-7002", "Linen table runner", "textiles", 1_495, 120),
    Product("PRD-7003", "Beeswax dinner candles, set of 4", "candles", 995, 210),
    Product("PRD-7004", "Electric gooseneck kettle, 1.0 l", "electronics", 6_900, 35),
    Product("PRD-7005", "Burr coffee grinder", "electronics", 8_900, 18),
    Product("PRD-7006", "Desk lamp with dimmer", "electronics", 4_550, 27),
    Product("PRD-7007", "Robot vacuum Tidy 2", "electronics", 24_900, 9),
    Product("PRD-7008", "Cast iron casserole, 4 l", "kitchen", 7_900, 14),
    Product("PRD-7009", "Wool throw, 130 x 180 cm", "textiles", 6_400, 31, pounds_minor=5_500),
    Product("PRD-7010", "Smart plugs, pack of 2", "electronics", 2_490, 88),
    Product("PRD-7011", "Kitchen radio with Bluetooth", "electronics", 5_450, 22),
    Product("PRD-7012", "Acacia cutting board", "kitchen", 3_200, 60, pounds_minor=2_800),
    Product("PRD-7013", "Glass storage jars, set of 6", "kitchen", 2_790, 0, status="out_of_stock"),
    Product("PRD-7014", "Refill Club delivery, small box", "refills", 1_800, 500, 0),
    Product("PRD-7015", "Porcelain pour-over dripper", "kitchen", 1_990, 0, status="discontinued"),
)

_CUSTOMERS = (
    Customer(
        "CUS-2001", "Anneke de Vries", "anneke.devries@example.com", "nl", "Fern", date(2023, 5, 8),
        "Lindegracht 14", "3511 AB", "Utrecht", "Netherlands",
    ),
    Customer(
        "CUS-2002", "Jonas Weber", "jonas.weber@example.com", "de", "Moss", date(2024, 2, 19),
        "Am Alten Markt 3", "50667", "Köln", "Germany",
    ),
    Customer(
        "CUS-2003", "Jonas Weber", "j.weber@example.net", "de", "Moss", date(2025, 9, 1),
        "Gartenstraße 27", "04109", "Leipzig", "Germany",
    ),
    Customer(
        "CUS-2004", "Marta Lindqvist", "marta.lindqvist@example.org", "en", "Moss", date(2025, 3, 30),
        "Björkgatan 8", "413 01", "Göteborg", "Sweden",
    ),
    Customer(
        "CUS-2005", "Luca Moretti", "luca.moretti@example.com", "en", "Fern", date(2024, 11, 12),
        "Via dei Tigli 21", "40121", "Bologna", "Italy",
    ),
    Customer(
        "CUS-2006", "Siobhán Byrne", "siobhan.byrne@example.org", "en", "Moss", date(2025, 1, 7),
        "5 Harbour Row", "T12 X4K7", "Cork", "Ireland",
    ),
    Customer(
        "CUS-2007", "Oliver Hughes", "oliver.hughes@example.net", "en", "Moss", date(2025, 6, 16),
        "42 Millstone Lane", "LS1 4AP", "Leeds", "United Kingdom",
    ),
    Customer(
        "CUS-2008", "Pieter Bakker", "inkoop@zonneweide.example", "nl", "", date(2024, 8, 26),
        "Weidepad 2", "2011 CD", "Haarlem", "Netherlands", "Café Zonneweide", "Team",
    ),
    Customer(
        "CUS-2009", "Katharina Huber", "einkauf@lindenhof.example", "de", "", date(2023, 10, 2),
        "Lindenhofgasse 1", "1070", "Wien", "Austria", "Hotel Lindenhof", "Scale",
    ),
    Customer(
        "CUS-2010", "Åsa Nyström", "asa.nystrom@example.com", "en", "Moss", date(2022, 12, 5),
        "Ringvägen 60", "753 10", "Uppsala", "Sweden", status="closed",
    ),
    Customer(
        "CUS-2011", "Camille Laurent", "camille.laurent@example.org", "fr", "Moss", date(2024, 4, 22),
        "9 rue des Tanneurs", "69002", "Lyon", "France",
    ),
    Customer(
        "CUS-2012", "Tomasz Zieliński", "tomasz.zielinski@example.net", "en", "Moss", date(2026, 10, 11),
        "ul. Portowa 17", "80-001", "Gdańsk", "Poland",
    ),
)  # fmt: skip

_ORDERS = (
    Order(1001, "CUS-2001", "delivered", _on(9, 14), "standard", (("PRD-7004", 1),), "iDEAL",
          delivered_on=_on(9, 17)),
    Order(1002, "CUS-2005", "delivered", _on(9, 21), "standard", (("PRD-7008", 1), ("PRD-7012", 1)), "Visa",
          delivered_on=_on(10, 1)),
    Order(1003, "CUS-2006", "returned", _on(9, 28), "standard", (("PRD-7006", 1),), "Mastercard",
          "partially_refunded", delivered_on=_on(10, 8),
          refunds=((4_160, "Return within 30 days; 3.90 EUR for the label taken off.", _on(10, 21)),)),
    Order(1004, "CUS-2002", "delivered", _on(10, 5), "standard", (("PRD-7005", 1),), "PayPal",
          delivered_on=_on(10, 8)),
    Order(1005, "CUS-2010", "delivered", _on(10, 8), "standard", (("PRD-7009", 2),), "Visa",
          delivered_on=_on(10, 19)),
    Order(1006, "CUS-2003", "delivered", _on(10, 19), "standard", (("PRD-7010", 2),), "PayPal",
          delivered_on=_on(10, 22)),
    Order(1007, "CUS-2004", "delivered", _on(11, 2), "standard",
          (("PRD-7001", 1), ("PRD-7002", 1), ("PRD-7003", 1)), "Visa", delivered_on=_on(11, 12)),
    Order(1008, "CUS-2011", "delivered", _on(10, 21), "express", (("PRD-7011", 1),), "Visa",
          delivered_on=_on(10, 23)),
    Order(1009, "CUS-2012", "delivered", _on(10, 12), "standard", (("PRD-7007", 1),), "Mastercard", "disputed",
          delivered_on=_on(10, 22)),
    Order(1010, "CUS-2007", "delivered", _on(10, 26), "standard", (("PRD-7012", 1),), "PayPal",
          delivered_on=_on(11, 5)),
    Order(1011, "CUS-2001", "delivered", _on(11, 3), "standard", (("PRD-7013", 1), ("PRD-7002", 1)), "iDEAL",
          delivered_on=_on(11, 10)),
    Order(1012, "CUS-2008", "delivered", _on(10, 27), "freight", (("PRD-7001", 6), ("PRD-7013", 10)),
          "bank transfer", delivered_on=_on(10, 30)),
    Order(1013, "CUS-2008", "shipped", _on(11, 9), "freight", (("PRD-7001", 20),), "invoice", "pending",
          last_scan="2026-11-13 Tilburg hub: waiting for a vehicle", late=True),
    Order(1014, "CUS-2009", "shipped", _on(11, 11), "express", (("PRD-7006", 12),), "bank transfer",
          last_scan="2026-11-13 Linz depot: held, road closed by flooding", late=True),
    Order(1015, "CUS-2005", "shipped", _on(11, 10), "standard", (("PRD-7012", 2), ("PRD-7003", 2)), "Visa",
          last_scan="2026-11-14 Milano sorting centre: in transit"),
    Order(1016, "CUS-2006", "packed", _on(11, 13), "standard", (("PRD-7009", 1),), "Mastercard", "pending"),
    Order(1017, "CUS-2002", "placed", _on(11, 15), "standard", (("PRD-7010", 1),), "Visa", "pending"),
    Order(1018, "CUS-2003", "placed", _on(11, 14), "express", (("PRD-7007", 1),), "PayPal"),
    Order(1019, "CUS-2001", "shipped", _on(11, 12), "standard", (("PRD-7011", 1),), "iDEAL",
          last_scan="2026-11-14 Nieuwegein depot: in transit"),
    Order(1020, "CUS-2004", "cancelled", _on(10, 20), "standard", (("PRD-7015", 1),), "PayPal", "refunded",
          refunds=((2_480, "Cancelled by us: no longer in stock.", _on(10, 22)),)),
    Order(1021, "CUS-2011", "delivered", _on(11, 3), "express", (("PRD-7008", 1),), "Visa",
          "partially_refunded", delivered_on=_on(11, 6),
          refunds=((800, "Price match: 71.00 EUR in another shop.", _on(11, 9)),),
          refund_basis="price_match"),
    Order(1022, "CUS-2007", "shipped", _on(11, 4), "standard", (("PRD-7009", 1),), "Mastercard",
          last_scan="2026-11-13 Dover: cleared customs"),
    Order(1023, "CUS-2009", "delivered", _on(10, 14), "express", (("PRD-7004", 8),), "bank transfer",
          delivered_on=_on(10, 15)),
    Order(1024, "CUS-2001", "delivered", _on(11, 5), "standard", (("PRD-7014", 1),), "iDEAL",
          delivered_on=_on(11, 11)),
    Order(1025, "CUS-2006", "placed", _on(11, 16), "standard", (("PRD-7001", 1), ("PRD-7008", 1)), "Visa",
          "pending"),
)  # fmt: skip

_TICKETS = (
    Ticket("TCK-3001", "solved", "Sending the desk lamp back", "CUS-2006", "ORD-1003", "normal", (
        ("siobhan.byrne@example.org", _at(10, 12, 9, 15), False,
         "The lamp is too bright for the bedroom. It is unused. How do I send it back?"),
        ("agent:noor", _at(10, 12, 10, 2), False,
         "The label is in your mail. 3.90 EUR for it will be taken off the refund."),
        ("agent:noor", _at(10, 21, 13, 40), False, "It arrived in good order. 41.60 EUR are on their way."),
    )),
    Ticket("TCK-3002", "open", "A charge that I do not recognise", "CUS-2011", "ORD-1008", "high", (
        ("camille.laurent@example.org", _at(11, 14, 18, 21), False,
         "My bank shows 64.40 EUR twice on 21 October. I ordered one radio only. What is the second charge?"),
    )),
    Ticket("TCK-3003", "open", "Dinner set arrived damaged", "CUS-2004", "ORD-1007", "normal", (
        ("marta.lindqvist@example.org", _at(11, 13, 7, 48), False,
         "The box was dented when it came yesterday. Two dinner plates are broken and a bowl has a crack. "
         "The runner and the candles are fine. What can you do?"),
        ("agent:noor", _at(11, 13, 9, 30), True, "Photos received; breakage is clear. Remedy to be agreed."),
    )),
    Ticket("TCK-3004", "open", "Where is my order, and can I change the address?", "CUS-2005", "ORD-1015",
           "normal", (
        ("luca.moretti@example.com", _at(11, 15, 16, 5), False,
         "When will the boards arrive? From Wednesday I am at my mother's: Via Roma 3, 40033 Casalecchio. "
         "Can they go there?"),
    )),
    Ticket("TCK-3005", "open", "Late pallet: penalty under our service level", "CUS-2008", "ORD-1013", "high", (
        ("inkoop@zonneweide.example", _at(11, 16, 7, 10), False,
         "The pallet was promised for 12 November and we open the terrace on Friday. Where is it, and what does "
         "the service level give us for the delay?"),
    )),
    Ticket("TCK-3006", "waiting", "Stop the Refill Club for a while", "CUS-2001", "ORD-1024", "low", (
        ("anneke.devries@example.com", _at(11, 12, 19, 33), False,
         "I have filters for months. Please stop it for now."),
        ("agent:sem", _at(11, 13, 8, 20), False,
         "Gladly. Shall I pause it for up to 3 months, or would a delivery every 3 months suit you better?"),
    )),
    Ticket("TCK-3007", "open", "Single sign-on for our reception team", "CUS-2009", None, "normal", (
        ("einkauf@lindenhof.example", _at(11, 13, 11, 0), False,
         "We want to log in to Connect with our own identity provider (OpenID Connect). How is it configured?"),
    )),
    Ticket("TCK-3008", "open", "403 when creating orders through the API", "CUS-2008", None, "normal", (
        ("inkoop@zonneweide.example", _at(11, 13, 15, 47), False,
         "GET works, but POST /v1/orders answers 403 with our new live key. request_id 7f3a91c2."),
    )),
)  # fmt: skip

_SUBSCRIPTIONS = (
    Subscription("SUB-6001", "CUS-2001", "refill_club", "small", 1, 1_800, _on(3, 2), _on(12, 4)),
    Subscription("SUB-6002", "CUS-2008", "connect", "Team", 1, 2_900, date(2024, 9, 1), _on(12, 1)),
    Subscription("SUB-6003", "CUS-2009", "connect", "Scale", 1, 9_900, date(2023, 11, 1), _on(12, 1)),
    Subscription("SUB-6004", "CUS-2005", "refill_club", "large", 2, 2_900, _on(1, 12), _on(12, 14),
                 pauses_this_year=2),
    Subscription("SUB-6005", "CUS-2011", "refill_club", "small", 3, 1_800, _on(2, 3), date(2027, 2, 3),
                 status="paused", paused_until=date(2027, 1, 15), pauses_this_year=1),
)  # fmt: skip

_CONTACTS = (
    Contact("CUS-2008", 1, "Pieter Bakker", "inkoop@zonneweide.example", "administrator"),
    Contact("CUS-2008", 2, "Lotte Visser", "lotte.visser@zonneweide.example", "buyer"),
    Contact("CUS-2009", 1, "Katharina Huber", "einkauf@lindenhof.example", "administrator"),
    Contact("CUS-2009", 2, "Stefan Moser", "empfang@lindenhof.example", "buyer"),
)

PACK = Pack(
    name="tiny",
    now=_at(11, 16, 9),
    products=_PRODUCTS,
    customers=_CUSTOMERS,
    orders=_ORDERS,
    tickets=_TICKETS,
    subscriptions=_SUBSCRIPTIONS,
    contacts=_CONTACTS,
    failed_payments=(FailedPayment("PAY-5026", "ORD-1011", "Visa", _on(11, 3)),),
)
