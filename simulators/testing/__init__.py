"""Replays for the tests of a hospital: any source, with faults, through the same engine, without Kafka.

    from simulators.testing import Replay

`simulators.pytest_plugin` is the pytest plugin; docs/tutorials/testing.md shows both.
"""

from simulators.testing.replay import Alert, Replay

__all__ = ["Alert", "Replay"]
