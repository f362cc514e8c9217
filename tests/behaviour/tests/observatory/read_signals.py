"""Reads the logs and metrics of send.py back through SQL.

Usage: read_signals.py OBSERVE < what send.py printed
"""

import json
import sys

from read_back import patiently, same, sql


def main():
    (observe,) = sys.argv[1:]
    spans = json.load(sys.stdin)
    root = next(span for span in spans if not span["parent"])
    service = root["resource"]["service.name"]
    rows = patiently(
        lambda: sql(
            observe,
            "SELECT body, severity, severity_text, service, trace_id_hex(trace_id) AS trace, span_id_hex(span_id) AS span,"
            " attr(attributes, 'celsius') AS celsius, scope_name, attr(resource, 'host.cpus') AS cpus FROM logs"
            f" WHERE service = '{service}'",
        )
        or None
    )
    expected = {
        "body": "the oven is hot",
        "severity": 13,
        "severity_text": "WARN",
        "service": service,
        "trace": root["trace_id"],
        "span": root["span_id"],
        "celsius": "1100",
        "scope_name": "glass.maker.log",
        "cpus": "2",
    }
    same("log records", rows, [expected])
    points = patiently(
        lambda: sql(
            observe,
            "SELECT name, kind, unit, value, count, sum, min, max, temporality, monotonic, attr(attributes, 'colour') AS colour,"
            f" service FROM metrics WHERE service = '{service}' ORDER BY name, time DESC",
        )
        or None
    )
    points = {point["name"]: point for point in points}
    made = points["vases.made"]
    same("counter", [made[k] for k in ("kind", "unit", "value", "temporality", "monotonic", "colour")], ["sum", "{vase}", 7.0, "cumulative", True, "blue"])
    weight = points["vase.weight"]
    same("histogram", [weight[k] for k in ("kind", "unit", "count", "sum", "min", "max")], ["histogram", "g", 3, 7310.0, 10.0, 7000.0])
    print("equal logs and metrics")


main()
