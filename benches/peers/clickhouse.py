"""ClickHouse in process (chdb) with a table of the OpenTelemetry Collector's exporter. The statements of some files make it; it is called as the
first of them.

Its commands:
    load FILE         inserts rows, one JSON object a line
    finish            merges everything
    size              bytes on disk and rows
    query SQL         runs it, and tells how long that took
"""

import json
import sys
from pathlib import Path

from chdb import session
from commands import serve


def main():
    folder, *statements = sys.argv[1:]
    table = Path(statements[0]).stem
    chdb = session.Session(folder)
    chdb.query("CREATE DATABASE IF NOT EXISTS bench ENGINE = Atomic")
    chdb.query("USE bench")
    for statement in statements:
        chdb.query(Path(statement).read_text())

    def load(file):
        chdb.query(f"INSERT INTO {table} SELECT * FROM file('{file}', 'JSONEachRow') SETTINGS input_format_import_nested_json = 1")

    def finish(_):
        chdb.query(f"OPTIMIZE TABLE {table} FINAL")

    def size(_):
        told = chdb.query(f"SELECT sum(bytes_on_disk) AS bytes, sum(rows) AS rows FROM system.parts WHERE active AND table = '{table}'", "JSONEachRow")
        return {key: int(value) for key, value in json.loads(str(told)).items()}

    def query(sql):
        return {"rows": len(str(chdb.query(sql, "JSONEachRow")).splitlines())}

    serve({"load": load, "finish": finish, "size": size, "query": query})


main()
