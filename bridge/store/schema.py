"""What are the tables of the store? As the newest migration leaves them.

Times are microseconds since 1970 in UTC: exact in every database, and in the order of their calls.
Values that only the bridge reads are encoded whole; what is searched for has a column of its own.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
)

METADATA: Final = MetaData()

CALLS: Final = Table(
    "calls",
    METADATA,
    Column("connection_id", String, primary_key=True),
    Column("tenant_id", String, nullable=False),
    Column("agent_id", String, nullable=False),
    # The front that answers for it: its next life ends what this one leaves unfinished.
    Column("front_id", String, nullable=False),
    Column("host_id", String, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("retention", String, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    # Null while it lives.
    Column("ended_us", BigInteger),
    Column("view", LargeBinary, nullable=False),
    # Of a live call a draft, should its front die.
    Column("report", LargeBinary),
    Index("calls_by_age", "created_us", "connection_id"),
    Index("calls_of_tenant_by_age", "tenant_id", "created_us", "connection_id"),
    Index("calls_by_end", "ended_us"),
)

CALL_METADATA: Final = Table(
    "call_metadata",
    METADATA,
    Column("connection_id", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("value", String, nullable=False),
    Index("call_metadata_by_value", "key", "value"),
)

EVENTS: Final = Table(
    "events",
    METADATA,
    Column("connection_id", String, primary_key=True),
    Column("sequence", BigInteger, primary_key=True),
    Column("is_last", Boolean, nullable=False),
    # bridge.v1.CallEvent, as its watchers get it.
    Column("payload", LargeBinary, nullable=False),
    # The key is the table: a call's events lie beside each other.
    sqlite_with_rowid=False,
)

SPENDING: Final = Table(
    "spending",
    METADATA,
    Column("day", Date, primary_key=True),
    Column("tenant_id", String, primary_key=True),
    Column("connection_id", String, primary_key=True),
    Column("tokens", BigInteger, nullable=False),
    # Money in millionths of a micro-unit does not fit one integer.
    Column("micro_units", BigInteger, nullable=False),
    Column("picos_rest", Integer, nullable=False),
)

WEBHOOK_PROGRESS: Final = Table(
    "webhook_progress",
    METADATA,
    Column("endpoint", String, primary_key=True),
    Column("connection_id", String, primary_key=True),
    # The front that sends it.
    Column("front_id", String, nullable=False),
    # Up to this sequence number all is settled.
    Column("delivered", BigInteger, nullable=False),
    Column("is_done", Boolean, nullable=False),
    Index("webhook_progress_of_front", "front_id", "is_done"),
)

WEBHOOK_DEAD: Final = Table(
    "webhook_dead",
    METADATA,
    Column("endpoint", String, primary_key=True),
    Column("connection_id", String, primary_key=True),
    Column("sequence", BigInteger, primary_key=True),
    Column("tenant_id", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("error", String, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("died_us", BigInteger, nullable=False),
)
