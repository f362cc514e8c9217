"""ClickHouse in process (chdb) with the trace table of the OpenTelemetry Collector's exporter.

Reads commands from standard input, one a line, and answers each with a line of JSON:
    load FILE         inserts rows, one JSON object a line
    finish            merges everything
    size              bytes on disk and rows
    query SQL         runs it, and tells how long that took
"""

import json
import os
import sys
import time

from chdb import session

TABLE = """
CREATE TABLE otel_traces (
    Timestamp DateTime64(9) CODEC(Delta, ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    ParentSpanId String CODEC(ZSTD(1)),
    TraceState String CODEC(ZSTD(1)),
    SpanName LowCardinality(String) CODEC(ZSTD(1)),
    SpanKind LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion String CODEC(ZSTD(1)),
    SpanAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    Duration UInt64 CODEC(ZSTD(1)),
    StatusCode LowCardinality(String) CODEC(ZSTD(1)),
    StatusMessage String CODEC(ZSTD(1)),
    Events Nested (Timestamp DateTime64(9), Name LowCardinality(String), Attributes Map(LowCardinality(String), String)) CODEC(ZSTD(1)),
    Links Nested (TraceId String, SpanId String, TraceState String, Attributes Map(LowCardinality(String), String)) CODEC(ZSTD(1)),
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_res_attr_key mapKeys(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_res_attr_value mapValues(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_span_attr_key mapKeys(SpanAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_span_attr_value mapValues(SpanAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_duration Duration TYPE minmax GRANULARITY 1
) ENGINE = MergeTree
PARTITION BY toDate(Timestamp)
ORDER BY (ServiceName, SpanName, toDateTime(Timestamp))
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1
"""


def main():
    (folder,) = sys.argv[1:]
    chdb = session.Session(folder)
    chdb.query("CREATE DATABASE IF NOT EXISTS bench ENGINE = Atomic")
    chdb.query("USE bench")
    chdb.query(TABLE)
    for line in sys.stdin:
        command, _, rest = line.strip().partition(" ")
        began, cpu = time.monotonic(), os.times()
        answer = {}
        if command == "load":
            chdb.query(f"INSERT INTO otel_traces SELECT * FROM file('{rest}', 'JSONEachRow') SETTINGS input_format_import_nested_json = 1")
        elif command == "finish":
            chdb.query("OPTIMIZE TABLE otel_traces FINAL")
        elif command == "size":
            told = chdb.query("SELECT sum(bytes_on_disk) AS bytes, sum(rows) AS rows FROM system.parts WHERE active AND table = 'otel_traces'", "JSONEachRow")
            answer = {key: int(value) for key, value in json.loads(str(told)).items()}
        elif command == "query":
            answer["rows"] = len(str(chdb.query(rest, "JSONEachRow")).splitlines())
        after = os.times()
        answer["seconds"] = time.monotonic() - began
        answer["cpu"] = after.user + after.system - cpu.user - cpu.system
        print(json.dumps(answer), flush=True)


main()
