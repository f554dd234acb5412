"""Real parts for tests: a Kafka broker, a PostgreSQL server, the worker as a process."""
