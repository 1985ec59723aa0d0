"""The steps that bring older tables forward, each from the schema before. A step is never changed once it was
released, so it is written in SQL of its own and not by way of `tables.py`, which is today's.

A step may add columns and tables, but changes nothing that the chain covers: a column that comes later is digested
only where it has a value (`chain.py`), so that what was entered before still fits.
"""

from collections.abc import Mapping

_TO_3 = (
    "ALTER TABLE runs ADD COLUMN parent TEXT DEFAULT '' NOT NULL",
    "ALTER TABLE runs ADD COLUMN parent_seq INTEGER DEFAULT '0' NOT NULL",
    "ALTER TABLE runs ADD COLUMN erased_seq INTEGER DEFAULT '0' NOT NULL",
    "CREATE INDEX runs_by_time ON runs (tenant, created_at, id)",
    "CREATE INDEX runs_by_agent ON runs (tenant, agent, created_at, id)",
    "CREATE INDEX runs_in_state ON runs (tenant, state, created_at, id)",
    "CREATE INDEX runs_by_parent ON runs (parent)",
    """CREATE TABLE run_texts (
        run_id TEXT NOT NULL,
        digest TEXT NOT NULL,
        body BLOB NOT NULL,
        PRIMARY KEY (run_id, digest)
    ) WITHOUT ROWID""",
    """CREATE TABLE run_leases (
        run_id TEXT NOT NULL,
        holder TEXT NOT NULL,
        epoch BIGINT NOT NULL,
        expires_at BIGINT NOT NULL,
        lasts BIGINT NOT NULL,
        attempts INTEGER NOT NULL,
        PRIMARY KEY (run_id),
        FOREIGN KEY(run_id) REFERENCES runs (id)
    )""",
    "CREATE INDEX run_leases_by_holder ON run_leases (holder)",
    "ALTER TABLE input_requests ADD COLUMN choices TEXT DEFAULT '[]' NOT NULL",
    "CREATE INDEX input_requests_by_run ON input_requests (run_id, state)",
    """CREATE TABLE request_reminders (
        request_id TEXT NOT NULL,
        hook TEXT NOT NULL,
        number INTEGER NOT NULL,
        state TEXT NOT NULL,
        at BIGINT NOT NULL,
        PRIMARY KEY (request_id, hook)
    )""",
    "DROP INDEX call_records_by_run",
    "CREATE INDEX call_records_by_run ON call_records (run_id, tool)",
)

_TO_4 = (
    "ALTER TABLE runs ADD COLUMN cost BIGINT DEFAULT '0' NOT NULL",
    "ALTER TABLE runs ADD COLUMN unpriced BOOLEAN DEFAULT '0' NOT NULL",
)

_TO_5 = (  # what people look at afterwards: calls, how they ended, what models said, by their time
    "CREATE INDEX call_records_of_tenant ON call_records (tenant, at, id, tool, principal, effect, rule)",
    "DROP INDEX call_outcomes_by_call",
    "CREATE INDEX call_outcomes_by_call ON call_outcomes (call_id, id, code, duration_us)",
    "CREATE INDEX run_events_of_models ON run_events (at)"
    " WHERE type IN ('model_replied', 'turns_summarised', 'input_classified')",
)

STEPS: Mapping[int, tuple[str, ...]] = {3: _TO_3, 4: _TO_4, 5: _TO_5}
"""The statements that lead to each schema."""
