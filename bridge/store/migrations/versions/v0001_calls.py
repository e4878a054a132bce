"""Calls, their events and reports, and what tenants have spent."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "calls",
        sa.Column("connection_id", sa.String, primary_key=True),
        sa.Column("tenant_id", sa.String, nullable=False),
        sa.Column("agent_id", sa.String, nullable=False),
        sa.Column("front_id", sa.String, nullable=False),
        sa.Column("host_id", sa.String, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("retention", sa.String, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("ended_us", sa.BigInteger),
        sa.Column("view", sa.LargeBinary, nullable=False),
        sa.Column("report", sa.LargeBinary),
    )
    op.create_index("calls_by_age", "calls", ["created_us", "connection_id"])
    op.create_index("calls_of_tenant_by_age", "calls", ["tenant_id", "created_us", "connection_id"])
    op.create_index("calls_by_end", "calls", ["ended_us"])
    op.create_table(
        "call_metadata",
        sa.Column("connection_id", sa.String, primary_key=True),
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("value", sa.String, nullable=False),
    )
    op.create_index("call_metadata_by_value", "call_metadata", ["key", "value"])
    op.create_table(
        "events",
        sa.Column("connection_id", sa.String, primary_key=True),
        sa.Column("sequence", sa.BigInteger, primary_key=True),
        sa.Column("is_last", sa.Boolean, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "spending",
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("tenant_id", sa.String, primary_key=True),
        sa.Column("connection_id", sa.String, primary_key=True),
        sa.Column("tokens", sa.BigInteger, nullable=False),
        sa.Column("micro_units", sa.BigInteger, nullable=False),
        sa.Column("picos_rest", sa.Integer, nullable=False),
    )
