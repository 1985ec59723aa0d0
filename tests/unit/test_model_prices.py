"""What replies cost, to the billionth of a dollar."""

import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from genai_prices import Usage as ListUsage
from genai_prices import data_snapshot
from genai_prices.types import ModelInfo, ModelPrice, Tier, TieredPrices
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.model_spec import Rates
from gateway.core.ports import Usage
from gateway.models.prices import Tariff, look_up, tariff_of

CENT = 10**7
RATES = Rates(input=100 * CENT, cached=10 * CENT, cache_written=125 * CENT, output=400 * CENT)


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        (Usage(), 0),
        (Usage(1_000_000), 100 * CENT),
        (Usage(1), 1000),
        (Usage(1_000_000, 1_000_000), 500 * CENT),
        (Usage(1_000_000, 0, cached_tokens=900_000), 19 * CENT),
        (Usage(1_000_000, 0, cached_tokens=500_000, cache_written_tokens=400_000), 65 * CENT),
        (Usage(0, 1_000_000, reasoning_tokens=999_999), 400 * CENT),
        (Usage(10, 0, cached_tokens=99, cache_written_tokens=99), 1000),  # a vendor that counts wrongly
    ],
)
def test_every_kind_of_token_has_its_rate(usage: Usage, cost: int) -> None:
    assert Tariff(RATES).cost(usage) == cost


def test_what_is_not_priced_apart_costs_as_much_as_the_whole() -> None:
    plain = Tariff(Rates(input=3, output=5, request=7))
    assert plain.cost(Usage(10**6, 10**6, 500, 500, 500)) == 15
    assert Tariff(Rates(input=3, output=5, reasoning=9)).cost(Usage(0, 10**6, reasoning_tokens=10**6)) == 9


def test_part_of_a_billionth_is_rounded_up() -> None:
    assert Tariff(Rates(input=1, output=0)).cost(Usage(1)) == 1


COUNT = st.integers(0, 3_000_000)


@given(COUNT, COUNT, COUNT, COUNT)
def test_costs_only_rise_with_tokens_and_are_never_more_than_the_dearest_rate(
    given_tokens: int, cached: int, written: int, said: int
) -> None:
    cost = Tariff(RATES).cost(Usage(given_tokens, said, cached, written))
    assert 0 <= cost <= -(-(given_tokens * 125 * CENT + said * 400 * CENT) // 10**6)
    assert cost <= Tariff(RATES).cost(Usage(given_tokens, said + 1, cached, written))


# --- the list of known models

LISTED = [
    (provider.id, model)
    for provider in data_snapshot.get_snapshot().providers
    for model in provider.models
    if tariff_of(model.get_prices(datetime.now(tz=UTC))) is not None
]


@given(st.sampled_from(LISTED), COUNT, st.fractions(0, 1), st.fractions(0, 1), COUNT)
def test_we_reckon_as_the_list_itself_does(
    listed: tuple[str, ModelInfo], tokens: int, cached: float, written: float, said: int
) -> None:
    _, model = listed
    prices = model.get_prices(datetime.now(tz=UTC))
    read = int(tokens * cached)
    made = int((tokens - read) * written)
    theirs = prices.calc_price(
        ListUsage(input_tokens=tokens, cache_read_tokens=read, cache_write_tokens=made, output_tokens=said)
    )["total_price"]
    tariff = tariff_of(prices)
    assert tariff is not None
    ours = tariff.cost(Usage(tokens, said, read, made))
    assert 0 <= Decimal(ours) - theirs * 10**9 < 2


def test_prices_that_change_with_the_size_of_the_input() -> None:
    steps = TieredPrices(base=Decimal(3), tiers=[Tier(200_000, Decimal(6))])
    tariff = tariff_of(ModelPrice(input_mtok=steps, output_mtok=Decimal(15)))
    assert tariff is not None
    assert tariff.cost(Usage(200_000)) == 600_000_000
    assert tariff.cost(Usage(200_001)) == 1_200_006_000


@pytest.mark.parametrize(
    ("url", "model"),
    [
        ("https://api.openai.com/v1", "no-such-model"),
        ("https://vendor.example/v1", "gpt-5-mini"),  # the price of another vendor is a guess
        ("http://127.0.0.1:11434/v1", "gpt-5-mini"),
        ("http://ollama:11434/v1", "gpt-5-mini"),
    ],
)
def test_what_is_not_on_the_list_has_no_price(url: str, model: str) -> None:
    assert look_up(url, model) is None


@pytest.mark.parametrize(
    ("url", "model"),
    [("https://api.openai.com/v1", "gpt-5-mini"), ("https://api.anthropic.com/v1", "claude-haiku-4-5")],
)
def test_models_of_the_vendors_are_known(url: str, model: str) -> None:
    known = look_up(url, model)
    assert known is not None
    assert known.context_tokens >= 200_000
    tariff = known.tariff()
    assert tariff is not None
    assert tariff is known.tariff()
    assert 0 < tariff.cost(Usage(1000, 100, 900)) < tariff.cost(Usage(1000, 100))


def test_a_server_of_ones_own_costs_no_time_and_nothing_asks_the_network() -> None:
    """In a process of its own, where every socket is told."""
    script = """if True:
        import sys
        told = []
        sys.addaudithook(lambda event, _: told.append(event) if event.startswith("socket.") else None)
        from gateway.models.prices import look_up
        look_up("http://127.0.0.1:1/v1", "m")
        assert "genai_prices" not in sys.modules
        assert look_up("https://api.openai.com/v1", "gpt-5-mini").tariff() is not None
        assert not told, told
    """
    subprocess.run([sys.executable, "-c", script], check=True)
