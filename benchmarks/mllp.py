"""Measure HL7 v2 over MLLP on loopback into a real Kafka: messages a second over a pool of connections, and memory.

.venv/bin/python -m benchmarks.mllp 200000 --connections 32
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.streams.ingest.hl7.messages import message
from tests.support.kafka import KafkaBroker

START, END = b"\x0b", b"\x1c\r"
TRIGGERS = ("A01", "A02", "A08", "A08", "A03")


def resident_mib(pid: int) -> float:
    """Return a process's resident memory in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


class Senders:
    """A pool of connections; each sends, waits for the acknowledgement, and sends on."""

    def __init__(self, port: int, messages: int) -> None:
        self._port, self._messages = port, messages
        self.sent = self.acknowledged = 0

    async def run(self) -> None:
        """Send until all messages are sent."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        while self.sent < self._messages:
            self.sent += 1
            raw = message(TRIGGERS[self.sent % len(TRIGGERS)], visit=f"V{self.sent // 5}")
            writer.write(START + raw.replace(b"|C1|", f"|C{self.sent}|".encode()) + END)
            answer = await reader.readuntil(END)
            self.acknowledged += b"|AA|" in answer
        writer.close()


async def measure(port: int, pid: int, messages: int, connections: int) -> None:
    """Send, and print a line for each tenth."""
    senders = Senders(port, messages)
    began_s = time.perf_counter()
    work = asyncio.gather(*(senders.run() for _ in range(connections)))
    print(f"{'acknowledged':>14} {'messages/s':>12} {'memory, MiB':>12}")
    before, before_s, step = 0, began_s, max(messages // 10, 1)
    while not work.done():
        await asyncio.sleep(0.2)
        if senders.acknowledged - before >= step:
            now_s = time.perf_counter()
            rate = (senders.acknowledged - before) / (now_s - before_s)
            print(f"{senders.acknowledged:>14,} {rate:>12,.0f} {resident_mib(pid):>12.1f}", flush=True)
            before, before_s = senders.acknowledged, now_s
    await work
    spent_s = time.perf_counter() - began_s
    print(
        f"{senders.acknowledged:,} of {messages:,} in {spent_s:.1f} s: {senders.acknowledged / spent_s:,.0f} messages/s"
    )


def main() -> None:
    """Start Kafka and the listener, and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("messages", type=int, nargs="?", default=50_000)
    parser.add_argument("--connections", type=int, default=32)
    arguments = parser.parse_args()
    with KafkaBroker() as broker, tempfile.TemporaryDirectory() as folder:
        broker.clear()
        environment = {
            **os.environ,
            "WARDWATCH_KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap,
            "WARDWATCH_DATA_DIR": folder,
        }
        command = [sys.executable, "-m", "wardwatch", "ingest", "mllp", "--port", "0"]
        listener = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        assert listener.stdout is not None
        try:
            port = int(listener.stdout.readline().rpartition(":")[2])
            asyncio.run(measure(port, listener.pid, arguments.messages, arguments.connections))
        finally:
            listener.send_signal(signal.SIGTERM)
            listener.wait(30)


if __name__ == "__main__":
    main()
