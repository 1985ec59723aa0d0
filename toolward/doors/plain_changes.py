"""`subscriptions/listen` of 2026-07-28 on MCP's short path: a gateway listens to every server as soon as it has
connected, and the SDK need not be loaded for that."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

import msgspec
from msgspec import Raw

from toolward.offers import Offers
from toolward.types import ToolProvider
from toolward.wire import mcp as wire


class _Asked(msgspec.Struct, rename="camel"):
    tools_list_changed: bool | None = None
    resources_list_changed: bool | None = None
    prompts_list_changed: bool | None = None


def lists_of(offers: Offers, message: wire.Message) -> Sequence[str] | None:
    """The lists whose changes this request is to be told of; None where it is another request, or one that is not
    plain."""
    asked, meta = message.params.notifications, message.params.meta
    if message.method != "subscriptions/listen" or not isinstance(asked, Raw):
        return None
    if meta.protocol_version != wire.MODERN or not bytes(meta.client_capabilities or b"").startswith(b"{"):
        return None
    try:
        wanted = msgspec.json.decode(asked, type=_Asked)
    except msgspec.ValidationError:
        return None
    able = {
        "tools": wanted.tools_list_changed,
        "resources": offers.changing and wanted.resources_list_changed,
        "prompts": offers.changing and wanted.prompts_list_changed,
    }
    return [kind for kind, told in able.items() if told]


async def tell(
    provider: ToolProvider,
    subscription: str | int,
    kinds: Sequence[str],
    write: Callable[[bytes], Awaitable[None]],
) -> None:
    """Acknowledge, and then tell of every change, without end."""
    changes = provider.watch()  # before the acknowledgement: what changes after that is told
    await write(wire.acknowledged_notification(subscription, kinds))
    if not kinds:
        await asyncio.Event().wait()
    async for _ in changes:
        for kind in kinds:
            await write(wire.subscribed_notification(subscription, kind))


async def until(closing: asyncio.Event, work: Callable[[], Any] | None) -> None:
    """Run `work` until it fails or `closing` is set."""
    tasks = [asyncio.create_task(closing.wait())]
    if work is not None:
        tasks.append(asyncio.create_task(work()))
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
