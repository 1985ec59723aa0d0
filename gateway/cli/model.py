"""`toolward model list|check`."""

import asyncio
import os
import time
from collections.abc import Sequence
from typing import Annotated, Any

from cyclopts import Parameter

from gateway.bootstrap.models import Check, Finding, Made, Models, Question, open_models
from gateway.cli.colours import coloured
from gateway.cli.output import EXIT_FAILED, EXIT_OK, note, print_json, shorten
from gateway.cli.session import Common, settings_of
from gateway.cli.tables import print_table
from gateway.config.models import prices
from gateway.config.secrets import as_written
from gateway.core.model_spec import BILLION, ModelSpec
from toolward.printable import printable

UNPRICED = "unpriced"
_OFFLINE = "It is a stand-in that understands no language; there is nothing to check."
_NONE = """No model endpoint is configured: what answers is a stand-in. Name one in toolward.yaml, under models,
or by TOOLWARD_MODEL_URL and TOOLWARD_MODEL_NAME, OPENAI_API_KEY or ANTHROPIC_API_KEY."""


def list_models(*, common: Common = Common()) -> int:  # noqa: B008 -- frozen
    """List the model endpoints and what they cost; none is asked anything."""
    return asyncio.run(_list(common))


async def _list(common: Common) -> int:
    settings, _ = settings_of(common)
    async with open_models(settings.models, os.environ) as models:
        made = [(name, models.made(name)) for name in models.names]
        if common.json:
            print_json({"default": models.default, "models": [_shown(name, one) for name, one in made]})
            return EXIT_OK
        header = ("name", "wire", "model", "address", "context", "price of a million tokens")
        print_table(header, [_row(name, one) for name, one in made])
        note(f"Agents that name none use {models.said}.")
    return EXIT_OK


def check(
    *names: Annotated[str, Parameter(help="which; without, all that are configured")],
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """Ask model endpoints three small questions."""
    return asyncio.run(_check(names, common))


async def _check(names: Sequence[str], common: Common) -> int:
    settings, _ = settings_of(common)
    async with open_models(settings.models, os.environ, once=True) as models:
        wanted = dict.fromkeys(names or [name for name in models.names if not _is_offline(models, name)])
        made = {name: models.made(name) for name in wanted}
        if not made and not common.json:
            note(_NONE)
        found = await asyncio.gather(*(_found(name, one, common) for name, one in made.items()))
    results = dict(zip(made, found, strict=True))
    well = bool(results) and all(one.ok for findings in found for one in findings.values())
    if common.json:
        shown = [_shown(name, made[name]) | {"check": _report(one)} for name, one in results.items()]
        print_json({"ok": well, "models": shown})
    else:
        _print(made, results)
    return EXIT_OK if well else EXIT_FAILED


async def _found(name: str, made: Made, common: Common) -> dict[Question, Finding]:
    def begun(question: Question) -> None:
        if not common.json:
            note(coloured(f"  {printable(name)}: {_DOING[question]}", "dim"))

    if made.spec.wire == "offline":
        return {}
    return await Check(made.port, time.monotonic, begun).run(streams=made.spec.stream)


_DOING: dict[Question, str] = {
    "answers": "does it answer?",
    "streams": "does it stream?",
    "calls tools": "does it call tools?",
}


def _print(made: dict[str, Made], results: dict[str, dict[Question, Finding]]) -> None:
    rows = [
        (
            name,
            as_written(made[name].spec.model) or made[name].spec.wire,
            *(_cell(question, found.get(question), made[name].spec) for question in _DOING),
            _cost(found) if found else "",
        )
        for name, found in results.items()
    ]
    print_table(("name", "model", *_DOING, "cost"), rows)
    for name, found in results.items():
        if not found:
            note(f"{printable(name)}: {_OFFLINE}")
        for one in found.values():
            if not one.ok:
                note(f"{coloured('failed', 'failed')}  {printable(name)}: {shorten(one.problem, 500)}")
                if one.hint:
                    note(f"  {shorten(one.hint, 300)}")


def _cell(question: Question, found: Finding | None, spec: ModelSpec) -> str:
    if found is None:
        return "off" if question == "streams" and not spec.stream else "-"
    if not found.ok:
        return "no"
    first = "" if found.first is None else f", first after {found.first:.1f} s"
    return f"yes, {found.seconds:.1f} s{first}"


def _cost(found: dict[Question, Finding]) -> str:
    total = _total(found)
    return UNPRICED if total is None else f"${total / BILLION:.6f}"


def _total(found: dict[Question, Finding]) -> int | None:
    """In billionths of a dollar; None where what was answered has no price."""
    costs = [one.cost for one in found.values() if one.cost is not None]
    return sum(costs) if costs else None


def _report(found: dict[Question, Finding]) -> dict[str, Any]:
    total = _total(found)
    return {
        **{question.replace(" ", "_"): {"ok": one.ok, "problem": one.problem, "hint": one.hint,
           "seconds": round(one.seconds, 3), "first": one.first and round(one.first, 3)}
           for question, one in found.items()},
        "cost": None if total is None else total / BILLION,
    }  # fmt: skip


def _is_offline(models: Models, name: str) -> bool:
    return models.made(name).spec.wire == "offline"


def _row(name: str, made: Made) -> tuple[str, ...]:
    facts, spec = made.port.facts, made.spec
    tokens = f"{facts.context_tokens:,}" if facts.context_tokens else ""
    price = "free" if spec.wire == "offline" else _price(made)
    return name, spec.wire, as_written(spec.model), as_written(spec.base_url), tokens, price


def _price(made: Made) -> str:
    tariff = made.tariff()
    if tariff is None:
        return UNPRICED
    words = ", ".join(f"${value:g} {name.replace('_', ' ')}" for name, value in prices(tariff.base).items())
    return f"{words}; more above {tariff.steps[0][0]:,} tokens" if tariff.steps else words


def _shown(name: str, made: Made) -> dict[str, Any]:
    tariff, spec, facts = made.tariff(), made.spec, made.port.facts
    return {
        "name": name,
        "wire": spec.wire,
        "model": as_written(spec.model),
        "base_url": as_written(spec.base_url),
        "provider": facts.provider,
        "context_tokens": facts.context_tokens or None,
        "prices": None if tariff is None else prices(tariff.base),
    }
