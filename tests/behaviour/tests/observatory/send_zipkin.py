"""Sends a trace with py_zipkin, and prints as JSON what was sent.

Usage: send_zipkin.py OBSERVE
"""

import json
import sys
import urllib.request

from py_zipkin import Encoding, Kind
from py_zipkin.storage import get_default_tracer
from py_zipkin.transport import BaseTransportHandler
from py_zipkin.util import create_attrs_for_span, generate_random_64bit_string
from py_zipkin.zipkin import zipkin_client_span, zipkin_span

sent = []


class Http(BaseTransportHandler):
    def __init__(self, url):
        self.url = url

    def get_max_payload_bytes(self):
        return None

    def send(self, payload):
        sent.extend(json.loads(payload))
        body = payload if isinstance(payload, bytes) else payload.encode()
        request = urllib.request.Request(self.url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            assert answer.status == 202, answer.status


def main():
    (observe,) = sys.argv[1:]
    with zipkin_span(
        service_name="zipkin-shop",
        span_name="get /vase",
        transport_handler=Http(f"{observe}/zipkin/api/v2/spans"),
        sample_rate=100.0,
        use_128bit_trace_id=True,
        encoding=Encoding.V2_JSON,
        host="127.0.0.1",
        port=8080,
        kind=Kind.SERVER,
    ) as root:
        root.update_binary_annotations({"http.path": "/vase", "answer": "42"})
        root.add_annotation("poured")
        with zipkin_client_span(service_name="zipkin-shop", span_name="select") as child:
            child.add_sa_binary_annotation(port=5432, service_name="postgres", host="127.0.0.1")
            child.update_binary_annotations({"error": "table is locked"})
    print(json.dumps(sent))


main()
