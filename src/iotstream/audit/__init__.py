"""Proof of a lake: that every record of every shard is in it, once, and unaltered.

`audit` reads what the lake says of itself (manifests, gaps), what is there (objects, dead letters), what
the journal knows, and, if asked, the objects' rows and the stream. docs/audit.md has every code.
"""

from iotstream.audit.findings import Code, Finding
from iotstream.audit.report import Report, ShardReport, Totals
from iotstream.audit.run import audit

__all__ = ["Code", "Finding", "Report", "ShardReport", "Totals", "audit"]
