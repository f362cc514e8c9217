"""Reads back through Zipkin's and Jaeger's APIs what send_zipkin.py sent.

Usage: read_zipkin.py OBSERVE < what send_zipkin.py printed
"""

import json
import sys

from read_back import get, patiently, same


def main():
    (observe,) = sys.argv[1:]
    sent = {span["id"]: span for span in json.load(sys.stdin)}
    trace_id = next(iter(sent.values()))["traceId"]

    def whole():
        found = {span["id"]: span for span in get(f"{observe}/zipkin/api/v2/trace/{trace_id}")}
        return found if len(found) >= len(sent) else None

    found = patiently(whole)
    same("spans", set(found), set(sent))
    for span_id, span in sent.items():
        for field, value in span.items():
            # False is the same as absent.
            same(f"{span['name']} {field}", found[span_id].get(field, False if value is False else None), value)
    (trace,) = get(f"{observe}/jaeger/api/traces/{trace_id}")["data"]
    same("jaeger", {span["spanID"] for span in trace["spans"]}, set(sent))
    print(f"equal {len(sent)} spans")


main()
