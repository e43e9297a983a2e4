"""GetOptimization through nginx, against a Python grpcio server that answers the same bytes, in one run.

Both stand behind nginx, the Python one behind a plain configuration of its own; both are asked by h2load, which is
cheap beside either. Needs a stack with gRPC (`PORTFOLIO_TEST_URL`, `PORTFOLIO_TEST_GRPC`) and `h2load`. The Python server
keeps the answer as a message, which grpcio writes anew for each call; asked for `stored` it hands out bytes that were
written before, as ours does, and nothing else: the most that grpcio can do. Prints one JSON object.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import socket
import struct
import subprocess
import sys
import tempfile
import time

import grpc

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "Tests" / "GRPCTests"))
from client import SERVICE, TARGET, channel, kind, method  # noqa: E402

PORTFOLIO = "port-123456"
STORED = "stored"
NGINX = """
daemon off;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
worker_processes 1;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {directory}; proxy_temp_path {directory}; fastcgi_temp_path {directory};
    uwsgi_temp_path {directory}; scgi_temp_path {directory};
    upstream server {{ server 127.0.0.1:{server}; keepalive 64; }}
    server {{
        listen 127.0.0.1:{port} http2;
        keepalive_requests 1000000;
        location / {{ grpc_pass grpc://server; }}
    }}
}}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def optimization(frontier_points):
    """An optimization that has been completed, and its answer."""
    with channel() as on:
        wanted = kind("CreateOptimizationRequest")(
            portfolio_id=PORTFOLIO, optimization_type="mean_variance", objective="maximize_sharpe",
            frontier_points=frontier_points)
        accepted = method(on, "CreateOptimization")(wanted, timeout=60)
        request = kind("GetOptimizationRequest")(optimization_id=accepted.optimization_id, wait_seconds=30)
        answer = method(on, "GetOptimization")(request, timeout=60)
    assert answer.status == "completed", answer
    return kind("GetOptimizationRequest")(optimization_id=accepted.optimization_id), answer


def serve(port, answer_bytes):
    """A Python server of the one call; runs until its process is ended."""
    answer = kind("GetOptimizationResponse").FromString(answer_bytes)
    known = {answer.optimization_id: answer, STORED: answer_bytes}
    handlers = {"GetOptimization": grpc.unary_unary_rpc_method_handler(
        lambda request, context: known[request.optimization_id],
        request_deserializer=kind("GetOptimizationRequest").FromString,
        response_serializer=lambda known: known if isinstance(known, bytes) else known.SerializeToString())}
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(8))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    server.wait_for_termination()


def until_open(port):
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"nothing listens on {port}")


def rate(target, message, calls, in_flight):
    """Calls a second, with so many in flight over eight connections, and the bytes of an answer."""
    payload = message.SerializeToString()
    with tempfile.NamedTemporaryFile() as body:
        body.write(struct.pack(">BI", 0, len(payload)) + payload)
        body.flush()
        shown = subprocess.run(
            ["h2load", "-n", str(calls), "-c", "8", "-m", str(in_flight // 8), "-d", body.name,
             "-H", "content-type: application/grpc", "-H", "te: trailers",
             f"http://{target}/{SERVICE}/GetOptimization"],
            capture_output=True, text=True, check=True).stdout
    succeeded = int(re.search(r"(\d+) succeeded", shown)[1])
    size = int(re.search(r"traffic: .*\((\d+)\) data", shown)[1])
    if succeeded != calls:
        raise SystemExit(shown)
    return float(re.search(r"([0-9.]+) req/s", shown)[1]), size / succeeded


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=7_200, help="nginx ends a connection after 1,000")
    parser.add_argument("--in-flight", type=int, default=32)
    parser.add_argument("--frontier-points", type=int, default=20, help="makes the answer about 8 KB long")
    parser.add_argument("--serve", nargs=2, metavar=("PORT", "FILE"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        serve(int(asked.serve[0]), pathlib.Path(asked.serve[1]).read_bytes())
        return
    request, answer = optimization(asked.frontier_points)
    processes = []
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        file = pathlib.Path(directory, "answer")
        file.write_bytes(answer.SerializeToString())
        server, port = free_port(), free_port()
        try:
            processes.append(subprocess.Popen([sys.executable, __file__, "--serve", str(server), str(file)]))
            until_open(server)
            configuration = pathlib.Path(directory, "nginx.conf")
            configuration.write_text(NGINX.format(directory=directory, server=server, port=port))
            processes.append(subprocess.Popen(["/usr/sbin/nginx", "-c", str(configuration)]))
            until_open(port)
            rounds = []
            for _ in range(3):
                ours, size = rate(TARGET, request, asked.calls, asked.in_flight)
                python, other = rate(f"127.0.0.1:{port}", request, asked.calls, asked.in_flight)
                assert abs(size - other) < 0.05 * other, (size, other)
                written, _ = rate(
                    f"127.0.0.1:{port}", kind("GetOptimizationRequest")(optimization_id=STORED), asked.calls, asked.in_flight)
                rounds.append((ours, python, written))
        finally:
            for process in reversed(processes):
                process.terminate()
                process.wait()
    ours, python, written = sorted(rounds)[len(rounds) // 2]
    print(json.dumps({
        "scenario": "grpc_get_optimization", "answer_bytes": len(answer.SerializeToString()), "in_flight": asked.in_flight,
        "calls_per_second": round(ours), "python_grpcio_calls_per_second": round(python), "ratio": round(ours / python, 2),
        "python_grpcio_stored_bytes_calls_per_second": round(written), "ratio_to_stored_bytes": round(ours / written, 2),
        "rounds": [[round(value) for value in pair] for pair in rounds]}))


if __name__ == "__main__":
    main()
