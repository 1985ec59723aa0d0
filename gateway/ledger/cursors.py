"""Where a list in pages goes on, newest first: behind the time and the id of the last of the page before."""

import base64

import msgspec

from toolward.errors import InvalidRequest


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    at: int
    id: str


def write_cursor(at: int, name: str) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(Cursor(at, name))).decode()


def read_cursor(cursor: str, of: str) -> Cursor:
    """`of` names what is listed. Raises InvalidRequest."""
    try:
        return msgspec.json.decode(base64.b64decode(cursor, altchars=b"-_", validate=True), type=Cursor)
    except (ValueError, msgspec.MsgspecError):  # binascii.Error is a ValueError
        raise InvalidRequest(
            f"The cursor of the list of {of} is none of ours.", hint="Take next_cursor as it was given."
        ) from None
