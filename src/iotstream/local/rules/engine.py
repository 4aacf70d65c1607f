"""The engine: a subscriber that runs rules, and acknowledges a message when its records are in the stream.

The session is persistent and acknowledgement is manual, so that a crash repeats messages rather than
losing them: QoS 1, at least once, as with AWS IoT Core.
"""

from __future__ import annotations

import logging
import queue
import ssl
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from iotstream.errors import LocalStackError
from iotstream.local.broker import Policy
from iotstream.local.broker.topics import matches, smallest_cover
from iotstream.local.pki import ClientFiles
from iotstream.local.rules.errors import EvaluationError
from iotstream.local.rules.evaluate import Context, run
from iotstream.local.rules.rule import Rule
from iotstream.local.rules.stream import (
    MAX_PARTITION_KEY_CHARS,
    MAX_RECORDS,
    Entry,
    Stopped,
    StreamWriter,
)

LINGER_S = 0.02
"""How long a batch waits for more messages."""
CONNECT_TIMEOUT_S = 15.0
RECONNECT_DELAY_S = 5
_SAFE = str.maketrans({"\0": "_", "\\": "_"})

log = logging.getLogger("iotstream.rules")


class Received(NamedTuple):
    """A message that is to be acknowledged, on the connection on which it came."""

    connection: int
    topic: str
    payload: bytes
    message_id: int
    qos: int


class Task(NamedTuple):
    """What a rule makes of a message: a record for the stream, or an error."""

    rule: Rule
    context: Context
    entry: Entry | None
    error: str


@dataclass
class Stats:
    """Counts since the start.

    Attributes:
        received: messages from the broker.
        unmatched: of them, those that no rule's topic filter or condition took.
        forwarded: records put into the stream.
        failed: results that went to the error action.
        done: messages that the rules are done with.
        by_rule: results by rule.
    """

    received: int = 0
    unmatched: int = 0
    forwarded: int = 0
    failed: int = 0
    done: int = 0
    by_rule: Counter[str] = field(default_factory=Counter)


class Engine:
    """Runs rules on what a broker gets.

    Args:
        rules: at least one.
        writer: puts the records.
        error_directory: takes the original bytes of what fails.
        policy: tells who published on a topic, and as whom this client connects.
        now: seconds since the epoch.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        writer: StreamWriter,
        error_directory: Path,
        *,
        policy: Policy,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._rules = rules
        self._writer = writer
        self._errors = error_directory
        self._policy = policy
        self._now = now
        self._queue: queue.SimpleQueue[Received | None] = queue.SimpleQueue()
        self._subscribed = threading.Event()
        # Which connection this is: a message id means something on its own connection only.
        self._connection = 0
        self._connection_lock = threading.Lock()
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=policy.rule_engine,
            clean_session=False,
            protocol=MQTTProtocolVersion.MQTTv311,
            manual_ack=True,
        )
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        self._client.reconnect_delay_set(min_delay=1, max_delay=RECONNECT_DELAY_S)
        self._worker = threading.Thread(target=self._work, name="rules")
        self.stats = Stats()
        self.error: BaseException | None = None

    def start(self, host: str, port: int, files: ClientFiles) -> None:
        """Connect, subscribe and begin: what is published after this returns is not missed.

        Raises:
            LocalStackError: the broker can't be reached, or refuses this client or its subscription.
        """
        context = ssl.create_default_context(cafile=files.ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(files.certificate, files.key)
        self._client.tls_set_context(context)
        try:
            self._client.connect(host, port)
        except OSError as error:
            raise LocalStackError(f"the broker at {host}:{port} can't be reached: {error}") from error
        self._client.loop_start()
        self._worker.start()
        in_time = self._subscribed.wait(CONNECT_TIMEOUT_S)
        if not in_time or self.error is not None:
            self.stop()
            reason = self.error or "no answer: it refuses the certificate, or speaks no MQTT over TLS"
            client = self._policy.rule_engine
            raise LocalStackError(f"the broker at {host}:{port} does not take {client}: {reason}")

    def stop(self) -> None:
        """Finish the batch under way and disconnect. What is not acknowledged comes again."""
        self._writer.stop()
        self._queue.put(None)
        if self._worker.is_alive():
            self._worker.join()
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._refused(f"connection refused: {reason}")
            return
        filters = smallest_cover([rule.statement.topic_filter for rule in self._rules])
        client.subscribe([(one, 1) for one in filters])

    def _on_subscribe(
        self, _client: Client, _data: Any, _id: int, reasons: list[Any], _properties: Any
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            self._refused("its subscription was refused")
        self._subscribed.set()

    def _on_disconnect(self, *_: Any) -> None:
        # From here on nothing that came before may be acknowledged: the broker sends it again, and may
        # give its id to another message as soon as the repetition is acknowledged.
        with self._connection_lock:
            self._connection += 1

    def _on_message(self, client: Client, _data: Any, message: MQTTMessage) -> None:
        if message.retain:
            # Kept by the broker for new subscribers; when it was published it came here like any other.
            client.ack(message.mid, message.qos)
            return
        self.stats.received += 1
        self._queue.put(
            Received(self._connection, message.topic, bytes(message.payload), message.mid, message.qos)
        )

    def _refused(self, reason: str) -> None:
        log.error("%s", reason)
        self.error = self.error or LocalStackError(reason)
        self._subscribed.set()

    def _work(self) -> None:
        try:
            while (batch := self._collect()) is not None:
                self._process(batch)
        except Stopped:
            log.warning("stopped while the stream took nothing: what is not acknowledged comes again")
        except Exception as error:
            log.exception("the rule engine stops")
            self.error = error

    def _collect(self) -> list[Received] | None:
        first = self._queue.get()
        if first is None:
            return None
        batch = [first]
        until = time.monotonic() + LINGER_S
        while len(batch) < MAX_RECORDS:
            try:
                one = self._queue.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                break
            if one is None:
                self._queue.put(None)
                break
            batch.append(one)
        return batch

    def _process(self, batch: list[Received]) -> None:
        tasks = [task for received in batch for task in self._run_rules(received)]
        good = [task for task in tasks if task.entry is not None]
        failed = self._writer.put([task.entry for task in good if task.entry is not None])
        for bad in (task for task in tasks if task.entry is None):
            self._fail(bad, bad.error)
        for index, reason in failed.items():
            self._fail(good[index], reason)
        self.stats.forwarded += len(good) - len(failed)
        for received in batch:
            with self._connection_lock:
                if received.connection == self._connection:
                    self._client.ack(received.message_id, received.qos)
        self.stats.done += len(batch)

    def _run_rules(self, received: Received) -> list[Task]:
        context = Context(
            payload=received.payload,
            topic=received.topic,
            client_id=self._policy.publisher(received.topic),
            now_ms=round(self._now() * 1000),
            new_id=lambda: str(uuid.uuid4()),
        )
        tasks = [
            task
            for rule in self._rules
            if matches(rule.statement.topic_filter, received.topic, parent=False)
            for task in _run_rule(rule, context)
        ]
        self.stats.unmatched += not tasks
        self.stats.by_rule.update(task.rule.name for task in tasks)
        return tasks

    def _fail(self, task: Task, reason: str) -> None:
        """The error action: keep the original bytes."""
        key = task.rule.error_key.render(task.context).translate(_SAFE).strip("/")
        path = self._errors.joinpath(*(part for part in key.split("/") if part not in {"", ".", ".."}))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(task.context.payload)
        log.error("rule %s, topic %s: %s: kept in %s", task.rule.name, task.context.topic, reason, path)
        self.stats.failed += 1


def _run_rule(rule: Rule, context: Context) -> list[Task]:
    """One task, or none if the rule's condition does not hold."""
    try:
        data = run(rule.statement, context)
    except EvaluationError as no_result:
        return [Task(rule, context, None, str(no_result))]
    if data is None:
        return []
    key = rule.partition_key.render(context)
    if not 1 <= len(key) <= MAX_PARTITION_KEY_CHARS:
        error = f"partition key of {len(key)} characters: 1 to {MAX_PARTITION_KEY_CHARS}"
        return [Task(rule, context, None, error)]
    return [Task(rule, context, Entry(rule.stream, key, data), "")]
