"""Sends documents with a stock client and searches them in the ways that it has.

Usage: search.py URL NAME, where NAME is elastic7, elastic8, elastic9 or opensearch
"""

import sys

URL, NAME = sys.argv[1:]
INDEX = f"search-{NAME}"
COUNT = 1200

if NAME == "opensearch":
    from opensearchpy import NotFoundError, OpenSearch as Client, RequestError, helpers
else:
    from elasticsearch import Elasticsearch as Client, NotFoundError, helpers

    if NAME == "elastic7":
        from elasticsearch import RequestError
    else:
        from elasticsearch import BadRequestError as RequestError


def same(what, found, expected):
    assert found == expected, f"{what}: {found!r}; expected {expected!r}"


def documents():
    for n in range(COUNT):
        yield {
            "_op_type": "create",
            "_index": INDEX,
            "@timestamp": f"2026-08-01T12:{n // 60 % 60:02}:{n % 60:02}.000Z",
            "message": f"line {n} of {'errors' if n % 100 == 0 else 'requests'}",
            "level": "error" if n % 100 == 0 else "info",
            "n": n,
            "http": {"path": f"/{n % 3}"},
        }


# Whether parts of a body are arguments of their own.
NEW = NAME in ("elastic8", "elastic9")


def search(client, **body):
    return client.search(index=INDEX, **(body if NEW else {"body": body}))


def main():
    client = Client(URL)
    taken, failed = helpers.bulk(client, documents())
    same("taken", (taken, failed), (COUNT, []))

    found = search(client, query={"match": {"message": "errors"}}, sort=[{"n": "asc"}], size=3)
    same("total", found["hits"]["total"], {"value": COUNT // 100, "relation": "eq"})
    same("hits", [hit["_source"]["n"] for hit in found["hits"]["hits"]], [0, 100, 200])
    hit = found["hits"]["hits"][1]
    same("by id", client.get(index=INDEX, id=hit["_id"])["_source"], hit["_source"])
    same("count", client.count(index=INDEX)["count"], COUNT)

    scanned = [hit["_source"]["n"] for hit in helpers.scan(client, index=INDEX, size=500)]
    same("scanned", sorted(scanned), list(range(COUNT)))

    if NEW:
        pit = client.open_point_in_time(index=INDEX, keep_alive="1m")["id"]
        seen, after = [], None
        while True:
            page = client.search(
                pit={"id": pit, "keep_alive": "1m"}, size=500, sort=[{"@timestamp": "asc"}], search_after=after
            )["hits"]["hits"]
            if not page:
                break
            seen += [hit["_source"]["n"] for hit in page]
            after = page[-1]["sort"]
        same("by point in time", seen, list(range(COUNT)))
        client.close_point_in_time(id=pit)

    aggregated = search(
        client,
        size=0,
        aggs={
            "levels": {"terms": {"field": "level"}, "aggs": {"newest": {"max": {"field": "n"}}}},
            "minutes": {"date_histogram": {"field": "@timestamp", "fixed_interval": "1m"}},
        },
    )["aggregations"]
    levels = [(b["key"], b["doc_count"], b["newest"]["value"]) for b in aggregated["levels"]["buckets"]]
    same("levels", levels, [("info", COUNT - COUNT // 100, COUNT - 1), ("error", COUNT // 100, COUNT - 100)])
    same("minutes", [b["doc_count"] for b in aggregated["minutes"]["buckets"]], [60] * (COUNT // 60))

    searches = [{"index": INDEX}, {"size": 1}, {"index": "never"}, {}]
    answers = client.msearch(**{"searches" if NEW else "body": searches})["responses"]
    same("many", [answer["status"] for answer in answers], [200, 404])
    fields = client.field_caps(index=INDEX, fields="*")["fields"]
    same("fields", ("long" in fields["n"], "date" in fields["@timestamp"], "http.path" in fields), (True, True, True))

    for wrong, kind in [({"never": {}}, RequestError), ({"query_string": {"query": "(a"}}, RequestError)]:
        try:
            search(client, query=wrong)
            raise AssertionError(f"{wrong} was answered")
        except kind:
            pass
    try:
        client.search(index="never")
        raise AssertionError("an index that is not there was answered")
    except NotFoundError:
        pass
    language(client)
    print("found")


def language(client):
    """The language for searches of the client, where it has one."""
    if NAME == "opensearch":
        from opensearchpy import Search
    elif NAME == "elastic7":
        from elasticsearch_dsl import Search
    else:
        from elasticsearch.dsl import Search
    wanted = Search(using=client, index=INDEX).query("match", message="errors").filter("range", n={"gte": 500})
    wanted.aggs.bucket("paths", "terms", field="http.path")
    response = wanted.sort("-n")[:2].execute()
    same("in the language", [hit.n for hit in response], [1100, 1000])
    same("its aggregation", sum(bucket.doc_count for bucket in response.aggregations.paths.buckets), 7)


main()
