"""How far webhooks have got, and which were never taken."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "webhook_progress",
        sa.Column("endpoint", sa.String, primary_key=True),
        sa.Column("connection_id", sa.String, primary_key=True),
        sa.Column("front_id", sa.String, nullable=False),
        sa.Column("delivered", sa.BigInteger, nullable=False),
        sa.Column("is_done", sa.Boolean, nullable=False),
    )
    op.create_index("webhook_progress_of_front", "webhook_progress", ["front_id", "is_done"])
    op.create_table(
        "webhook_dead",
        sa.Column("endpoint", sa.String, primary_key=True),
        sa.Column("connection_id", sa.String, primary_key=True),
        sa.Column("sequence", sa.BigInteger, primary_key=True),
        sa.Column("tenant_id", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("error", sa.String, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("died_us", sa.BigInteger, nullable=False),
    )
