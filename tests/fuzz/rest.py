"""Requests out of the OpenAPI document, right and wrong ones, by schemathesis: every answer is one that the
document knows, and none is a bug."""

import random
from collections.abc import Callable
from typing import Any

import httpx
import hypothesis.errors
import schemathesis
from schemathesis import GenerationMode
from schemathesis.specs.openapi import checks

from tests.fuzz.house import PATIENCE, Finding, House
from tests.fuzz.running import given_each

_of_document: Any = checks
CHECKS = [
    _of_document.status_code_conformance,
    _of_document.content_type_conformance,
    _of_document.response_schema_conformance,
]

FITTING = {"agent": "support", "model": "support", "name": "fixture.add", "state": "completed"}
"""Words without which most requests would go no further than the door."""

MAY_FAIL = frozenset({502})
"""A completion whose run failed."""


def fuzz(house: House, inputs: int, seed: int) -> None:
    """Raises Finding."""
    with httpx.Client(
        base_url=f"http://127.0.0.1:{house.http}", headers=house.headers, timeout=PATIENCE
    ) as client:
        schema: Any = schemathesis.openapi.from_dict(client.get("/openapi.json").json())
        operations: list[Any] = [found.ok() for found in schema.get_all_operations()]
        share = max(inputs // (2 * len(operations)), 1)
        runs = [run["id"] for run in client.get("/v1/runs").json()["runs"]]
        for number, operation in enumerate(operations):
            for mode in GenerationMode:
                one = _Sending(client, random.Random(f"{seed} {number} {mode}"), runs, house.progress)
                try:
                    given_each(operation.as_strategy(mode), one.each, share, seed)
                except hypothesis.errors.Unsatisfiable:
                    continue  # nothing can be wrong with it


class _Sending:
    def __init__(
        self, client: httpx.Client, chance: random.Random, runs: list[str], progress: Callable[[], None]
    ) -> None:
        self._client, self._chance, self._runs, self._progress = client, chance, runs, progress

    def each(self, case: Any) -> None:
        _fit(case, self._chance, self._runs)
        _send(self._client, case)
        self._progress()


def _fit(case: Any, chance: random.Random, runs: list[str]) -> None:
    """What exists, in the place of some of the words that are drawn."""
    for place in (case.path_parameters, case.query, case.body):
        if not isinstance(place, dict):
            continue
        for name, word in (*FITTING.items(), ("run_id", chance.choice(runs))):
            if name in place and chance.random() < 0.6:
                place[name] = word


def _send(client: httpx.Client, case: Any) -> None:
    told: dict[str, Any] = case.as_transport_kwargs(
        base_url=str(client.base_url), headers=dict(client.headers)
    )
    told = {
        name: value
        for name, value in told.items()
        if name in ("method", "url", "params", "headers", "json", "data")
    }
    if isinstance(data := told.get("data"), bytes | str):
        told["content"] = told.pop("data")
        del data
    shown = (case.method, told)
    try:
        with client.stream(**told) as answer:
            said = b"".join(answer.iter_raw())
    except httpx.TimeoutException:
        raise Finding("it hangs", shown) from None
    except (httpx.InvalidURL, httpx.LocalProtocolError, UnicodeError):
        return  # no client can say it
    except httpx.TransportError as error:
        raise Finding(f"no answer: {error!r}", shown) from None
    if answer.status_code >= 500 and answer.status_code not in MAY_FAIL:
        raise Finding(f"{answer.status_code}: {said[:1_000]!r}", shown)
    kind = answer.headers.get("content-type", "")
    if answer.status_code >= 400 and kind not in ("application/problem+json", "application/json"):
        raise Finding(f"{answer.status_code} as {kind!r}: {said[:1_000]!r}", shown)
    if kind.startswith("text/event-stream"):
        return
    checked = httpx.Response(answer.status_code, headers=answer.headers, content=said, request=answer.request)
    checked.elapsed = answer.elapsed
    try:
        case.validate_response(checked, checks=CHECKS)
    except BaseExceptionGroup as found:
        raise Finding(f"{answer.status_code}: {found.exceptions[0]}", shown) from None
