"""What lies over the pages of a PDF: values of form fields, and text boxes (ISO 32000-1, 12.5 and 12.7)."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

from toolservers.documents.composing import one_line

if TYPE_CHECKING:
    from pypdf import PageObject

_MAX_ANNOTATIONS = 2000  # of a page
_MAX_VALUE = 5000  # characters
_MAX_PARENTS = 10


def annotated_text(page: "PageObject") -> str:
    """A line for each field that is filled in (`name: value`) and each text box. Raises what pypdf does."""
    lines: list[str] = []
    for annotation in islice(_annotations(page), _MAX_ANNOTATIONS):
        kind = annotation.get("/Subtype")
        if kind == "/FreeText":
            lines.append(_said(annotation.get("/Contents")))
        elif kind == "/Widget" and _inherited(annotation, "/FT") in ("/Tx", "/Ch"):
            name, value = _said(_inherited(annotation, "/T")), _said(_inherited(annotation, "/V"))
            lines.append(f"{name}: {value}" if name and value else value)
    return "\n".join(filter(None, lines))


def _annotations(page: "PageObject") -> Iterator[Any]:
    listed: Any = page.get("/Annots")
    for reference in () if listed is None else listed.get_object():
        annotation: Any = reference.get_object()
        if isinstance(annotation, Mapping):
            yield annotation  # pyright: ignore[reportUnknownVariableType]


def _inherited(field: Any, key: str) -> Any:
    """Of a field, or of those that it is a part of."""
    for _ in range(_MAX_PARENTS):
        if key in field:
            return field[key]
        if "/Parent" not in field:
            break
        field = field["/Parent"]
    return None


def _said(value: Any) -> str:
    return one_line(value)[:_MAX_VALUE] if isinstance(value, str) else ""
