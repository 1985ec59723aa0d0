"""Invented customers: names, streets and towns by mimesis, put together by a seed's chance."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from mimesis import Address, Person
from mimesis.locales import Locale

from toolservers.crm.packs.chance import Chance
from toolservers.crm.packs.pack import Contact, Customer
from toolservers.crm.world.tables import fold

_POOL = 300
"""Names, streets and towns of a country."""


@dataclass(frozen=True)
class Country:
    """`postcode` has `#` for a digit and `@` for a letter; `street` has the name and the number."""

    name: str
    share: int
    locale: Locale
    languages: tuple[str, ...]
    postcode: str
    street: str = "{street} {number}"


_COUNTRIES = (
    Country("Netherlands", 34, Locale.NL, ("nl", "nl", "nl", "en"), "#### @@"),
    Country("Germany", 22, Locale.DE, ("de", "de", "de", "en"), "#####"),
    Country("Belgium", 9, Locale.NL_BE, ("nl", "nl", "fr"), "####"),
    Country("France", 8, Locale.FR, ("fr", "fr", "en"), "#####", "{number} rue {street}"),
    Country("United Kingdom", 8, Locale.EN_GB, ("en",), "LS# #@@", "{number} {street} Road"),
    Country("Austria", 5, Locale.DE_AT, ("de",), "####"),
    Country("Italy", 4, Locale.IT, ("en",), "#####", "Via {street} {number}"),
    Country("Sweden", 3, Locale.SV, ("en",), "### ##"),
    Country("Poland", 3, Locale.PL, ("en",), "##-###", "ul. {street} {number}"),
    Country("Switzerland", 2, Locale.DE_CH, ("de", "fr"), "####"),
    Country("Norway", 2, Locale.NO, ("en",), "####"),
)
_BY_SHARE = tuple(country for country in _COUNTRIES for _ in range(country.share))
_BUSINESS = ("Netherlands", "Germany", "Belgium", "Austria", "France")
_MAIL = ("example.com", "example.org", "example.net")
_LEVELS = ("Moss", "Moss", "Moss", "Moss", "Fern", "Fern", "Oak")
_KINDS = ("Café", "Hotel", "Restaurant", "Office", "Guesthouse", "Bakery", "Studio")
_PLANS = ("Basic", "Basic", "Team", "Team", "Scale")
_LETTERS = "ABCDEFGHJKLMNPRSTUVWXZ"


@dataclass(frozen=True)
class Pool:
    first: Sequence[str]
    last: Sequence[str]
    streets: Sequence[str]
    cities: Sequence[str]


@lru_cache
def _pool(locale: Locale, seed: int) -> Pool:
    person, address = Person(locale, seed=seed), Address(locale, seed=seed)
    return Pool(
        [person.first_name() for _ in range(_POOL)],
        [person.last_name() for _ in range(_POOL)],
        [_lowered(address.street_name()) for _ in range(_POOL)],
        [address.city() for _ in range(_POOL)],
    )


def _lowered(street: str) -> str:
    """French streets come as `Des Lauriers`."""
    word, _, rest = street.partition(" ")
    return f"{word.lower()} {rest}" if word in ("De", "Des", "Du", "De la") and rest else street


class People:
    """Customers by number, from 2001 on, the oldest first."""

    def __init__(self, chance: Chance, seed: int, today: date, days: int, count: int) -> None:
        self._chance = chance
        self._seed = seed
        self._used: set[str] = set()
        self.customers: list[Customer] = []
        self.contacts: list[Contact] = []
        for number in range(count):
            since = today - timedelta(days=int(days * (1 - number / count)) + 1)
            self.customers.append(self._customer(2001 + number, since))
        self._since = [customer.since for customer in self.customers]

    def one_of(self, day: date) -> Customer:
        """Who was a customer on that day."""
        return self.customers[self._chance.below(bisect_right(self._since, day))]

    def _customer(self, number: int, since: date) -> Customer:
        chance = self._chance
        country = chance.one(_BY_SHARE)
        pool = _pool(country.locale, self._seed)
        first, last = chance.one(pool.first), chance.one(pool.last)
        if self.customers and chance.happens(1.5):  # two of one name, often in one country
            first, _, last = chance.one(self.customers[-200:]).name.partition(" ")
        identity = f"CUS-{number}"
        place = self._place(country, pool)
        if country.name in _BUSINESS and chance.happens(6):
            return self._company(identity, f"{first} {last}", country, since, place)
        email = self._email(_ascii(first), _ascii(last), chance.one(_MAIL))
        status = "closed" if chance.happens(1.5) else "active"
        level, language = chance.one(_LEVELS), chance.one(country.languages)
        return Customer(
            identity, f"{first} {last}", email, language, level, since, *place, country.name, status=status
        )

    def _company(
        self, identity: str, name: str, country: Country, since: date, place: tuple[str, str, str]
    ) -> Customer:
        company = f"{self._chance.one(_KINDS)} {name.rpartition(' ')[2]}"
        email = self._email("office", "", f"{_ascii(company)}.example")
        plan, language = self._chance.one(_PLANS), self._chance.one(country.languages)
        self.contacts.append(Contact(identity, 1, name, email, "administrator"))
        if self._chance.happens(60):
            pool = _pool(country.locale, self._seed)
            buyer = f"{self._chance.one(pool.first)} {self._chance.one(pool.last)}"
            role = self._chance.one(("buyer", "buyer", "viewer"))
            self.contacts.append(
                Contact(identity, 2, buyer, f"{_ascii(buyer)}@{email.partition('@')[2]}", role)
            )
        return Customer(identity, name, email, language, "", since, *place, country.name, company, plan)

    def _place(self, country: Country, pool: Pool) -> tuple[str, str, str]:
        chance = self._chance
        street = country.street.format(street=chance.one(pool.streets), number=chance.between(1, 180))
        return street, self._postcode(country.postcode), chance.one(pool.cities)

    def _postcode(self, mask: str) -> str:
        signs = {"#": "123456789", "@": _LETTERS}
        return "".join(self._chance.one(signs[sign]) if sign in signs else sign for sign in mask)

    def _email(self, first: str, last: str, domain: str) -> str:
        local = f"{first}.{last}".strip(".")
        email, number = f"{local}@{domain}", 1
        while email in self._used:
            number = len(self._used) + number
            email = f"{local}{number}@{domain}"
        self._used.add(email)
        return email


@lru_cache(10_000)
def _ascii(text: str) -> str:
    kept = "".join(sign if sign.isascii() and sign.isalnum() else " " for sign in fold(text))
    return "-".join(kept.split()) or "customer"
