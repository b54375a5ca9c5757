"""What is synced before an answer leaves, as the kernel saw it (strace).

Run by `.ci/run` with the stubs on PYTHONPATH: `syncs.py`. An upload of one
chunk must sync the object, the directories that name it and the catalog, in
that order, before the bytes of its answer are written to the socket.
"""

import pathlib
import re
import sys
import tempfile

import grpc

import pair
from weir.ingest.v1 import ingest_service_pb2 as ingest
from weir.ingest.v1 import ingest_service_pb2_grpc

CALLS = "fsync,fdatasync,linkat,link,rename,renameat,renameat2,write,writev,sendto,sendmsg"
TIMEOUT_SECONDS = 60
ID = "synced-before-told"
# `1234 12:00:00.0 fsync(7</path>) = 0`, or its second half when another
# thread's call came between: `fsync resumed`.
LINE = re.compile(r"^(?P<thread>\d+) +(?P<rest>.*)$")
UNFINISHED = re.compile(r"^(?P<begin>.*) <unfinished \.\.\.>$")
RESUMED = re.compile(r"^<\.\.\. \w+ resumed>(?P<end>.*)$")


def calls(trace):
    """Finished calls in the order of their ends; a write at its beginning, when its bytes may leave."""
    begun = {}
    for line in trace.splitlines():
        thread, rest = LINE.match(line).group("thread", "rest")
        if found := UNFINISHED.match(rest):
            begun[thread] = found["begin"]
            if is_socket_write(rest):
                yield rest
        elif found := RESUMED.match(rest):
            call = begun.pop(thread, "") + found["end"]
            if not is_socket_write(call):
                yield call
        else:
            yield rest


def is_socket_write(call):
    return re.match(r"(write|writev|sendto|sendmsg)\(\d+<TCP", call)


def place(log, what, pattern, after=-1):
    """The first call after this place that matches; each must be found."""
    for at, call in enumerate(log):
        if at > after and re.search(pattern, call):
            print(f"{at:4} {what}: {call[:150]}")
            return at
    raise AssertionError(f"no {what} after call {after}")


def synced(path):
    return rf"^(fsync|fdatasync)\(\d+<[^>]*{path}>\) += 0"


def check(log):
    file = place(log, "sync of the object", synced(r"/store/seg/[0-9a-f-]{36}[^/>]*"))
    named = place(log, "its name", r"^(link|linkat|rename\w*)\(.* = 0$", file)
    directory = place(log, "sync of its directory", synced("/store/seg"), named)
    # The first object makes the directory.
    above = place(log, "sync of the directory above", synced("/store"))
    catalog = place(log, "sync of the catalog", synced(r"/catalog\.db-wal"), max(directory, above))
    answer = place(log, "the answer", rf"^(write|writev|sendto|sendmsg)\(\d+<TCP.*{ID}")
    assert answer > catalog, "answered before it was synced"


def main():
    with tempfile.TemporaryDirectory() as folder:
        listen = f"127.0.0.1:{pair.free_port()}"
        trace = pathlib.Path(folder, "trace")
        service = [pair.BIN / "ingest-service", "--listen", listen, "--store", f"file://{folder}/store",
                   "--catalog", f"sqlite://{folder}/catalog.db"]
        traced = ["strace", "-D", "-f", "-yy", "-s", "4096", "-e", f"trace={CALLS}", "-o", trace, *service]
        with pair.running(traced, f"{folder}/log"):
            pair.wait_until(pair.healthy("ingest-service", listen), "ingest-service")
            before = trace.stat().st_size
            with grpc.insecure_channel(listen) as channel:
                weir = ingest_service_pb2_grpc.IngestServiceStub(channel)
                chunk = ingest.Chunk(index=0, data=b"one chunk")
                messages = [
                    ingest.UploadCaptureRequest(open=ingest.CaptureSpec(capture_id=ID)),
                    ingest.UploadCaptureRequest(chunk=chunk)]
                answer = weir.UploadCapture(iter(messages), timeout=TIMEOUT_SECONDS)
                assert answer.chunks_stored == 1, answer
        # strace had written up to anywhere in a line.
        _, _, lines = trace.read_bytes()[before - 1:].partition(b"\n")
        check(list(calls(lines.decode(errors="replace"))))


if __name__ == "__main__":
    sys.exit(main())
