"""What the gateway's decisions need from the world. Every port has a real adapter in a room of its own and an
in-memory twin in `tests/twins.py`; neither this module nor anything in `core` or `agent` does I/O itself.
"""

from gateway.core.ports.clock import Clock, Ids
from gateway.core.ports.ledger import LedgerPort
from gateway.core.ports.models import (
    ContextExceeded,
    EndpointFacts,
    Message,
    ModelPort,
    ModelReply,
    ModelRequest,
    ModelTool,
    Native,
    OnPiece,
    Piece,
    StopReason,
    ToolUse,
    Usage,
)
from gateway.core.ports.records import (
    ERASED,
    ApprovalGone,
    Binding,
    CallOutcome,
    CallRecord,
    Lease,
    RequestSpec,
    RunAppend,
    RunRecord,
    Spend,
    StoredEvent,
    Superseded,
)
from gateway.core.ports.runs import RunLogPort
from gateway.core.ports.tools import Authorize, BackendPort, Called, Caller, Joining, Listing, Store

__all__ = [
    "ERASED",
    "ApprovalGone",
    "Authorize",
    "BackendPort",
    "Binding",
    "CallOutcome",
    "CallRecord",
    "Called",
    "Caller",
    "Clock",
    "ContextExceeded",
    "EndpointFacts",
    "Ids",
    "Joining",
    "Lease",
    "LedgerPort",
    "Listing",
    "Message",
    "ModelPort",
    "ModelReply",
    "ModelRequest",
    "ModelTool",
    "Native",
    "OnPiece",
    "Piece",
    "RequestSpec",
    "RunAppend",
    "RunLogPort",
    "RunRecord",
    "Spend",
    "StopReason",
    "Store",
    "StoredEvent",
    "Superseded",
    "ToolUse",
    "Usage",
]
