"""tantivy, the search library of Quickwit, OpenObserve and others: the message indexed and stored, its time and service beside it.

Its commands:
    load FILE         adds rows, one JSON object a line
    finish            commits, and waits for merging
    size              bytes on disk and rows
    query TEXT        finds the newest 100, and tells how long that took
"""

import json
import sys
from pathlib import Path

import tantivy
from commands import serve

HEAP = 256 << 20
THREADS = 2
NEWEST = 100


def main():
    (folder,) = map(Path, sys.argv[1:])
    folder.mkdir()
    schema = tantivy.SchemaBuilder()
    schema.add_text_field("body", stored=True)
    schema.add_text_field("service", stored=True, tokenizer_name="raw")
    schema.add_integer_field("time", stored=True, fast=True)
    index = tantivy.Index(schema.build(), str(folder))
    writer = index.writer(HEAP, THREADS)

    def load(file):
        with open(file, encoding="utf-8") as rows:
            for row in map(json.loads, rows):
                document = tantivy.Document()
                document.add_text("body", row["Body"])
                document.add_text("service", row["ServiceName"])
                document.add_integer("time", int(row["Timestamp"].replace(".", "")))
                writer.add_document(document)

    def finish(_):
        writer.commit()
        writer.wait_merging_threads()
        index.reload()

    def size(_):
        return {"bytes": sum(file.stat().st_size for file in folder.iterdir()), "rows": index.searcher().num_docs}

    def query(text):
        searcher = index.searcher()
        found = searcher.search(index.parse_query(text, ["body"]), NEWEST, order_by_field="time")
        return {"rows": len([searcher.doc(address) for _, address in found.hits])}

    serve({"load": load, "finish": finish, "size": size, "query": query})


main()
