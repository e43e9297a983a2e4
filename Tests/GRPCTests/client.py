"""A gRPC client made from proto/ as any caller would make one, and the REST twin to compare it with."""

import json
import os
import pathlib
import subprocess
import tempfile
import urllib.error
import urllib.request

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PROJECT = pathlib.Path(__file__).resolve().parents[2]
PACKAGE = "portfolio_optimization.v1"
SERVICE = f"{PACKAGE}.PortfolioOptimizationService"
HTTP = os.environ["PORTFOLIO_TEST_URL"]
TARGET = os.environ["PORTFOLIO_TEST_GRPC"]


def _descriptors():
    root = PROJECT / "proto"
    files = [str(path.relative_to(root)) for path in root.glob("**/*.proto") if "codegen" not in path.parts]
    with tempfile.NamedTemporaryFile() as out:
        command = ["protoc", "-I", str(root), "--include_imports", f"--descriptor_set_out={out.name}", *files]
        subprocess.run(command, check=True)
        found = descriptor_pb2.FileDescriptorSet()
        found.ParseFromString(out.read())
        return found


DESCRIPTORS = _descriptors()
_pool = descriptor_pool.DescriptorPool()
for _file in DESCRIPTORS.file:
    _pool.Add(_file)


def _class(descriptor):
    # protobuf 4 made a function of the factory's method.
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(descriptor)
    return message_factory.MessageFactory(_pool).GetPrototype(descriptor)


def kind(name):
    """The class of a message, by its full name or by its name in the service's package."""
    full = name if "." in name else f"{PACKAGE}.{name}"
    return _class(_pool.FindMessageTypeByName(full))


def channel(*options):
    return grpc.insecure_channel(TARGET, options)


def method(on, name, service=SERVICE, stream=None):
    """A call by its name, with the messages its descriptor tells."""
    descriptor = _pool.FindServiceByName(service).methods_by_name[name]
    make = getattr(on, stream or "unary_unary")
    return make(
        f"/{service}/{name}",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=_class(descriptor.output_type).FromString,
    )


def rest(verb, path, body=None, headers=None):
    """Status and JSON of a REST call."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(HTTP + path, data=data, method=verb, headers=headers or {})
    if data is not None:
        request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=90) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def details(error):
    """The google.rpc.Status of an error as {type name: bytes}, its code and its message."""
    raw = dict(error.trailing_metadata()).get("grpc-status-details-bin", b"")
    found = {}
    for field, value in _fields(raw):
        if field == 3:
            parts = dict(_fields(value))
            found[parts[1].decode().rsplit(".", 1)[-1]] = parts.get(2, b"")
    return found


def violations(raw):
    """Field and description of each violation of a BadRequest."""
    return {parts[1].decode(): parts.get(2, b"").decode() for parts in (dict(_fields(v)) for _, v in _fields(raw))}


def _fields(raw):
    """Field numbers and contents of a serialized message: lengths and numbers."""
    place = 0

    def number():
        nonlocal place
        value = shift = 0
        while True:
            byte = raw[place]
            place += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while place < len(raw):
        tag = number()
        if tag & 7 == 2:
            length = number()
            yield tag >> 3, raw[place : place + length]
            place += length
        else:
            yield tag >> 3, number()
