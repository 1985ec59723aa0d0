"""A reader of documents that fails over each as its name says: nothing but a test names this module."""

import ctypes
import threading

from toolservers.documents.apart import Outcome
from toolservers.documents.apart import extract as truly
from toolservers.workers.messages import Operation


def extract(data: bytes, name: str) -> Outcome:
    match name:
        case "hangs.html":
            threading.Event().wait()
        case "grows.html":
            bytes(10**11)
        case "crashes.html":
            ctypes.string_at(0)
        case "fails.html":
            raise ValueError("inner secret")
        case _:
            pass
    return truly(data, name)


OPERATIONS = {"extract": Operation(f"{__name__}:extract")}
