"""Sends one trace over OTLP/gRPC and one over OTLP/HTTP, then reads both back through Jaeger's query API.

Usage: send_and_find.py OTLP_GRPC OTLP_HTTP OBSERVE
"""

import json
import sys
import time
import urllib.request

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import Status, StatusCode

PATIENCE_S = 20


def send(name, exporter):
    provider = TracerProvider(resource=Resource.create({"service.name": f"python-{name}", "deployment.environment.name": "test"}))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("send-and-find")
    with tracer.start_as_current_span("parent", attributes={"answer": 42, "ratio": 0.5, "glass": True, "words": ["a", "b"]}) as parent:
        with tracer.start_as_current_span("child") as child:
            child.add_event("poured", {"ml": 250})
            child.set_status(Status(StatusCode.ERROR, "spilt"))
    provider.shutdown()
    return f"{parent.get_span_context().trace_id:032x}"


def find(observe, trace_id):
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            with urllib.request.urlopen(f"{observe}/jaeger/api/traces/{trace_id}") as answer:
                return json.load(answer)["data"][0]
        except urllib.error.HTTPError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


def check(name, trace):
    spans = {span["operationName"]: span for span in trace["spans"]}
    assert set(spans) == {"parent", "child"}, spans
    process = trace["processes"][spans["parent"]["processID"]]
    assert process["serviceName"] == f"python-{name}", process
    tags = {tag["key"]: (tag["type"], tag["value"]) for tag in spans["parent"]["tags"]}
    assert tags["answer"] == ("int64", 42), tags
    assert tags["ratio"] == ("float64", 0.5), tags
    assert tags["glass"] == ("bool", True), tags
    reference = spans["child"]["references"][0]
    assert reference["refType"] == "CHILD_OF" and reference["spanID"] == spans["parent"]["spanID"], reference
    child_tags = {tag["key"]: tag["value"] for tag in spans["child"]["tags"]}
    assert child_tags["error"] is True, child_tags
    fields = {field["key"]: field["value"] for field in spans["child"]["logs"][0]["fields"]}
    assert fields["event"] == "poured" and fields["ml"] == 250, fields
    assert spans["parent"]["duration"] >= spans["child"]["duration"]


def main():
    otlp_grpc, otlp_http, observe = sys.argv[1:]
    for name, exporter in [
        ("grpc", GrpcExporter(endpoint=otlp_grpc, insecure=True)),
        ("http", HttpExporter(endpoint=f"{otlp_http}/v1/traces")),
    ]:
        check(name, find(observe, send(name, exporter)))
        with urllib.request.urlopen(f"{observe}/jaeger/api/services") as answer:
            assert f"python-{name}" in json.load(answer)["data"]
        print(f"found {name}")


main()
