"""Infrastructure of a worker: Faust transport, batches, transactions, relay, health, metrics, embedded broker."""
