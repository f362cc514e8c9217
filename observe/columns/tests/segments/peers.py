"""Reads a segment with pyarrow and with DuckDB and compares both with the rows that are expected, in any order."""

import json
import math
import struct
import sys

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

SEGMENT, EXPECTED = sys.argv[1:]
DISTANCE = "_distance"


def scalar(value):
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float):
        return "not a number" if math.isnan(value) else struct.pack(">d", value).hex()
    return value


def plain(array):
    """An Arrow array as a list of plain values; structs as lists of their fields."""
    kind = array.type
    if pa.types.is_timestamp(kind):
        assert kind == pa.timestamp("ns", "UTC"), kind
        array = array.cast(pa.int64())
    if pa.types.is_map(kind):
        elements = [list(both) for both in zip(plain(array.keys), plain(array.items))]
    elif pa.types.is_list(kind):
        elements = plain(array.values)
    elif pa.types.is_struct(kind):
        fields = [plain(array.field(at)) for at in range(kind.num_fields)]
        return [list(element) for element in zip(*fields)]
    else:
        return [scalar(value) for value in array.to_pylist()]
    ends = array.offsets.to_pylist()
    return [elements[start:end] for start, end in zip(ends, ends[1:])]


def with_parents(rows, names):
    """Rows with the ids of parents in place of distances."""
    at = next(at for at, name in enumerate(names) if name.endswith(DISTANCE))
    span = names.index("span")
    for number, row in enumerate(rows):
        if row[at] is not None:
            assert row[at - 1] is None, "a distance and an id"
            row[at - 1] = rows[number - row[at]][span]
    return [row[:at] + row[at + 1:] for row in rows]


def by_arrow():
    table = pq.read_table(SEGMENT, page_checksum_verification=True).combine_chunks()
    columns = [plain(column.chunk(0)) for column in table.columns]
    return with_parents([list(row) for row in zip(*columns)], table.column_names)


def by_duckdb():
    """Nanoseconds as such, and the parent as the guide resolves it."""
    db = duckdb.connect()
    db.execute("SET TimeZone = 'UTC'")
    described = db.execute("DESCRIBE SELECT * FROM read_parquet(?)", [SEGMENT]).fetchall()
    names = [name for name, *_ in described if not name.endswith(DISTANCE)]
    parent = next(name for name, *_ in described if name.endswith(DISTANCE)).removesuffix(DISTANCE)

    def selected(name):
        if name == parent:
            return f'coalesce(child."{name}", parent.span)'
        if name == "events":
            return 'list_transform(child.events, lambda e: struct_update(e, "at" := epoch_ns(e."at")))'
        kind = next(kind for other, kind, *_ in described if other == name)
        return f'epoch_ns(child."{name}")' if kind.startswith("TIMESTAMP") else f'child."{name}"'

    rows = db.execute(
        f"""
        SELECT {", ".join(map(selected, names))}
        FROM read_parquet($1, file_row_number = true) child
        LEFT JOIN read_parquet($1, file_row_number = true) parent
          ON parent.file_row_number = child.file_row_number - child."{parent}{DISTANCE}"
        ORDER BY child.file_row_number
        """,
        [SEGMENT],
    ).fetchall()

    def value(value):
        if isinstance(value, dict):
            return [[scalar(key), scalar(item)] for key, item in value.items()]
        if isinstance(value, list):
            return [[scalar(field) for field in element.values()] for element in value]
        return scalar(value)

    return [[value(cell) for cell in row] for row in rows]


def compare(what, rows, expected):
    key = lambda row: json.dumps(row)
    rows, expected = sorted(rows, key=key), sorted(expected, key=key)
    assert len(rows) == len(expected), f"{what}: {len(rows)} rows, expected {len(expected)}"
    for row, other in zip(rows, expected):
        for cell, wanted in zip(row, other, strict=True):
            assert cell == wanted, f"{what}: {cell!r}, expected {wanted!r}"


with open(EXPECTED) as file:
    expected = json.load(file)
compare("pyarrow", by_arrow(), expected)
compare("DuckDB", by_duckdb(), expected)
