"""gRPC peers: `calls.py serve ADDRESS`, `calls.py call ADDRESS` makes a call that
succeeds, one that fails, a streaming one, and one of a method that is not there."""

import sys
from concurrent import futures

import grpc

PORT = 50051
SERVICE = "weir.test.Recorder"


def echo(request, _context):
    return request


def fail(_request, context):
    context.abort(grpc.StatusCode.NOT_FOUND, "nothing here")


def count(request, _context):
    yield from [request] * 3


def serve(address):
    handlers = {
        "Echo": grpc.unary_unary_rpc_method_handler(echo),
        "Fail": grpc.unary_unary_rpc_method_handler(fail),
        "Count": grpc.unary_stream_rpc_method_handler(count),
    }
    server = grpc.server(futures.ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, handlers)])
    server.add_insecure_port(f"{address}:{PORT}")
    server.start()
    print("ready", flush=True)
    server.wait_for_termination()


def call(address):
    with grpc.insecure_channel(f"{address}:{PORT}") as channel:
        channel.unary_unary(f"/{SERVICE}/Echo")(b"hello" * 100)
        list(channel.unary_stream(f"/{SERVICE}/Count")(b"three"))
        for method in ("Fail", "Missing"):
            try:
                channel.unary_unary(f"/{SERVICE}/{method}")(b"")
                sys.exit("it should have failed")
            except grpc.RpcError as error:
                print(error.code())


{"serve": serve, "call": call}[sys.argv[1]](*sys.argv[2:])
