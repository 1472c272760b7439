"""Disk space that orders take: documents and indexes of each collection, as MongoDB keeps them, packed."""

from __future__ import annotations

from pymongo import MongoClient

from pos_api.collections import COLLECTIONS
from pos_api.database.client import Document
from scripts.benchmark.report import Cell, Column, Head, Report

_HEADS: tuple[Head, ...] = (
    "collection",
    Column("documents", "documents/order", "neither", 2),
    Column("bytes of documents", "bytes/order", "less"),
    Column("bytes of indexes", "bytes/order", "less"),
    Column("indexes", "indexes", "less", counted=True),
)


def report_disk(report: Report, uri: str) -> None:
    """Print what a database takes for each order, where orders and what they caused are all there is in it."""
    rows: list[list[Cell]] = []
    with MongoClient[Document](uri) as client:
        client.admin.command("fsync")
        db = client.get_default_database()
        orders = db.orders.estimated_document_count()
        for each in COLLECTIONS:
            stats = db.command("collStats", each.name)
            sizes = stats.get("storageSize", 0), stats.get("totalIndexSize", 0)
            if sum(sizes) > 10 * orders:
                per_order = [size / orders for size in (stats["count"], *sizes)]
                rows.append([each.name, *per_order, stats["nindexes"]])
    sums = [sum(row[column] for row in rows) for column in range(1, 5)]  # type: ignore[misc]
    report.table("Disk space for an order of three lines", _HEADS, [*rows, ["all", *sums]])
