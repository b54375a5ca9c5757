"""What consumer.py promises, tried on a real RabbitMQ and a real ingest-service.

Runs below rabbitmq.py, with WEIR_BIN and the stubs of proto/ as the other checks have them.
"""

import contextlib
import os
import pathlib
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import pika  # noqa: E402

import consumer  # noqa: E402
import pair  # noqa: E402

AMQP = os.environ["WEIR_TEST_AMQP"]
CAPTURE = HERE.parent.parent / "captures" / "http.pcap"
SEALED = "weir.capture.sealed.v1"
WAIT_SECONDS = 60


class Bench:
    """One queue, its consumer and its inventory."""

    def __init__(self, folder, queue):
        self.queue, self.inventory = queue, f"{folder}/{queue}.db"
        self.connection = pika.BlockingConnection(pika.URLParameters(AMQP))
        self.channel = self.connection.channel()
        consumer.Consumer(AMQP, queue, [SEALED], None).declare(self.channel)

    @contextlib.contextmanager
    def consuming(self, take):
        """A consumer in this process, on a thread."""
        running = consumer.Consumer(AMQP, self.queue, [SEALED], take)

        def run():
            with contextlib.suppress(pika.exceptions.AMQPError, StopIteration):
                running.consume()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield
        finally:
            wait_until(lambda: running.connection, "a connection")
            running.connection.add_callback_threadsafe(running.connection.close)
            thread.join(WAIT_SECONDS)

    @contextlib.contextmanager
    def process(self):
        """The program as users run it."""
        program = subprocess.Popen(
            [sys.executable, HERE / "consumer.py", "--inventory", self.inventory, "--queue", self.queue],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        lines = []
        reader = threading.Thread(target=lambda: lines.extend(iter(program.stderr.readline, "")), daemon=True)
        reader.start()
        try:
            yield program, lines
        finally:
            program.kill()
            program.wait()
            reader.join()

    def rows(self):
        with contextlib.closing(sqlite3.connect(self.inventory)) as database:
            with contextlib.suppress(sqlite3.OperationalError):
                return sorted(database.execute("SELECT name, bytes, times FROM captures"))
        return []

    def dead(self):
        """The next dead letter: its headers and body."""
        found = []

        def get():
            method, properties, body = self.channel.basic_get(f"{self.queue}.dead", auto_ack=True)
            if method:
                found.append((properties, body))
            return found

        wait_until(get, "a dead letter")
        return found[0]

    def dead_count(self):
        return self.channel.queue_declare(f"{self.queue}.dead", passive=True).method.message_count

    def waiting(self):
        return self.channel.queue_declare(self.queue, passive=True).method.message_count

    def publish(self, body=b"", content_type="application/protobuf", kind=SEALED, key=SEALED, **attributes):
        headers = {"specversion": "1.0", "id": "made-up", "source": "/check", "type": kind, **attributes}
        headers = {f"cloudEvents:{name}": value for name, value in headers.items() if value is not None}
        self.channel.basic_publish(consumer.EXCHANGE, key, body, pika.BasicProperties(
            content_type=content_type, headers=headers, message_id="made-up", delivery_mode=2))


def wait_until(ready, what):
    deadline = time.monotonic() + WAIT_SECONDS
    while not (found := ready()):
        assert time.monotonic() < deadline, f"not within {WAIT_SECONDS} s: {what}"
        time.sleep(0.02)
    return found


def upload(ingest, name):
    weir = pair.BIN / "weir"
    subprocess.run([weir, "--endpoint", f"http://{ingest}", "upload", CAPTURE, "--id", name],
                   check=True, stdout=subprocess.DEVNULL)


def size():
    return CAPTURE.stat().st_size


def a_sealed_capture_is_in_the_inventory_and_nothing_else(bench, ingest):
    with bench.process() as (_, lines):
        upload(ingest, "first")
        wait_until(lambda: bench.rows() == [("first", size(), 1)], "the first capture")
        # Created came before it and was not wanted.
        assert not any("rejected" in line for line in lines), lines
    assert bench.dead_count() == 0


def what_fails_for_a_time_comes_again(bench, ingest):
    inventory, failures = consumer.Inventory, [2]

    def take(event):
        if failures[0]:
            failures[0] -= 1
            raise consumer.Transient("not yet")
        return inventory(bench.inventory).take(event)

    with bench.consuming(take):
        upload(ingest, "late")
        wait_until(lambda: bench.rows() == [("late", size(), 1)], "what failed twice")
    assert bench.dead_count() == 0


def a_crash_before_the_acknowledgement_repeats_nothing_and_loses_nothing(bench, ingest):
    for when in ("before", "after"):
        # The program, killed by itself beside its effect.
        script = f"""
import os, signal, sys
sys.path.insert(0, {str(HERE)!r})
import consumer
inventory = consumer.Inventory({bench.inventory!r})
def take(event):
    if {when!r} == "after":
        inventory.take(event)
    os.kill(os.getpid(), signal.SIGKILL)
consumer.Consumer({AMQP!r}, {bench.queue!r}, [{SEALED!r}], take).run()
"""
        upload(ingest, f"crash-{when}")
        crashed = subprocess.run([sys.executable, "-c", script], timeout=WAIT_SECONDS)
        assert crashed.returncode == -signal.SIGKILL, crashed
    with bench.process() as (_, lines):
        wanted = [("crash-after", size(), 1), ("crash-before", size(), 1)]
        wait_until(lambda: bench.rows() == wanted, "both, once")
        wait_until(lambda: any("again" in line for line in lines), "the repeated one")
    assert bench.dead_count() == 0


def what_never_goes_well_is_a_dead_letter(bench, ingest):
    poison, taken = {"body": b"\xff not protobuf"}, []

    def take(event):
        taken.append(event.id)
        raise consumer.Transient("never")

    with bench.consuming(take):
        for wrong in (poison, {"kind": "weir.capture.sealed.v2"}, {"id": None}, {"content_type": "application/json"}):
            bench.publish(**wrong)
            properties, body = bench.dead()
            death = properties.headers["x-death"][0]
            assert (death["reason"], death["queue"]) == ("rejected", bench.queue), death
            assert body == wrong.get("body", b""), wrong
        assert not taken, taken
        upload(ingest, "poison")
        properties, _ = bench.dead()
        assert properties.headers["x-death"][0]["reason"] == "delivery_limit", properties.headers
        assert properties.headers["cloudEvents:subject"] == "poison"
        assert len(taken) == consumer.DELIVERIES_MAX, taken
    assert bench.waiting() == 0


def a_repeated_event_counts_once(bench, ingest):
    seen, inventory = [], consumer.Inventory

    def take(event):
        seen.append(inventory(bench.inventory).take(event))
        return seen[-1]

    with bench.consuming(take):
        for _ in range(3):
            bench.publish(id="the-same")
        wait_until(lambda: len(seen) == 3, "three messages")
    assert seen == [True, False, False], seen


CHECKS = [
    a_sealed_capture_is_in_the_inventory_and_nothing_else,
    what_fails_for_a_time_comes_again,
    a_crash_before_the_acknowledgement_repeats_nothing_and_loses_nothing,
    what_never_goes_well_is_a_dead_letter,
    a_repeated_event_counts_once,
]


def main():
    os.environ["WEIR_BROKER"] = AMQP
    with tempfile.TemporaryDirectory() as folder, pair.services() as (ingest, _):
        for number, check in enumerate(CHECKS):
            bench = Bench(folder, f"check-{number}")
            check(bench, ingest)
            # The next one's uploads are not its business.
            bench.channel.queue_delete(bench.queue)
            bench.connection.close()
            print(f"ok: {check.__name__.replace('_', ' ')}", flush=True)


if __name__ == "__main__":
    main()
