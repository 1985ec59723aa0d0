"""The form by which somebody approves a call with other arguments: fields from the tool's schema, filled with what
was asked for, or JSON where fields could not say it."""

from typing import NamedTuple

import msgspec

from gateway.core.catalog import CatalogTool
from gateway.servers.console.inbox.preview import Change, differences
from gateway.servers.console.tools.fields import (
    PREFIX,
    Field,
    fields_of,
    from_json,
    has_form,
    typed_in,
    with_problems,
)
from gateway.servers.console.visits import Form
from toolward.errors import InvalidArguments, ToolwardError
from toolward.types import JsonObject


class Edit(NamedTuple):
    """What stands in the form: `fields`, or `text`. `changes` are what it would change, once that was asked."""

    fields: tuple[Field, ...] = ()
    text: str | None = None
    is_open: bool = False
    changes: tuple[Change, ...] = ()
    checked: bool = False
    reason: str = ""

    @property
    def in_sight(self) -> frozenset[str]:
        """The fields that one sees at once: what must be given, is given, or is wrong."""
        return frozenset(one.name for one in self.fields if one.required or one.typed or one.problem)


def edit_of(tool: CatalogTool | None, arguments: JsonObject) -> Edit:
    if tool is None or not has_form(tool.tool.input_schema, arguments):
        return Edit(text=msgspec.json.encode(arguments).decode())
    return Edit(fields_of(tool.tool.input_schema, arguments))


def edit_checked(tool: CatalogTool | None, form: Form, before: JsonObject, after: JsonObject) -> Edit:
    """The form with what it would change."""
    return edit_of(tool, after)._replace(
        is_open=True, checked=True, changes=differences(before, after), reason=form.get("reason")
    )


def edit_refused(tool: CatalogTool | None, form: Form, error: ToolwardError) -> Edit:
    """The form as it was sent, with what is wrong beside each field."""
    if "arguments" in form or tool is None:
        return Edit(text=form.get("arguments"), is_open=True, reason=form.get("reason"))
    fields = fields_of(tool.tool.input_schema, {})
    shown = with_problems(fields, form.under(PREFIX), error.violations)
    return Edit(shown, is_open=True, reason=form.get("reason"))


def edited(tool: CatalogTool | None, form: Form) -> JsonObject:
    """The arguments that a form sent. Raises InvalidRequest, InvalidArguments with the fields that cannot be
    read."""
    if "arguments" in form:
        return from_json(form.get("arguments"))
    typed = typed_in({} if tool is None else tool.tool.input_schema, form)
    if typed.problems:
        told = "; ".join(map(str, typed.problems))
        raise InvalidArguments(f"Not everything can be read: {told}.", violations=typed.problems)
    return typed.arguments
