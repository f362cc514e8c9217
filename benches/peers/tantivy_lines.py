"""tantivy, the search library of Quickwit, OpenObserve and others: the message indexed and stored, its time and service beside it.

Reads commands from standard input, one a line, and answers each with a line of JSON:
    load FILE         adds rows, one JSON object a line
    finish            commits, and waits for merging
    size              bytes on disk and rows
    query TEXT        finds the newest 100, and tells how long that took
"""

import json
import os
import sys
import time
from pathlib import Path

import tantivy

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
    for line in sys.stdin:
        command, _, rest = line.strip().partition(" ")
        began, cpu = time.monotonic(), os.times()
        answer = {}
        if command == "load":
            with open(rest, encoding="utf-8") as rows:
                for row in rows:
                    row = json.loads(row)
                    document = tantivy.Document()
                    document.add_text("body", row["Body"])
                    document.add_text("service", row["ServiceName"])
                    document.add_integer("time", int(row["Timestamp"].replace(".", "")))
                    writer.add_document(document)
        elif command == "finish":
            writer.commit()
            writer.wait_merging_threads()
            index.reload()
        elif command == "size":
            answer["bytes"] = sum(file.stat().st_size for file in folder.iterdir())
            answer["rows"] = index.searcher().num_docs
        elif command == "query":
            searcher = index.searcher()
            found = searcher.search(index.parse_query(rest, ["body"]), NEWEST, order_by_field="time")
            answer["rows"] = len([searcher.doc(address) for _, address in found.hits])
        after = os.times()
        answer["seconds"] = time.monotonic() - began
        answer["cpu"] = after.user + after.system - cpu.user - cpu.system
        print(json.dumps(answer), flush=True)


main()
