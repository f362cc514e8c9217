"""Sends metrics with the stock OpenTelemetry SDK to a path of OTLP over HTTP, and reads them with prometheus-api-client.

Usage: metrics.py OBSERVE_URL
"""

import sys
import time

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from prometheus_api_client import PrometheusConnect

PATHS = ["/v1/metrics", "/api/v1/otlp/v1/metrics", "/prometheus/api/v1/otlp/v1/metrics", "/otlp/v1/metrics"]


def send(endpoint, service):
    exporter = OTLPMetricExporter(endpoint=endpoint)
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
    # Of a resource that says no more than job and instance there is no target_info.
    more = {"deployment.environment.name": "test"}
    resource = Resource({"service.name": service, "service.namespace": "sdk", "service.instance.id": "one"} | more)
    views = [View(instrument_name="wait", aggregation=ExponentialBucketHistogramAggregation())]
    provider = MeterProvider([reader], resource, views=views)
    meter = provider.get_meter("test")
    meter.create_counter("orders", unit="{order}").add(3, {"kind": "gift"})
    meter.create_up_down_counter("carts").add(-2)
    took = meter.create_histogram("took", unit="s")
    wait = meter.create_histogram("wait", unit="s")
    for value in (0.003, 0.2, 7.5):
        took.record(value)
        wait.record(value)
    meter.create_gauge("temperature", unit="Cel").set(21.5)
    assert provider.force_flush()
    provider.shutdown()


def is_equal(found, wanted, what):
    assert found == wanted, f"{what}: {found!r} instead of {wanted!r}"


def main(observe):
    for number, path in enumerate(PATHS):
        send(observe + path, f"service{number}")
    client = PrometheusConnect(url=f"{observe}/prometheus")
    assert client.check_prometheus_connection()
    names = client.all_metrics()
    for name in ("orders_total", "carts", "took_seconds_bucket", "wait_seconds", "temperature_celsius", "target_info"):
        assert name in names, f"{name} is not in {names}"
    for number in range(len(PATHS)):
        job = f"sdk/service{number}"
        value = client.get_current_metric_value("orders_total", label_config={"job": job, "kind": "gift"})
        is_equal([sample["value"][1] for sample in value], ["3"], job)
        is_equal(value[0]["metric"]["instance"], "one", "instance")
        for query, wanted in [
            ("carts", "-2"),
            ('took_seconds_bucket{le="5"}', "2"),
            ("took_seconds_count", "3"),
            ("histogram_count(wait_seconds)", "3"),
            ("temperature_celsius", "21.5"),
        ]:
            found = client.custom_query(f'max by (job) ({query}) and on (job) target_info{{job="{job}"}}')
            is_equal([sample["value"][1] for sample in found], [wanted], f"{job} {query}")
    # The client asks in whole seconds: up to a time that is behind the samples however it is rounded.
    now = time.time() + 30
    ranged = client.custom_query_range("sum(orders_total)", start_time=moment(now - 90), end_time=moment(now), step="15")
    is_equal(ranged[0]["values"][-1][1], "12", "a range")
    data = client.get_metric_range_data("orders_total", start_time=moment(now - 90), end_time=moment(now))
    is_equal(len(data), len(PATHS), "series")
    is_equal(client.get_label_values("job")[:1], ["sdk/service0"], "values of a label")
    print("equal")


def moment(seconds):
    import datetime

    return datetime.datetime.fromtimestamp(seconds)


main(sys.argv[1])
