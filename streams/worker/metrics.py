"""All metrics, each declared once with its kind, unit and meaning; docs/reference/metrics.md comes from this file."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()

RECORDS = Counter("wardwatch_records", "Records taken from Kafka.", ["agent"], registry=REGISTRY)
FACTS_NEW = Counter("wardwatch_facts_new", "Facts that were not in the log before.", registry=REGISTRY)
FACTS_REPEATED = Counter(
    "wardwatch_facts_repeated", "Duplicate facts: they were in the log already.", registry=REGISTRY
)
DEAD_LETTERS = Counter("wardwatch_dead_letters", "Records rejected and kept as dead letters.", registry=REGISTRY)
ENCOUNTERS_CHANGED = Counter("wardwatch_encounters_changed", "Encounters whose state changed.", registry=REGISTRY)
BATCH_SECONDS = Histogram(
    "wardwatch_batch_seconds",
    "Time from taking a batch to its commit, in seconds.",
    ["agent"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 15, 60),
    registry=REGISTRY,
)
TRANSACTION_RETRIES = Counter(
    "wardwatch_transaction_retries", "Transactions retried: the database was unavailable or busy.", registry=REGISTRY
)
SCORES = Counter("wardwatch_scores", "Risk scores issued.", ["moment"], registry=REGISTRY)
LABELS = Counter("wardwatch_labels", "Labels released, by outcome.", ["readmitted"], registry=REGISTRY)
OUTBOX_PUBLISHED = Counter("wardwatch_outbox_published", "Messages published from the outbox.", registry=REGISTRY)
OUTBOX_ROWS = Gauge("wardwatch_outbox_rows", "Rows read in the last poll of the outbox.", registry=REGISTRY)
SECONDS_SINCE_COMMIT = Gauge(
    "wardwatch_seconds_since_commit",
    "Seconds since the last commit of offsets while a batch waits for its commit; else 0. Alert on it.",
    registry=REGISTRY,
)
WATERMARK = Gauge(
    "wardwatch_watermark_seconds", "Event time that all partitions have reached, in Unix seconds.", registry=REGISTRY
)


def metrics_table() -> str:
    """Return the Markdown table of all metrics, as it stands in docs/reference/metrics.md."""
    lines = ["| metric | kind | meaning |", "|---|---|---|"]
    for metric in REGISTRY.collect():
        lines.append(f"| `{metric.name}` | {metric.type} | {metric.documentation} |")
    return "\n".join(lines) + "\n"
