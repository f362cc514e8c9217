//! Other people's readers: Arrow's in C++ (pyarrow) and DuckDB's, both from PyPI.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use vitrine_observe_columns::{Columns, Data, Kind, NULL_INT, TableWriter, WriteOptions, write};

use super::merging;
use super::tables::{Cell, LOGS, SPANS, row, table};

/// Pinned: tests test segments, not the day's releases.
const PACKAGES: &[&str] = &["pyarrow==26.0.1", "duckdb==2.0.0"];
/// The environment that has them.
const NAME: &str = "pyarrow-26.0.1-duckdb-2.0.0";

fn succeed(command: &mut Command) {
    let output = command.output().expect("a program that starts");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {out}{err}");
}

/// A Python with these packages, made once and kept with the build's artefacts, whole or not at all.
fn python() -> PathBuf {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let kept = cache.join(NAME);
    let python = kept.join("bin/python");
    if python.exists() {
        return python;
    }
    let making = tempfile::Builder::new().prefix(NAME).tempdir_in(cache).expect("a folder");
    succeed(Command::new("python3").args(["-m", "venv"]).arg(making.path()));
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    succeed(Command::new(making.path().join("bin/python")).args(pip).args(PACKAGES));
    if let Err(error) = std::fs::rename(making.path(), &kept) {
        assert!(python.exists(), "nobody else was quicker: {error}");
    }
    python
}

fn json(cell: &Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Bytes(bytes) => json!(hex::encode(bytes)),
        Cell::Int(number) => json!(number),
        Cell::Double(bits) if f64::from_bits(*bits).is_nan() => json!("not a number"),
        Cell::Double(bits) => json!(format!("{bits:016x}")),
        Cell::Bool(flag) => json!(flag),
        Cell::Text(text) => json!(text),
        Cell::List(elements) => {
            elements.iter().map(|element| element.iter().map(json).collect::<Value>()).collect::<Value>()
        }
    }
}

fn written(columns: &Columns) -> Vec<u8> {
    let mut file = Vec::new();
    let options = WriteOptions { page_rows: 300, ..WriteOptions::default() };
    write(columns, &columns.sort(), &options, &mut file).expect("a table that can be written");
    file
}

/// A table in three row groups.
fn grouped(columns: &Columns) -> Vec<u8> {
    let mut file = Vec::new();
    let options = WriteOptions { page_rows: 300, ..WriteOptions::default() };
    let mut writer = TableWriter::new(columns.definition, &options, &mut file).expect("a file");
    for rows in columns.sort().rows.chunks(columns.rows.div_ceil(3)) {
        writer.add(&columns.take(rows)).expect("rows that can be written");
    }
    let bytes = writer.finish().expect("a whole file");
    assert_eq!(bytes, file.len() as u64);
    file
}

/// Takes out what DuckDB has no values for: the first and the last times are infinite there, and keys of a map distinct.
fn tame(columns: &mut Columns) {
    let children = columns.lists.iter_mut().flat_map(|list| &mut list.children);
    for column in columns.flat.iter_mut().chain(children).filter(|column| column.kind == Kind::Time) {
        let Data::Int(times) = &mut column.data else { unreachable!("times are numbers") };
        times.iter_mut().filter(|time| **time != NULL_INT).for_each(|time| *time = *time / 1000 * 999);
    }
    let list = &mut columns.lists[1];
    let Data::Text(keys) = &mut list.children[0].data else { unreachable!("keys are texts") };
    for ends in list.offsets.windows(2) {
        for at in ends[0] as usize..ends[1] as usize {
            if keys.codes[ends[0] as usize..at].contains(&keys.codes[at]) {
                keys.codes[at] = keys.dictionary.intern(format!("key {at}").as_bytes());
            }
        }
    }
}

#[test]
fn arrow_and_duckdb_read_the_same_rows() {
    let folder = tempfile::tempdir().expect("a folder");
    let python = python();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/segments/peers.py");
    for definition in [&SPANS, &LOGS] {
        let mut columns = table(definition, 20, 2000, 300);
        tame(&mut columns);
        let expected: Vec<Value> = columns
            .sort()
            .rows
            .iter()
            .map(|at| row(&columns, *at as usize).iter().map(json).collect::<Value>())
            .collect();
        for (name, file) in [("written", written(&columns)), ("merged", merging::merged_in_parts(&columns, 3))] {
            let [segment, rows] = ["parquet", "json"].map(|kind| folder.path().join(format!("{name}.{kind}")));
            std::fs::write(&segment, file).expect("written");
            std::fs::write(&rows, serde_json::to_vec(&expected).expect("JSON")).expect("written");
            succeed(Command::new(&python).arg(&script).args([&segment, &rows]));
        }
    }
}

#[test]
fn arrow_and_duckdb_read_row_groups() {
    let folder = tempfile::tempdir().expect("a folder");
    let (python, script) = (python(), Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/segments/peers.py"));
    let mut columns = table(&LOGS, 20, 2000, 300);
    columns.flat.truncate(LOGS.columns.len());
    tame(&mut columns);
    let sorted = columns.sort();
    let expected: Vec<Value> =
        sorted.rows.iter().map(|at| row(&columns, *at as usize).iter().map(json).collect::<Value>()).collect();
    let [file, rows] = ["parquet", "json"].map(|kind| folder.path().join(format!("grouped.{kind}")));
    std::fs::write(&file, grouped(&columns)).expect("written");
    std::fs::write(&rows, serde_json::to_vec(&expected).expect("JSON")).expect("written");
    succeed(Command::new(&python).arg(&script).args([&file, &rows]));
}
