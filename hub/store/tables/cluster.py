"""Tables of several hubs on one database: who is there, and who does what."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Table, Text

from hub.store.tables.base import metadata

# A running hub, as it last said.
hubs = Table(
    "hubs",
    metadata,
    Column("id", Text, primary_key=True),  # made at each start
    Column("client", Text, nullable=False, server_default=""),  # its MQTT client id
    Column("started_ms", BigInteger, nullable=False),
    Column("seen_ms", BigInteger, nullable=False),
)

# Partitions p00 to p63, and jobs that one hub at a time does. Rows stay: the number only rises.
leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False, server_default=""),  # hub's id; empty: nobody
    Column("fence", BigInteger, nullable=False, server_default="0"),
    Column("expires_ms", BigInteger, nullable=False, server_default="0"),
    CheckConstraint("fence >= 0", name="leases_fence"),
)
