"""Sends traces, logs and metrics with the stock OpenTelemetry SDK, and prints as JSON what was sent.

Usage: send.py grpc|http ENDPOINT
"""

import json
import logging
import sys

from opentelemetry import trace
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

KINDS = {SpanKind.INTERNAL: 1, SpanKind.SERVER: 2, SpanKind.CLIENT: 3, SpanKind.PRODUCER: 4, SpanKind.CONSUMER: 5}


def exporters(protocol, endpoint):
    if protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
        from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

        return [kind(endpoint=endpoint) for kind in (OTLPSpanExporter, OTLPLogExporter, OTLPMetricExporter)]
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return [
        OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces"),
        OTLPLogExporter(endpoint=f"{endpoint}/v1/logs"),
        OTLPMetricExporter(endpoint=f"{endpoint}/v1/metrics"),
    ]


def plain(attributes):
    return {key: list(value) if isinstance(value, tuple) else value for key, value in (attributes or {}).items()}


def described(span):
    context = span.get_span_context()
    return {
        "trace_id": f"{context.trace_id:032x}",
        "span_id": f"{context.span_id:016x}",
        "parent": f"{span.parent.span_id:016x}" if span.parent else None,
        "trace_state": context.trace_state.to_header(),
        "name": span.name,
        "kind": KINDS[span.kind],
        "start": span.start_time,
        "end": span.end_time,
        "status": {StatusCode.UNSET: 0, StatusCode.OK: 1, StatusCode.ERROR: 2}[span.status.status_code],
        "status_message": span.status.description or "",
        "attributes": plain(span.attributes),
        "events": [{"name": e.name, "time": e.timestamp, "attributes": plain(e.attributes)} for e in span.events],
        "links": [
            {"trace_id": f"{l.context.trace_id:032x}", "span_id": f"{l.context.span_id:016x}", "attributes": plain(l.attributes)}
            for l in span.links
        ],
        "resource": plain(span.resource.attributes),
        "scope": {"name": span.instrumentation_scope.name, "version": span.instrumentation_scope.version or ""},
    }


def main():
    protocol, endpoint = sys.argv[1:]
    spans_out, logs_out, metrics_out = exporters(protocol, endpoint)
    resource = Resource.create({"service.name": f"python-{protocol}", "deployment.environment.name": "test", "host.cpus": 2})
    kept = InMemorySpanExporter()
    spans = TracerProvider(resource=resource)
    spans.add_span_processor(SimpleSpanProcessor(kept))
    spans.add_span_processor(BatchSpanProcessor(spans_out))
    tracer = spans.get_tracer("glass.maker", "1.2.3", attributes={"shift": "early"})
    far = SpanContext(0x0102030405060708090A0B0C0D0E0F10, 0x1112131415161718, True, TraceFlags(1))
    values = {"text": "héllo \"glass\"", "answer": 42, "big": 2**62, "ratio": 0.5, "whole": 3.0, "glass": True, "words": ["a", "b"], "numbers": [1, 2], "empty": ""}
    with tracer.start_as_current_span("GET /vase", kind=SpanKind.SERVER, attributes=values, links=[Link(far, {"why": "retry"})]) as root:
        root.add_event("poured", {"ml": 250, "hot": False})
        root.add_event("cooled")
        with tracer.start_as_current_span("SELECT", kind=SpanKind.CLIENT, attributes={"db.system": "sqlite"}) as child:
            child.set_status(Status(StatusCode.ERROR, "table is locked"))
        with tracer.start_as_current_span("publish", kind=SpanKind.PRODUCER):
            with tracer.start_as_current_span("consume", kind=SpanKind.CONSUMER):
                with tracer.start_as_current_span("think") as inner:
                    inner.set_status(Status(StatusCode.OK))

    logs = LoggerProvider(resource=resource)
    logs.add_log_record_processor(BatchLogRecordProcessor(logs_out))
    logger = logging.getLogger("glass.maker.log")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(LoggingHandler(logger_provider=logs))
    with trace.use_span(root):
        logger.warning("the oven is %s", "hot", extra={"celsius": 1100})

    metrics = MeterProvider(resource=resource, metric_readers=[PeriodicExportingMetricReader(metrics_out, export_interval_millis=60_000)])
    meter = metrics.get_meter("glass.maker")
    meter.create_counter("vases.made", unit="{vase}").add(7, {"colour": "blue"})
    histogram = meter.create_histogram("vase.weight", unit="g")
    for weight in (10, 300, 7000):
        histogram.record(weight, {"colour": "blue"})

    for provider in (spans, logs, metrics):
        provider.force_flush()
        provider.shutdown()
    print(json.dumps([described(span) for span in kept.get_finished_spans()]))


main()
