"""A client in Python, by grpcio and stubs generated from proto/.

Run by `.ci/run` through pair.py with the stubs on PYTHONPATH.
"""

import hashlib
import os
import pathlib
import struct
import unittest
import uuid

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status
from google.rpc import error_details_pb2

from weir.analyzer.v1 import analyzer_service_pb2, analyzer_service_pb2_grpc, records_pb2
from weir.ingest.v1 import ingest_service_pb2 as ingest
from weir.ingest.v1 import ingest_service_pb2_grpc

PROJECT = pathlib.Path(__file__).parent.parent.parent
CAPTURES = PROJECT / "tests" / "captures"
# What the project publishes for clients: which calls to retry, and how.
SERVICE_CONFIG = (PROJECT / "proto" / "service-config.json").read_text()
CHUNK_BYTES = 16 * 1024
# Far more than a call needs: a hang fails instead of standing still.
TIMEOUT_SECONDS = 60
PCAP_HEADER_BYTES = 24
# Enough packets that an analysis is still running when its first event is read.
REPEATS = 2_000


def split(body):
    return [body[at : at + CHUNK_BYTES] for at in range(0, len(body), CHUNK_BYTES)]


def new_id(name):
    return f"python-{name}-{uuid.uuid4().hex[:12]}"


def detail(error, message_type):
    """The reason of a refused call, and its typed detail."""
    reason, found = None, message_type()
    for packed in rpc_status.from_call(error).details:
        info = error_details_pb2.ErrorInfo()
        if packed.Unpack(info):
            assert info.domain == "weir", info
            reason = info.reason
        packed.Unpack(found)
    return reason, found


class PythonClient(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.channel = grpc.insecure_channel(
            os.environ["INGEST_ADDRESS"], options=[("grpc.service_config", SERVICE_CONFIG)])
        cls.weir = ingest_service_pb2_grpc.IngestServiceStub(cls.channel)
        cls.body = (CAPTURES / "http.pcap").read_bytes()
        cls.chunks = split(cls.body)

    @classmethod
    def tearDownClass(cls):
        cls.channel.close()

    def messages(self, spec, indexes, finish=None):
        yield ingest.UploadCaptureRequest(open=spec)
        for index in indexes:
            yield ingest.UploadCaptureRequest(
                chunk=ingest.Chunk(index=index, data=self.chunks[index]))
        if finish is not None:
            yield ingest.UploadCaptureRequest(finish=finish)

    def upload(self, spec, indexes, finish=None):
        return self.weir.UploadCapture(
            self.messages(spec, indexes, finish), timeout=TIMEOUT_SECONDS)

    def finish(self):
        return ingest.Finish(chunk_count=len(self.chunks), size_bytes=len(self.body),
                             sha256=hashlib.sha256(self.body).digest())

    def upload_all(self, name):
        spec = ingest.CaptureSpec(capture_id=new_id(name), chunk_bytes=CHUNK_BYTES)
        return self.upload(spec, range(len(self.chunks)), self.finish()).capture

    def refused(self, call, code, reason, message_type):
        with self.assertRaises(grpc.RpcError) as caught:
            call()
        self.assertEqual(caught.exception.code(), code)
        found_reason, found = detail(caught.exception, message_type)
        self.assertEqual(found_reason, reason)
        return found

    def test_both_services_are_healthy(self):
        for endpoint in ("INGEST_ADDRESS", "ANALYZER_ADDRESS"):
            with grpc.insecure_channel(os.environ[endpoint]) as channel:
                answer = health_pb2_grpc.HealthStub(channel).Check(
                    health_pb2.HealthCheckRequest(), timeout=TIMEOUT_SECONDS)
                self.assertEqual(answer.status, health_pb2.HealthCheckResponse.SERVING)

    def test_upload_in_any_order_seals_and_reads_back(self):
        spec = ingest.CaptureSpec(capture_id=new_id("upload"), chunk_bytes=CHUNK_BYTES)
        answer = self.upload(spec, reversed(range(len(self.chunks))), self.finish())
        self.assertEqual(answer.capture.state, ingest.CAPTURE_STATE_SEALED)
        self.assertEqual(answer.chunks_stored, len(self.chunks))
        self.assertEqual(answer.capture.sha256, hashlib.sha256(self.body).digest())
        parts = self.weir.ReadCapture(
            ingest.ReadCaptureRequest(capture_id=spec.capture_id), timeout=TIMEOUT_SECONDS)
        self.assertEqual(b"".join(part.data for part in parts), self.body)

    def test_a_broken_upload_resumes_with_what_is_missing(self):
        spec = ingest.CaptureSpec(capture_id=new_id("resume"), chunk_bytes=CHUNK_BYTES,
                                  chunk_count=len(self.chunks))
        sent = range(0, len(self.chunks), 2)
        half = self.upload(spec, sent)
        self.assertEqual(half.capture.state, ingest.CAPTURE_STATE_RECEIVING)
        capture = self.weir.GetCapture(
            ingest.GetCaptureRequest(capture_id=spec.capture_id), timeout=TIMEOUT_SECONDS).capture
        missing = [index for run in capture.missing for index in range(run.first, run.last + 1)]
        self.assertEqual(missing, sorted(set(range(len(self.chunks))) - set(sent)))
        whole = self.upload(spec, missing, self.finish())
        self.assertEqual(whole.capture.state, ingest.CAPTURE_STATE_SEALED)
        self.assertEqual((whole.chunks_stored, whole.chunks_duplicate), (len(missing), 0))

    def test_a_cancelled_upload_is_not_sealed(self):
        spec = ingest.CaptureSpec(capture_id=new_id("cancel"), chunk_bytes=CHUNK_BYTES)
        self.weir.CreateCapture(ingest.CreateCaptureRequest(spec=spec), timeout=TIMEOUT_SECONDS)
        call = self.weir.UploadCapture.future(self.messages(spec, range(3)), timeout=TIMEOUT_SECONDS)
        call.cancel()
        capture = self.weir.GetCapture(
            ingest.GetCaptureRequest(capture_id=spec.capture_id), timeout=TIMEOUT_SECONDS).capture
        self.assertEqual(capture.state, ingest.CAPTURE_STATE_RECEIVING)

    def test_other_bytes_in_a_slot_are_a_conflict(self):
        capture = self.upload_all("conflict")
        other = ingest.PutChunkRequest(capture_id=capture.capture_id, chunk=ingest.Chunk(
            index=1, data=bytes(CHUNK_BYTES)))
        conflict = self.refused(
            lambda: self.weir.PutChunk(other, timeout=TIMEOUT_SECONDS),
            grpc.StatusCode.FAILED_PRECONDITION, "CHUNK_CONFLICT", ingest.ChunkConflict)
        self.assertEqual((conflict.index, conflict.stored_bytes), (1, CHUNK_BYTES))

    def test_a_seal_with_a_gap_names_it(self):
        spec = ingest.CaptureSpec(capture_id=new_id("gap"), chunk_bytes=CHUNK_BYTES)
        self.upload(spec, [0, 2])
        seal = ingest.SealCaptureRequest(capture_id=spec.capture_id, chunk_count=len(self.chunks))
        missing = self.refused(
            lambda: self.weir.SealCapture(seal, timeout=TIMEOUT_SECONDS),
            grpc.StatusCode.FAILED_PRECONDITION, "CHUNKS_MISSING", ingest.MissingChunks)
        self.assertEqual(missing.count, len(self.chunks) - 2)
        self.assertEqual((missing.ranges[0].first, missing.ranges[0].last), (1, 1))

    def test_an_analysis_streams_info_records_and_summary(self):
        capture = self.upload_all("analyze")
        events = list(self.weir.AnalyzeCapture(
            ingest.AnalyzeCaptureRequest(capture_id=capture.capture_id), timeout=TIMEOUT_SECONDS))
        self.assertEqual(events[0].WhichOneof("event"), "capture_info")
        self.assertEqual(events[-1].WhichOneof("event"), "summary")
        summary = events[-1].summary
        self.assertEqual(summary.verdict, records_pb2.VERDICT_COMPLETE)
        records = [record for event in events for record in event.records.records]
        self.assertEqual([record.sequence for record in records], list(range(1, len(records) + 1)))
        hosts = {record.http.host for record in records if record.WhichOneof("kind") == "http"}
        self.assertIn("pipelined.weir.test", hosts)

    def long_capture(self):
        packets = self.body[PCAP_HEADER_BYTES:]
        spec = ingest.CaptureSpec(capture_id=new_id("long"))

        def messages():
            yield ingest.UploadCaptureRequest(open=spec)
            yield ingest.UploadCaptureRequest(
                chunk=ingest.Chunk(index=0, data=self.body[:PCAP_HEADER_BYTES]))
            for index in range(1, REPEATS + 1):
                yield ingest.UploadCaptureRequest(chunk=ingest.Chunk(index=index, data=packets))
            yield ingest.UploadCaptureRequest(finish=ingest.Finish(chunk_count=REPEATS + 1))

        self.weir.UploadCapture(messages(), timeout=TIMEOUT_SECONDS)
        return spec.capture_id

    def test_a_cancelled_or_late_analysis_ends(self):
        request = ingest.AnalyzeCaptureRequest(capture_id=self.long_capture())
        call = self.weir.AnalyzeCapture(request, timeout=TIMEOUT_SECONDS)
        self.assertEqual(next(call).WhichOneof("event"), "capture_info")
        call.cancel()
        self.assertEqual(call.code(), grpc.StatusCode.CANCELLED)
        with self.assertRaises(grpc.RpcError) as caught:
            for _ in self.weir.AnalyzeCapture(request, timeout=0.05):
                pass
        self.assertEqual(caught.exception.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
        self.weir.DeleteCapture(
            ingest.DeleteCaptureRequest(capture_id=request.capture_id), timeout=TIMEOUT_SECONDS)

    def test_an_inline_capture_goes_to_the_analyzer_alone(self):
        with grpc.insecure_channel(os.environ["ANALYZER_ADDRESS"]) as channel:
            analyzer = analyzer_service_pb2_grpc.AnalyzerServiceStub(channel)
            body = (CAPTURES / "icmp.pcap").read_bytes()
            *_, last = analyzer.Analyze(
                analyzer_service_pb2.AnalyzeRequest(inline=body), timeout=TIMEOUT_SECONDS)
            self.assertEqual(last.summary.packets, count_packets(body))


def count_packets(body):
    """Records of a little-endian pcap."""
    at, packets = PCAP_HEADER_BYTES, 0
    while at < len(body):
        at += 16 + struct.unpack_from("<I", body, at + 8)[0]
        packets += 1
    return packets


if __name__ == "__main__":
    unittest.main(verbosity=2)
