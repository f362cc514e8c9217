"""ClickHouse in process (chdb) with a table of the OpenTelemetry Collector's exporter: the statement of a file, which is called as the table.

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
from pathlib import Path

from chdb import session


def main():
    folder, statement = sys.argv[1:]
    table = Path(statement).stem
    chdb = session.Session(folder)
    chdb.query("CREATE DATABASE IF NOT EXISTS bench ENGINE = Atomic")
    chdb.query("USE bench")
    chdb.query(Path(statement).read_text())
    for line in sys.stdin:
        command, _, rest = line.strip().partition(" ")
        began, cpu = time.monotonic(), os.times()
        answer = {}
        if command == "load":
            chdb.query(f"INSERT INTO {table} SELECT * FROM file('{rest}', 'JSONEachRow') SETTINGS input_format_import_nested_json = 1")
        elif command == "finish":
            chdb.query(f"OPTIMIZE TABLE {table} FINAL")
        elif command == "size":
            told = chdb.query(f"SELECT sum(bytes_on_disk) AS bytes, sum(rows) AS rows FROM system.parts WHERE active AND table = '{table}'", "JSONEachRow")
            answer = {key: int(value) for key, value in json.loads(str(told)).items()}
        elif command == "query":
            answer["rows"] = len(str(chdb.query(rest, "JSONEachRow")).splitlines())
        after = os.times()
        answer["seconds"] = time.monotonic() - began
        answer["cpu"] = after.user + after.system - cpu.user - cpu.system
        print(json.dumps(answer), flush=True)


main()
