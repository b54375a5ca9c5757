"""Both services on loopback ports, for the checks in this folder.

Their programs are looked for in WEIR_BIN. As a program: `pair.py COMMAND…`
runs a command with INGEST_ADDRESS and ANALYZER_ADDRESS (host:port) set.
"""

import contextlib
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

BIN = pathlib.Path(os.environ.get("WEIR_BIN", "target/release"))
# A service that is not ready by then never will be.
READY_SECONDS = 30
# Longer than the services' own grace.
STOP_SECONDS = 30


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_until(ready, what):
    deadline = time.monotonic() + READY_SECONDS
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} was not ready in {READY_SECONDS} s")
        time.sleep(0.05)


@contextlib.contextmanager
def running(command, log, env=None, drains=True):
    """A program that must still run when it is no longer needed, and end well on SIGTERM if it drains."""
    with open(log, "wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            env={**os.environ, **(env or {})})
    try:
        yield process
        if process.poll() is not None:
            raise ChildProcessError(f"{command[0]} ended by itself: {process.returncode}")
        process.terminate()
        if drains and process.wait(STOP_SECONDS) != 0:
            raise ChildProcessError(f"{command[0]} answered SIGTERM with {process.returncode}")
    except BaseException:
        sys.stderr.write(pathlib.Path(log).read_text(errors="replace")[-4000:])
        raise
    finally:
        process.kill()
        process.wait()


def healthy(program, listen):
    return lambda: subprocess.run(
        [BIN / program, "--health", "--listen", listen], capture_output=True).returncode == 0


@contextlib.contextmanager
def services(otlp=None):
    """Yields the addresses (host:port) of ingest-service and analyzer-service."""
    ingest, analyzer = (f"127.0.0.1:{free_port()}" for _ in range(2))
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": otlp} if otlp else {}
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        os.mkdir(f"{folder}/store")
        store = f"file://{folder}/store"
        stack.enter_context(running(
            [BIN / "analyzer-service", "--listen", analyzer, "--store", store],
            f"{folder}/analyzer.log", env))
        wait_until(healthy("analyzer-service", analyzer), "analyzer-service")
        stack.enter_context(running(
            [BIN / "ingest-service", "--listen", ingest, "--store", store,
             "--catalog", f"sqlite://{folder}/catalog.db", "--analyzer", f"http://{analyzer}"],
            f"{folder}/ingest.log", env))
        wait_until(healthy("ingest-service", ingest), "ingest-service")
        yield ingest, analyzer


@contextlib.contextmanager
def jaeger():
    """A Jaeger with storage in memory. Yields its OTLP and its query URL."""
    otlp, query, *others = (free_port() for _ in range(14))
    flags = ["admin.http.host-port", "collector.grpc-server.host-port", "collector.http-server.host-port",
             "collector.otlp.http.host-port", "http-server.host-port", "processor.jaeger-binary.server-host-port",
             "processor.jaeger-compact.server-host-port", "processor.zipkin-compact.server-host-port",
             "query.grpc-server.host-port"]
    command = [os.environ.get("JAEGER", "jaeger"),
               f"--collector.otlp.grpc.host-port=127.0.0.1:{otlp}",
               f"--query.http-server.host-port=127.0.0.1:{query}",
               *(f"--{flag}=127.0.0.1:{port}" for flag, port in zip(flags, others))]
    url = f"http://127.0.0.1:{query}"

    def ready():
        try:
            return urllib.request.urlopen(f"{url}/api/services").status == 200
        except OSError:
            return False

    with tempfile.NamedTemporaryFile() as log, running(command, log.name, drains=False):
        wait_until(ready, "jaeger")
        yield f"http://127.0.0.1:{otlp}", url


def main(*command):
    with services() as (ingest, analyzer):
        addresses = {"INGEST_ADDRESS": ingest, "ANALYZER_ADDRESS": analyzer}
        status = subprocess.run(command, env={**os.environ, **addresses}).returncode
    sys.exit(status)


if __name__ == "__main__":
    main(*sys.argv[1:])
