"""Sends documents with the stock Elasticsearch client that is installed, or with opensearch-py.

Usage: bulk.py URL NAME
"""

import sys

url, name = sys.argv[1:]
if name.startswith("opensearch"):
    from opensearchpy import OpenSearch as Client, helpers
else:
    from elasticsearch import Elasticsearch as Client, helpers

client = Client([url], http_compress=True)
version = client.info()["version"]["number"]
assert version == "8.19.0", version

body = {"index_patterns": [f"{name}-*"], "priority": 7, "template": {"mappings": {"properties": {"code": {"type": "keyword"}}}}}
if not client.indices.exists_index_template(name=name):
    client.indices.put_index_template(name=name, body=body)
assert client.indices.get_index_template(name=name)["index_templates"][0]["index_template"] == body


def actions():
    for number in range(1000):
        yield {
            "_op_type": "create",
            "_index": f"{name}-2026.08.01",
            "_source": {
                "@timestamp": f"2026-08-01T12:00:00.{number:03}Z",
                "message": f"line {number}",
                "log": {"level": "warn"},
                "service": {"name": name},
                "http": {"response": {"status_code": number}},
            },
        }


taken, errors = helpers.bulk(client, actions(), chunk_size=300)
assert (taken, errors) == (1000, []), (taken, errors)
said = client.index(index=f"{name}-2026.08.01", body={"message": "alone", "service": {"name": name}})
assert said["result"] == "created" and said["_id"], said
taken = client.bulk(body='{"create":{"_index":"%s-x"}}\n{"message":"good","service":"%s"}\n{"create":{"_index":"%s-x"}}\n{"bad\n' % (name, name, name))
assert taken["errors"] and [item["create"]["status"] for item in taken["items"]] == [201, 400], taken
print("taken", name)
