"""`weir events --follow` through a service that is killed: each event once, and none is missed.

Run by `.ci/run`: `follow.py`. Programs are looked for in WEIR_BIN.
"""

import contextlib
import json
import pathlib
import subprocess
import tempfile

import pair

CAPTURE = pathlib.Path("tests/captures/dns.pcap")
# The command waits up to 5 s between two tries.
SECONDS_MAX = 60
CREATED, SEALED = "weir.capture.created.v1", "weir.capture.sealed.v1"


@contextlib.contextmanager
def service(folder, listen, log):
    command = [
        pair.BIN / "ingest-service", "--listen", listen, "--store", f"file://{folder}/store",
        "--catalog", f"sqlite://{folder}/catalog.db"]
    # It is killed, and what it logs is looked at when a check fails.
    with open(log, "wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        try:
            pair.wait_until(pair.healthy("ingest-service", listen), "ingest-service")
            yield
        finally:
            process.kill()


def upload(listen, capture_id):
    subprocess.run(
        [pair.BIN / "weir", "--endpoint", f"http://{listen}", "upload", CAPTURE, "--id", capture_id],
        check=True, capture_output=True, timeout=SECONDS_MAX)


def seen(output):
    """The last line may be on its way."""
    lines = output.read_text().split("\n")[:-1]
    events = map(json.loads, lines)
    return [(event["subject"], event["type"]) for event in events]


def main():
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        listen = f"127.0.0.1:{pair.free_port()}"
        output = pathlib.Path(folder, "events")
        with service(folder, listen, f"{folder}/first.log"):
            upload(listen, "before")
            command = [pair.BIN / "weir", "--endpoint", f"http://{listen}",
                       "events", "--follow", "--cursor", "now", "--format", "json"]
            told_to = stack.enter_context(output.open("wb"))
            follower = stack.enter_context(subprocess.Popen(command, stdout=told_to))
            stack.callback(follower.kill)
            # Nothing shows when it is there: what came before it is not for it.
            for first in map("first-{}".format, range(3)):
                upload(listen, first)
                with contextlib.suppress(TimeoutError):
                    pair.wait_until(lambda: (first, SEALED) in seen(output), "the follower")
                    break
            wanted = seen(output)
            assert (first, SEALED) in wanted and "before" not in dict(wanted), wanted
        with service(folder, listen, f"{folder}/second.log"):
            upload(listen, "away")
        with service(folder, listen, f"{folder}/third.log"):
            upload(listen, "back")
            wanted += [(capture, kind) for capture in ("away", "back") for kind in (CREATED, SEALED)]
            pair.wait_until(lambda: len(seen(output)) >= len(wanted), "what happened while it was away")
            assert seen(output) == wanted, seen(output)
            assert follower.poll() is None, "it has ended"
    print(f"followed: {len(wanted)} events, each once")


if __name__ == "__main__":
    main()
