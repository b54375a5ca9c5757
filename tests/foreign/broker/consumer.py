"""An example of a consumer of Weir's events: an inventory of sealed captures.

    WEIR_BROKER=amqp://USER:PASSWORD@HOST/%2F consumer.py --inventory inventory.db

It needs pika and the stubs of proto/ (grpcio-tools, or protoc with --python_out). What it shows:

- a durable queue of its own, bound to weir.events by the types that it wants;
- a message is acknowledged once its effect is committed, never before: what a crash cuts comes again;
- a repeated event is known by its id, which is stored in the transaction of the effect;
- a failure that may pass puts the message back. After DELIVERIES_MAX deliveries the broker gives it up;
- a failure that will not pass, a body that makes no sense or a type of another version rejects it;
- what is given up or rejected goes to the exchange weir.dead and waits in QUEUE.dead, with its history in x-death.
"""

import argparse
import contextlib
import logging
import os
import random
import sqlite3
import time

import pika
from google.protobuf.message import DecodeError
from weir.event.v1 import event_pb2

EXCHANGE, DEAD_EXCHANGE = "weir.events", "weir.dead"
PREFIX = "cloudEvents:"

# Messages that one consumer has at once, and so what a crash repeats.
PREFETCH = 50
# A message that fails so often is poison: the broker counts, which only quorum queues do.
DELIVERIES_MAX = 5
# Before a message goes back, seconds: whatever failed is not better at once.
PAUSE = 0.2
# Between two tries to reach the broker, seconds.
RECONNECT = (0.5, 15)

PAYLOADS = {
    "weir.capture.created.v1": event_pb2.CaptureCreated,
    "weir.capture.sealed.v1": event_pb2.CaptureSealed,
    "weir.capture.deleted.v1": event_pb2.CaptureDeleted,
    "weir.capture.expired.v1": event_pb2.CaptureExpired,
    "weir.analysis.queued.v1": event_pb2.AnalysisQueued,
    "weir.analysis.started.v1": event_pb2.AnalysisStarted,
    "weir.analysis.succeeded.v1": event_pb2.AnalysisSucceeded,
    "weir.analysis.failed.v1": event_pb2.AnalysisFailed,
    "weir.analysis.cancelled.v1": event_pb2.AnalysisCancelled,
}


class Transient(Exception):
    """It may go better later."""


class Permanent(Exception):
    """No later try goes better."""


class Event:
    """CloudEvents 1.0 in binary mode: attributes in headers, the payload in the body."""

    def __init__(self, properties, body):
        headers = properties.headers or {}
        self.attributes = {
            name.removeprefix(PREFIX): value for name, value in headers.items() if name.startswith(PREFIX)}
        missing = {"id", "source", "type", "specversion"} - self.attributes.keys()
        if missing:
            raise Permanent(f"it lacks {', '.join(sorted(missing))}")
        self.id, self.type = self.attributes["id"], self.attributes["type"]
        payload = PAYLOADS.get(self.type)
        if payload is None or properties.content_type != "application/protobuf":
            raise Permanent(f"{self.type} as {properties.content_type} is not known; known are {', '.join(PAYLOADS)}")
        try:
            self.payload = payload.FromString(body)
        except DecodeError as error:
            raise Permanent(f"its body is no {payload.DESCRIPTOR.full_name}: {error}") from error


class Inventory:
    """The effect: one row for each capture, and the ids of the events that are in it."""

    def __init__(self, path):
        self.database = sqlite3.connect(path, isolation_level=None)
        self.database.executescript("""
            CREATE TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY) WITHOUT ROWID;
            CREATE TABLE IF NOT EXISTS captures (uid TEXT PRIMARY KEY, name TEXT, bytes INTEGER, times INTEGER);
        """)

    def take(self, event):
        """False: it was taken before."""
        try:
            self.database.execute("BEGIN IMMEDIATE")
            seen = self.database.execute("INSERT OR IGNORE INTO seen VALUES (?)", (event.id,))
            if seen.rowcount == 0:
                return False
            capture = event.payload.capture
            self.database.execute(
                "INSERT INTO captures VALUES (?, ?, ?, 1) ON CONFLICT DO UPDATE SET times = times + 1",
                (capture.uid, capture.capture_id, capture.size_bytes))
            self.database.execute("COMMIT")
            return True
        except sqlite3.OperationalError as error:
            raise Transient(f"the inventory can't be written: {error}") from error
        finally:
            if self.database.in_transaction:
                self.database.execute("ROLLBACK")


class Consumer:
    def __init__(self, url, queue, types, take, limit=None):
        self.url, self.queue, self.types, self.take = url, queue, types, take
        # Messages that are to be acknowledged.
        self.left = limit
        self.connection = None

    def run(self):
        """Consumes, and connects again when the broker was away, until it is interrupted or has its limit."""
        pause = RECONNECT[0]
        while True:
            try:
                return self.consume()
            except pika.exceptions.AMQPError as error:
                logging.warning("the broker is away: %r", error)
            if self.connection is not None:
                pause, self.connection = RECONNECT[0], None
            time.sleep(pause * random.uniform(0.5, 1))
            pause = min(2 * pause, RECONNECT[1])

    def consume(self):
        parameters = pika.URLParameters(self.url)
        parameters.heartbeat = 10
        self.connection = pika.BlockingConnection(parameters)
        with self.connection:
            channel = self.connection.channel()
            self.declare(channel)
            if self.left == 0:
                return
            channel.basic_qos(prefetch_count=PREFETCH)
            channel.basic_consume(self.queue, self.on_message)
            channel.start_consuming()

    def declare(self, channel):
        """Whoever comes first makes them; all say the same."""
        channel.exchange_declare(EXCHANGE, "topic", durable=True)
        channel.exchange_declare(DEAD_EXCHANGE, "direct", durable=True)
        channel.queue_declare(self.queue, durable=True, arguments={
            "x-queue-type": "quorum",
            "x-delivery-limit": DELIVERIES_MAX - 1,
            "x-dead-letter-exchange": DEAD_EXCHANGE,
            "x-dead-letter-routing-key": self.queue,
        })
        channel.queue_declare(f"{self.queue}.dead", durable=True)
        channel.queue_bind(f"{self.queue}.dead", DEAD_EXCHANGE, self.queue)
        for name in self.types:
            channel.queue_bind(self.queue, EXCHANGE, name)

    def on_message(self, channel, method, properties, body):
        try:
            event = Event(properties, body)
            if not self.take(event):
                logging.info("event %s again", event.id)
        except Permanent as error:
            logging.error("message %s rejected: %s", properties.message_id, error)
            channel.basic_reject(method.delivery_tag, requeue=False)
        except Transient as error:
            logging.warning("message %s put back: %s", properties.message_id, error)
            # Goes on with heartbeats, which time.sleep would not.
            self.connection.sleep(PAUSE)
            channel.basic_nack(method.delivery_tag, requeue=True)
        else:
            channel.basic_ack(method.delivery_tag)
            if self.left is not None:
                self.left -= 1
                if self.left == 0:
                    channel.stop_consuming()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--inventory", default="inventory.db")
    parser.add_argument("--queue", default="inventory")
    parser.add_argument("--limit", type=int, help="messages to take; 0: only make the queue [default: no limit]")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    logging.getLogger("pika").setLevel(logging.ERROR)
    inventory = Inventory(arguments.inventory)
    url = os.environ.get("WEIR_BROKER", "amqp://guest:guest@localhost/%2F")

    def take(event):
        is_new = inventory.take(event)
        if is_new:
            capture = event.payload.capture
            print(capture.capture_id, capture.size_bytes, *sorted(capture.labels.items()), flush=True)
        return is_new

    Consumer(url, arguments.queue, ["weir.capture.sealed.v1"], take, arguments.limit).run()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
