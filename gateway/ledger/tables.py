"""The ledger's tables, in types that SQLite and PostgreSQL both have. Times are Unix milliseconds.

Records and events are only ever added; an outcome is a row of its own, so a late one is added too. Payloads lie
beside their record, each with the salt of its digest, and can be erased without touching it.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    literal_column,
)

metadata = MetaData()

schema_version = Table(
    "schema_version",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1"), primary_key=True),  # one row
    Column("version", Integer, nullable=False),
)

call_records = Table(
    "call_records",
    metadata,
    Column("id", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("principal", Text, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("tool", Text, nullable=False),
    Column("effect", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("changes", Boolean, nullable=False),
    Column("roles", Text, nullable=False),  # JSON
    Column("tool_digest", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Column("idempotency_key", Text, nullable=False),
    Column("trace_id", Text, nullable=False),
    Column("arguments_digest", Text, nullable=False),  # salted
    Index("call_records_by_time", "at", "id"),
    # Lists with filters, and counts of what is alike, are read out of it alone.
    Index("call_records_of_tenant", "tenant", "at", "id", "tool", "principal", "effect", "rule"),
    Index("call_records_by_run", "run_id", "tool"),
)

call_payloads = Table(
    "call_payloads",
    metadata,
    Column("call_id", Text, primary_key=True),
    Column(
        "outcome", Integer, primary_key=True, autoincrement=False
    ),  # whose result it is; 0 = the arguments
    Column("salt", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),  # as they came: arguments need not be UTF-8
)

call_outcomes = Table(
    "call_outcomes",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("call_id", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("code", Text, nullable=False),
    Column("duration_us", BigInteger, nullable=False),
    Column("message", Text, nullable=False),
    Column("result_digest", Text, nullable=False),  # salted; empty = there was no result
    Index("call_outcomes_by_call", "call_id", "id", "code", "duration_us"),
)

runs = Table(
    "runs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("roles", Text, nullable=False),  # JSON
    Column("key", Text),  # the owner's idempotency key
    Column("last_seq", Integer, nullable=False),
    Column("agent", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("input", Text, nullable=False),
    Column("answer", Text, nullable=False),
    Column("error_code", Text, nullable=False),
    Column("error_message", Text, nullable=False),
    Column("turns", Integer, nullable=False),
    Column("calls", Integer, nullable=False),
    Column("input_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("parent", Text, nullable=False, server_default=""),  # the run that this one retries
    Column("parent_seq", Integer, nullable=False, server_default="0"),  # up to where the log is the parent's
    Column("erased_seq", Integer, nullable=False, server_default="0"),  # up to where the words are erased
    Column("cost", BigInteger, nullable=False, server_default="0"),  # billionths of a US dollar
    Column("unpriced", Boolean, nullable=False, server_default="0"),
    UniqueConstraint("tenant", "owner", "key", name="runs_by_key"),  # NULLs never collide
    Index("runs_by_owner", "tenant", "owner", "created_at", "id"),
    Index("runs_by_time", "tenant", "created_at", "id"),
    Index("runs_by_agent", "tenant", "agent", "created_at", "id"),
    Index("runs_in_state", "tenant", "state", "created_at", "id"),
    Index("runs_by_state", "state", "created_at"),
    Index("runs_by_parent", "parent"),
)

run_events = Table(
    "run_events",
    metadata,
    Column("run_id", Text, ForeignKey("runs.id"), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("type", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("salt", LargeBinary, nullable=False),  # empty = the words were erased
    Column("data", Text, nullable=False),  # JSON; `words.py` says how it names texts
    Column("data_digest", Text, nullable=False),  # salted
)

is_of_model = run_events.c.type.in_(
    [literal_column(f"'{name}'") for name in ("model_replied", "turns_summarised", "input_classified")]
)
"""Whether an event says what a model took. In words of SQL, or the index would not be used."""

Index("run_events_of_models", run_events.c.at, sqlite_where=is_of_model, postgresql_where=is_of_model)

run_texts = Table(
    "run_texts",
    metadata,
    Column("run_id", Text, primary_key=True),  # empty = configuration, which runs share
    Column("digest", Text, primary_key=True),  # `gateway.core.digests.text_digest`
    Column("body", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

run_leases = Table(
    "run_leases",
    metadata,
    Column("run_id", Text, ForeignKey("runs.id"), primary_key=True),
    Column("holder", Text, nullable=False),  # empty = nobody
    Column("epoch", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),  # by the database's clock
    Column("lasts", BigInteger, nullable=False),  # milliseconds, when it was given or renewed
    Column("attempts", Integer, nullable=False),
    Index("run_leases_by_holder", "holder"),
)

input_requests = Table(
    "input_requests",
    metadata,
    Column("id", Text, primary_key=True),
    Column("run_id", Text, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("principal", Text, nullable=False),
    Column("tool", Text, nullable=False),
    Column("arguments_digest", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("prompt", Text, nullable=False),
    Column("detail", Text, nullable=False),  # JSON
    Column("approvers", Text, nullable=False),  # JSON
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("answered_by", Text, nullable=False, server_default=""),
    Column("tool_digest", Text, nullable=False, server_default=""),
    Column("version", Text, nullable=False, server_default=""),  # of policy and catalog, when it was asked
    Column("roles", Text, nullable=False, server_default="[]"),  # the caller's, JSON
    Column("scope", Text, nullable=False, server_default="null"),  # the caller's run, JSON
    Column("sent_digest", Text, nullable=False, server_default=""),  # of arguments that a person changed
    Column("call_id", Text, nullable=False, server_default=""),  # the call that used the approval up
    Column("choices", Text, nullable=False, server_default="[]"),  # JSON
    Index("input_requests_by_call", "tenant", "principal", "tool", "arguments_digest", "run_id"),
    Index("input_requests_by_state", "tenant", "state", "created_at"),
    Index("input_requests_by_expiry", "state", "expires_at"),
    Index("input_requests_by_run", "run_id", "state"),
)

request_reminders = Table(
    "request_reminders",
    metadata,
    Column("request_id", Text, primary_key=True),
    Column("hook", Text, primary_key=True),  # where it goes, by the digest of its address
    Column("number", Integer, nullable=False),  # the newest: 0, 1, 2 …
    Column("state", Text, nullable=False),  # `reminders.py` has the states
    Column("at", BigInteger, nullable=False),
)

request_transitions = Table(
    "request_transitions",
    metadata,
    Column("request_id", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),  # 1, 2, 3 … of its request
    Column("at", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("answered_by", Text, nullable=False),
    Column("salt", LargeBinary, nullable=False),
    Column("row_digest", Text, nullable=False),  # salted, of the whole request as it was then
)

# --- what makes it tell-tale: `chain.py` says how

chain_segments = Table(
    "chain_segments",
    metadata,
    Column("id", Text, primary_key=True),
    Column("opened_at", BigInteger, nullable=False),
    Column("previous", Text, nullable=False),  # the segment that the same process wrote before, if any
    Column("open", Boolean, nullable=False),  # not covered: a hint where checkpoints look
)

chain = Table(
    "chain",
    metadata,
    Column("segment", Text, primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("link", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

ledger_acts = Table(
    "ledger_acts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("body", Text, nullable=False),  # JSON, as it was signed
    Column("key_id", Text, nullable=False),
    Column("signature", Text, nullable=False),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("body", Text, nullable=False),  # JSON, as it was signed
    Column("key_id", Text, nullable=False),
    Column("signature", Text, nullable=False),
)

budget_spends = Table(
    "budget_spends",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("call_id", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("measure", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("day", Integer, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),  # of the budget on that day, this one included
    Index("budget_spends_by_budget", "rule", "measure", "scope", "day", "id"),
    Index("budget_spends_by_call", "call_id"),
    Index("budget_spends_by_day", "day"),
)
