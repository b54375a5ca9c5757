"""The trace of one AnalyzeCapture, seen in a real Jaeger through its query API.

The caller's own trace id goes in by `traceparent`; both services' spans of
that trace must come out, joined to the caller's span and to each other.
"""

import json
import pathlib
import secrets
import sys
import time
import urllib.error
import urllib.request

import grpc

import pair
from weir.ingest.v1 import ingest_service_pb2 as ingest
from weir.ingest.v1 import ingest_service_pb2_grpc

CAPTURE = pathlib.Path(__file__).parent.parent / "captures" / "http.pcap"
INGEST_SPAN = "weir.ingest.v1.IngestService/AnalyzeCapture"
ANALYZER_SPAN = "weir.analyzer.v1.AnalyzerService/Analyze"
# Above the exporter's batch delay (5 s by OpenTelemetry's default).
EXPORT_SECONDS = 30
CALL_SECONDS = 60


def analyze(address, traceparent):
    body = CAPTURE.read_bytes()
    with grpc.insecure_channel(address) as channel:
        weir = ingest_service_pb2_grpc.IngestServiceStub(channel)
        capture = weir.UploadCapture(iter([
            ingest.UploadCaptureRequest(open=ingest.CaptureSpec(capture_id="traced", chunk_count=1)),
            ingest.UploadCaptureRequest(chunk=ingest.Chunk(index=0, data=body)),
        ]), timeout=CALL_SECONDS).capture
        request = ingest.AnalyzeCaptureRequest(capture_id=capture.capture_id)
        metadata = [("traceparent", traceparent)]
        *_, last = weir.AnalyzeCapture(request, metadata=metadata, timeout=CALL_SECONDS)
        assert last.HasField("summary"), last


def read_trace(url, trace_id):
    """Spans by name once both services' are there, each with its parent and service."""
    deadline = time.monotonic() + EXPORT_SECONDS
    spans = {}
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{url}/api/traces/{trace_id}") as answer:
                (trace,) = json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
        else:
            spans = {(span["operationName"], kind(span)): {
                "id": span["spanID"],
                "service": trace["processes"][span["processID"]]["serviceName"],
                "parents": [reference["spanID"] for reference in span["references"]],
                "tags": {tag["key"]: tag["value"] for tag in span["tags"]},
            } for span in trace["spans"]}
            if {(INGEST_SPAN, "server"), (ANALYZER_SPAN, "server")} <= spans.keys():
                return spans
        time.sleep(0.2)
    sys.exit(f"not in Jaeger within {EXPORT_SECONDS} s; seen: {sorted(spans)}")


def kind(span):
    return next((tag["value"] for tag in span["tags"] if tag["key"] == "span.kind"), "internal")


def ancestors(spans, span):
    by_id = {other["id"]: other for other in spans.values()}
    while span:
        yield from span["parents"]
        span = next((by_id[parent] for parent in span["parents"] if parent in by_id), None)


def main():
    trace_id, caller = secrets.token_hex(16), secrets.token_hex(8)
    with pair.jaeger() as (otlp, query):
        with pair.services(otlp) as (ingest_address, _):
            analyze(ingest_address, f"00-{trace_id}-{caller}-01")
            spans = read_trace(query, trace_id)
    received, analyzed = spans[INGEST_SPAN, "server"], spans[ANALYZER_SPAN, "server"]
    assert received["service"] == "ingest-service", received
    assert analyzed["service"] == "analyzer-service", analyzed
    assert received["parents"] == [caller], (received, caller)
    assert received["id"] in ancestors(spans, analyzed), spans
    for span in (received, analyzed):
        assert span["tags"]["rpc.system.name"] == "grpc", span
        assert span["tags"]["rpc.response.status_code"] == "OK", span
    for (name, span_kind), span in spans.items():
        print(f"{span['service']:17} {span_kind:8} {name}")


if __name__ == "__main__":
    main()
