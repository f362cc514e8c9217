"""Reads back what was sent, through Jaeger's v1 and v3 APIs, Zipkin's v2 API and SQL, and compares field by field.

Usage: read_back.py OBSERVE < what send.py or send.mjs printed; a token is taken from VITRINE_OBSERVE_TOKEN
"""

import base64
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

PATIENCE_S = 20
KIND_NAMES = {1: "internal", 2: "server", 3: "client", 4: "producer", 5: "consumer"}

if token := os.environ.get("VITRINE_OBSERVE_TOKEN"):
    opener = urllib.request.build_opener()
    opener.addheaders = [("Authorization", f"Bearer {token}")]
    urllib.request.install_opener(opener)


def get(url):
    with urllib.request.urlopen(url) as answer:
        return json.load(answer)


def sql(observe, statement):
    request = urllib.request.Request(f"{observe}/api/sql?format=json", statement.encode(), {"Content-Type": "application/sql"})
    with urllib.request.urlopen(request) as answer:
        return [json.loads(line) for line in answer.read().decode().splitlines() if line]


def patiently(look):
    """What `look` answers, once it is not None."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            found = look()
        except urllib.error.HTTPError as error:
            if error.code != 404 or time.monotonic() > until:
                raise AssertionError(f"{error.url}: {error.code} {error.read()!r}") from error
            found = None
        if found is not None:
            return found
        assert time.monotonic() < until, "not found in time"
        time.sleep(0.05)


def same(what, found, expected):
    assert found == expected, f"{what}:\n found    {found!r}\n expected {expected!r}"


def otlp_value(value):
    """An OTLP AnyValue as a Python value."""
    ((kind, inner),) = value.items()
    match kind:
        case "stringValue" | "boolValue":
            return inner
        case "intValue":
            assert isinstance(inner, str), f"64 bit integers are texts in OTLP JSON: {inner!r}"
            return int(inner)
        case "doubleValue":
            return float(inner)
        case "bytesValue":
            return base64.b64decode(inner)
        case "arrayValue":
            return [otlp_value(item) for item in inner.get("values", [])]
        case "kvlistValue":
            return otlp_attributes(inner.get("values", []))
    raise AssertionError(f"no such kind of value: {kind}")


def otlp_attributes(attributes):
    return {entry["key"]: otlp_value(entry["value"]) for entry in attributes}


def read_v3(observe, trace_id):
    found = {}
    for resource in get(f"{observe}/jaeger/api/v3/traces/{trace_id}")["result"]["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                status = span.get("status", {})
                found[span["spanId"]] = {
                    "trace_id": span["traceId"],
                    "span_id": span["spanId"],
                    "parent": span.get("parentSpanId") or None,
                    "trace_state": span.get("traceState", ""),
                    "name": span["name"],
                    "kind": span["kind"],
                    "start": int(span["startTimeUnixNano"]),
                    "end": int(span["endTimeUnixNano"]),
                    "status": status.get("code", 0),
                    "status_message": status.get("message", ""),
                    "attributes": otlp_attributes(span.get("attributes", [])),
                    "events": [
                        {"name": e["name"], "time": int(e["timeUnixNano"]), "attributes": otlp_attributes(e.get("attributes", []))}
                        for e in span.get("events", [])
                    ],
                    "links": [
                        {"trace_id": l["traceId"], "span_id": l["spanId"], "attributes": otlp_attributes(l.get("attributes", []))}
                        for l in span.get("links", [])
                    ],
                    "resource": otlp_attributes(resource["resource"].get("attributes", [])),
                    "scope": {"name": scope["scope"].get("name", ""), "version": scope["scope"].get("version", "")},
                }
    return found


def jaeger_tag(value):
    """A value as a tag of Jaeger's v1 API: type and value."""
    match value:
        case bool():
            return ("bool", value)
        case int():
            return ("int64", value if abs(value) < 2**53 else str(value))
        case float():
            return ("float64", value)
        case list():
            return ("string", json.dumps(value, separators=(",", ":"), ensure_ascii=False))
    return ("string", value)


def check_v1(observe, spans):
    trace_id = spans[0]["trace_id"]
    (trace,) = get(f"{observe}/jaeger/api/traces/{trace_id}")["data"]
    found = {span["spanID"]: span for span in trace["spans"]}
    same("v1 spans", set(found), {span["span_id"] for span in spans})
    for span in spans:
        one = found[span["span_id"]]
        same("v1 name", one["operationName"], span["name"])
        same("v1 start", one["startTime"], span["start"] // 1000)
        same("v1 duration", one["duration"], (span["end"] - span["start"]) // 1000)
        tags = {tag["key"]: (tag["type"], tag["value"]) for tag in one["tags"]}
        for key, value in span["attributes"].items():
            same(f"v1 tag {key}", tags.get(key), jaeger_tag(value))
        same("v1 kind", tags.get("span.kind"), ("string", KIND_NAMES[span["kind"]]))
        same("v1 error", tags.get("error"), ("bool", True) if span["status"] == 2 else None)
        if span["status_message"]:
            same("v1 status", tags.get("otel.status_description"), ("string", span["status_message"]))
        parents = [r["spanID"] for r in one["references"] if r["refType"] == "CHILD_OF"]
        same("v1 parent", parents, [span["parent"]] if span["parent"] else [])
        links = [(r["traceID"], r["spanID"]) for r in one["references"] if r["refType"] == "FOLLOWS_FROM"]
        same("v1 links", links, [(link["trace_id"], link["span_id"]) for link in span["links"]])
        logs = [(log["timestamp"], {f["key"]: (f["type"], f["value"]) for f in log["fields"]}) for log in one["logs"]]
        expected = [
            (e["time"] // 1000, {"event": ("string", e["name"])} | {k: jaeger_tag(v) for k, v in e["attributes"].items()})
            for e in span["events"]
        ]
        same("v1 logs", logs, expected)
        process = trace["processes"][one["processID"]]
        same("v1 service", process["serviceName"], span["resource"]["service.name"])
        resource = {tag["key"]: (tag["type"], tag["value"]) for tag in process["tags"]}
        same("v1 resource", resource, {k: jaeger_tag(v) for k, v in span["resource"].items() if k != "service.name"})


def check_zipkin(observe, spans):
    found = {span["id"]: span for span in get(f"{observe}/zipkin/api/v2/trace/{spans[0]['trace_id']}")}
    same("zipkin spans", set(found), {span["span_id"] for span in spans})
    for span in spans:
        one = found[span["span_id"]]
        same("zipkin trace", one["traceId"], span["trace_id"])
        same("zipkin parent", one.get("parentId"), span["parent"])
        same("zipkin name", one["name"].lower(), span["name"].lower())
        same("zipkin service", one["localEndpoint"]["serviceName"], span["resource"]["service.name"])
        expected = None if span["kind"] == 1 else KIND_NAMES[span["kind"]].upper()
        same("zipkin kind", one.get("kind"), expected)
        # Zipkin's own libraries round to the nearest microsecond.
        same("zipkin start", one["timestamp"], (span["start"] + 500) // 1000)
        same("zipkin duration", one["duration"], max(1, (span["end"] - span["start"] + 500) // 1000))
        for key, value in span["attributes"].items():
            expected = jaeger_tag(value)[1]
            if not isinstance(expected, str):
                # Whole numbers have no point, as Go prints them.
                expected = json.dumps(int(expected) if isinstance(expected, float) and expected.is_integer() else expected)
            same(f"zipkin tag {key}", one["tags"].get(key), expected)
        same("zipkin annotations", [a["timestamp"] for a in one.get("annotations", [])], [(e["time"] + 500) // 1000 for e in span["events"]])
        for annotation, event in zip(one.get("annotations", []), span["events"]):
            assert event["name"] in annotation["value"], annotation
        same("zipkin error", "error" in one["tags"], span["status"] == 2)


def check_sql(observe, spans):
    trace_id = spans[0]["trace_id"]
    rows = sql(
        observe,
        "SELECT trace_id_hex(trace_id) AS trace, span_id_hex(span_id) AS span, span_id_hex(parent_span_id) AS parent, name, kind,"
        " CAST(CAST(time AS BIGINT) AS VARCHAR) AS start, duration_ns, status, status_message, service, scope_name, scope_version,"
        " attr(attributes, 'answer') AS answer, attr(attributes, 'text') AS text, attr(attributes, 'words') AS words,"
        " attr(resource, 'deployment.environment.name') AS environment"
        f" FROM spans WHERE trace_id = trace_id('{trace_id}')",
    )
    found = {row["span"]: row for row in rows}
    same("sql spans", (set(found), len(rows)), ({span["span_id"] for span in spans}, len(spans)))
    for span in spans:
        attributes = span["attributes"]
        words = attributes.get("words")
        expected = {
            "trace": trace_id,
            "span": span["span_id"],
            "parent": span["parent"],
            "name": span["name"],
            "kind": KIND_NAMES[span["kind"]],
            "start": str(span["start"]),
            "duration_ns": span["end"] - span["start"],
            "status": ["unset", "ok", "error"][span["status"]],
            "status_message": span["status_message"] or None,
            "service": span["resource"]["service.name"],
            "scope_name": span["scope"]["name"],
            "scope_version": span["scope"]["version"],
            "answer": str(attributes["answer"]) if "answer" in attributes else None,
            "text": attributes.get("text"),
            "words": json.dumps(words, separators=(",", ":")) if words else None,
            "environment": "test",
        }
        row = {key: found[span["span_id"]].get(key) for key in expected}
        same("sql row", row, expected)
    where = f"WHERE trace_id = trace_id('{trace_id}')"
    events = sql(observe, f"SELECT name FROM span_events {where} ORDER BY time")
    same("sql events", [row["name"] for row in events], [e["name"] for s in spans for e in s["events"]])
    links = sql(observe, f"SELECT trace_id_hex(linked_trace_id) AS trace FROM span_links {where}")
    same("sql links", [row["trace"] for row in links], [l["trace_id"] for s in spans for l in s["links"]])


def check_searches(observe, spans):
    root = next(span for span in spans if not span["parent"])
    service = root["resource"]["service.name"]
    assert service in get(f"{observe}/jaeger/api/services")["data"]
    assert service in get(f"{observe}/jaeger/api/v3/services")["services"]
    assert service in get(f"{observe}/zipkin/api/v2/services")
    query = urllib.parse.urlencode({"service": service, "operation": root["name"], "tags": json.dumps({"answer": "42"})})
    found = [trace["traceID"] for trace in get(f"{observe}/jaeger/api/traces?{query}")["data"]]
    assert root["trace_id"] in found, found
    query = urllib.parse.urlencode({"serviceName": service, "annotationQuery": "answer=42"})
    found = [trace[0]["traceId"] for trace in get(f"{observe}/zipkin/api/v2/traces?{query}")]
    assert root["trace_id"] in found, found


def main():
    (observe,) = sys.argv[1:]
    spans = json.load(sys.stdin)
    for span in spans:
        span["start"], span["end"] = int(span["start"]), int(span["end"])
        for event in span["events"]:
            event["time"] = int(event["time"])
    traces = {span["trace_id"] for span in spans}
    same("one trace was sent", len(traces), 1)
    expected = {span["span_id"]: span for span in spans}

    def whole():
        found = read_v3(observe, spans[0]["trace_id"])
        return found if len(found) >= len(expected) else None

    found = patiently(whole)
    for span_id, span in expected.items():
        for field in span:
            same(f"v3 {span['name']} {field}", found[span_id][field], span[field])
    check_v1(observe, spans)
    check_zipkin(observe, spans)
    check_sql(observe, spans)
    check_searches(observe, spans)
    print(f"equal {len(spans)} spans")


if __name__ == "__main__":
    main()
