"""What a reply costs: by the rates of the configuration, else by the list of known models in the package
`genai-prices`. The list is read where it lies; nothing is asked of the network. What is in neither has no price."""

import ipaddress
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from gateway.core.model_spec import BILLION, Rates
from gateway.core.ports import Usage

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice

log = logging.getLogger(__name__)

_MILLION = 10**6


class Tariff(NamedTuple):
    """`steps`: from more than so many input tokens on, other rates hold for the whole reply; in rising order."""

    base: Rates
    steps: tuple[tuple[int, Rates], ...] = ()

    def cost(self, usage: Usage) -> int:
        """In billionths of a US dollar, rounded up: what was spent is never said to be less."""
        rates = self.base
        for above, later in self.steps:
            if usage.input_tokens > above:
                rates = later
        cached = min(usage.cached_tokens, usage.input_tokens)
        written = min(usage.cache_written_tokens, usage.input_tokens - cached)
        reasoning = min(usage.reasoning_tokens, usage.output_tokens)
        total = (
            (usage.input_tokens - cached - written) * rates.input
            + cached * _or(rates.cached, rates.input)
            + written * _or(rates.cache_written, rates.input)
            + (usage.output_tokens - reasoning) * rates.output
            + reasoning * _or(rates.reasoning, rates.output)
        )
        return -(-total // _MILLION) + rates.request


class Known(NamedTuple):
    """What the list says of a model. Prices can depend on the time of day: `tariff` gives those of now, or None
    where it has none."""

    context_tokens: int  # 0 = unknown
    tariff: Callable[[], Tariff | None]


def look_up(base_url: str, model: str) -> Known | None:
    """None where the list does not have that model at that vendor. The first look loads the list, which takes a
    third of a second: not for the event loop."""
    if is_near(base_url):
        return None
    try:
        from genai_prices import Usage as ListUsage
        from genai_prices import calc_price

        found = calc_price(ListUsage(), model, provider_api_url=base_url).model
    except LookupError:
        return None
    except Exception:  # a stranger's package, of which only a price is wanted
        log.exception("the list of prices failed inside for the model %s", model)
        return None
    return Known(found.context_window or 0, _Changing(found).now)


class _Changing:
    """A model's tariff, which is made once for every set of prices that it has."""

    def __init__(self, model: "ModelInfo") -> None:
        self._model = model
        self._made: dict[
            int, tuple[ModelPrice, Tariff | None]
        ] = {}  # the prices are kept, so the id stays theirs

    def now(self) -> Tariff | None:
        prices = self._model.get_prices(datetime.now(tz=UTC))
        kept = self._made.get(id(prices))
        if kept is None:
            kept = self._made[id(prices)] = (prices, tariff_of(prices))
        return kept[1]


def tariff_of(prices: "ModelPrice") -> Tariff | None:
    """None where it has no price for input or output."""
    given = (prices.input_mtok, prices.output_mtok, prices.cache_read_mtok, prices.cache_write_mtok)
    starts = {tier.start for price in given for tier in getattr(price, "tiers", ())}
    base = _rates(prices, 0)
    if base is None:
        return None
    steps = [(start, rates) for start in sorted(starts) if (rates := _rates(prices, start + 1)) is not None]
    return Tariff(base, tuple(steps))


def _rates(prices: "ModelPrice", tokens: int) -> Rates | None:
    """Those that hold for so many input tokens."""

    def of(key: str, units: int = 1) -> int | None:
        price = getattr(prices, key)
        for tier in getattr(price, "tiers", ()):
            if tokens > tier.start:
                price = tier.price
        price = getattr(price, "base", price)
        return None if price is None else to_billionths(price / units)

    given, written = of("input_mtok"), of("output_mtok")
    if given is None or written is None:
        return None
    return Rates(
        input=given,
        output=written,
        cached=of("cache_read_mtok"),
        cache_written=of("cache_write_mtok"),
        reasoning=of("output_reasoning_mtok"),
        request=of("requests_kcount", 1000) or 0,
    )


def to_billionths(dollars: Decimal) -> int:
    return int((dollars * BILLION).to_integral_value(ROUND_CEILING))


def _or(rate: int | None, whole: int) -> int:
    return whole if rate is None else rate


def is_near(base_url: str) -> bool:
    """Whether it is a server of one's own, which no list knows."""
    host = urlsplit(base_url).hostname or ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.endswith((".localhost", ".local", ".internal"))
    return True
