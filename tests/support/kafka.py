"""A real Apache Kafka: one node (KRaft) on free ports and a temporary folder, that can be killed and come back."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType

from kafka import KafkaAdminClient

from schemas.errors import BrokerUnavailable
from schemas.kafka import connection, ensure_topics, missing_topics, wait_for_broker
from schemas.settings import Settings, load_settings
from tests.support import guard, jars
from tests.support.ports import free_ports

UP_WITHIN_S = 60.0

_CLUSTER = "WardwatchTestsOnlyAAAA"
# A broker that was killed may register again only when its former session is over: 3 s instead of 9.
_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
group.initial.rebalance.delay.ms=0
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
auto.create.topics.enable=false
"""


class KafkaBroker:
    """A broker that lives as long as the `with` block.

    Attributes
    ----------
    bootstrap : str
        Its address, `127.0.0.1:port`; the same after `restart`.
    """

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="wardwatch-kafka-"))
        guard.remove(self._folder)
        self._libs = jars.folder()
        port, controller = free_ports(2)
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None
        self.bootstrap = f"127.0.0.1:{port}"
        self._properties = self._folder / "server.properties"
        self._properties.write_text(
            _PROPERTIES.format(port=port, controller=controller, data=self._folder / "data"), encoding="utf-8"
        )

    def __enter__(self) -> KafkaBroker:
        """Format its storage and start it."""
        self._run("kafka.tools.StorageTool", "format", "--standalone", "-t", _CLUSTER, "-c", str(self._properties))
        self.restart()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it and delete what it kept."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def settings(self) -> Settings:
        """Settings that lead to this broker."""
        return load_settings(kafka_bootstrap_servers=self.bootstrap, kafka_embedded=False)

    @property
    def is_running(self) -> bool:
        """Whether its process is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> str:
        """Output of the broker; empty without errors."""
        path = self._folder / "broker.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def restart(self) -> None:
        """Start it on the ports and with the data it had; returns once it answers. Nothing to do while it runs.

        Raises
        ------
        RuntimeError
            When it does not come up; shows what it printed.
        """
        if self.is_running:
            return
        with (self._folder / "broker.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._java("kafka.Kafka", str(self._properties)), stdout=log, stderr=log, start_new_session=True
            )
        guard.started(self._process.pid)
        self._wait_until_up()

    def kill(self) -> None:
        """End it with SIGKILL, as a power cut would; `restart` brings it back with its data."""
        if self._process is not None:
            self._process.kill()
            self._ended()

    def stop(self) -> None:
        """End it in an orderly way."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self._process.kill()
            self._ended()

    def clear(self) -> None:
        """Reset it: running, with empty topics of Wardwatch, and without consumer groups."""
        self.restart()
        admin = KafkaAdminClient(**connection(self.settings))
        try:
            groups = [group["group_id"] for group in admin.list_groups()]
            if groups:
                admin.delete_groups(groups)
            topics = [name for name in admin.list_topics() if not name.startswith("__")]
            if topics:
                admin.delete_topics(topics)
        finally:
            admin.close()
        ensure_topics(self.settings)
        self._wait_for_topics()

    def _wait_for_topics(self) -> None:
        """Return once the broker's metadata, which comes after its answer, has the topics."""
        deadline = time.monotonic() + UP_WITHIN_S
        while missing := missing_topics(self.settings):
            if time.monotonic() > deadline:
                raise RuntimeError(f"The Kafka broker on {self.bootstrap} did not make the topics {missing}.")
            time.sleep(0.05)

    def _ended(self) -> None:
        assert self._process is not None
        self._process.wait()
        guard.stopped(self._process.pid)
        self._process = None

    def _wait_until_up(self) -> None:
        deadline = time.monotonic() + UP_WITHIN_S
        while not self._answers():
            if not self.is_running or time.monotonic() > deadline:
                output = "\n".join(self.log.splitlines()[-30:])
                self.kill()
                raise RuntimeError(f"The Kafka broker did not come up on {self.bootstrap}. It printed:\n{output}")
            time.sleep(0.05)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", self._port)) != 0:
                return False
        try:
            wait_for_broker(self.settings, timeout_s=0)
        except BrokerUnavailable:
            return False
        return True

    def _java(self, *arguments: str) -> list[str]:
        return ["java", "-Xmx512m", "-cp", f"{self._libs}/*", *arguments]

    def _run(self, *arguments: str) -> None:
        done = subprocess.run(
            self._java("-XX:TieredStopAtLevel=1", *arguments), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
