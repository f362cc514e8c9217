//! Sets as RCAEval, OpenRCA's evaluator and OpenRCA 2.0's reader load them: their own code, from PyPI.

use std::path::{Path, PathBuf};
use std::process::Command;

use vitrine_flags_range::layouts::{Layout, export};

use super::{cases, topology, write};

/// The environment that has them.
const NAME: &str = "rcaeval-1.8.1-rcabench-platform-0.4.46";
/// What loads RCAEval's cases; its own requirements would be a gigabyte.
const PACKAGES: &[&str] = &[
    "pandas==3.1.1",
    "pyarrow==26.0.1",
    "numpy==2.4.6",
    "tqdm==4.70.1",
    "requests==2.34.2",
    "scikit-learn==1.9.1",
    "polars==2.1.0",
    "pydantic==2.14.4",
    "networkx==3.6.1",
];
/// The readers themselves, without what they require for methods that are not used here.
const READERS: &[&str] = &["RCAEval==1.8.1", "rcabench-platform==0.4.46"];

const SCRIPT: &str = r#"
import importlib.util, json, sys, types
from pathlib import Path
root = Path(sys.argv[1])
import importlib.metadata

def load(distribution, path):
    "One file of a package, without what the package imports besides."
    file = importlib.metadata.distribution(distribution).locate_file(path)
    spec = importlib.util.spec_from_file_location(path.replace('/', '_')[:-3], file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module

# RCAEval: its readers, then its own BARO and nsigma on what they read.
utility = load('RCAEval', 'RCAEval/utility/__init__.py')
folder = root / 'rcaeval/vitrine/payments_delay/1'
metrics, logs, traces = utility.read_metrics(folder), utility.read_logs(folder), utility.read_traces(folder)
from_json = {k: v for k, v in json.load(open(folder / 'metrics.json')).items()}
assert list(metrics.columns)[0] == 'time' and set(metrics.columns[1:]) == set(from_json), metrics.columns
assert len(metrics) == 120 and len(logs) == 120 and len(traces) == 360, (len(metrics), len(logs), len(traces))
assert {'traceID', 'spanID', 'serviceName', 'operationName', 'parentSpanID', 'startTime', 'duration', 'statusCode'} <= set(traces.columns)
inject_time = int(open(folder / 'inject_time.txt').read().strip())
from sklearn.preprocessing import RobustScaler
before, after = metrics[metrics.time < inject_time], metrics[metrics.time >= inject_time]
assert len(before) == 60 and len(after) == 60
time_series = load('RCAEval', 'RCAEval/io/time_series.py')
clean = time_series.preprocess(data=before.ffill().fillna(0), dataset='re2-ob')
assert 'payments_latency' in clean.columns, clean.columns
print('rcaeval', metrics.shape, logs.shape, traces.shape)

# OpenRCA: the points of its evaluator's patterns.
import pandas as pd
query = pd.read_csv(root / 'openrca/query.csv')
record = pd.read_csv(root / 'openrca/record.csv')
assert list(record.columns) == ['level', 'component', 'timestamp', 'datetime', 'reason'] and len(query) == len(record) == 1
import re
points = query.loc[0, 'scoring_points']
assert re.findall(r"The (?:\d+-th|only) predicted root cause component is ([^\n]+)", points) == [record.loc[0, 'component']]
assert re.findall(r"The (?:\d+-th|only) predicted root cause reason is ([^\n]+)", points) == [record.loc[0, 'reason']]
assert re.findall(r"The (?:\d+-th|only) root cause occurrence time is within 1 minutes \(i.e., <=1min\) of ([^\n]+)", points) == [record.loc[0, 'datetime']]
for table, columns in [('trace/trace_span.csv', 9), ('log/log_service.csv', 5), ('metric/metric_container.csv', 4), ('metric/metric_service.csv', 6)]:
    frame = pd.read_csv(root / 'openrca/telemetry/2026_11_28' / table)
    assert frame.shape[1] == columns and len(frame) > 0 and frame.notna().all(axis=None) or table.startswith('trace'), (table, frame.shape)
print('openrca', len(record), len(query))

# OpenRCA 2.0: its graph, and the files and columns that its reader asks for.
graphs = load('rcabench-platform', 'rcabench_platform/v3/sdk/evaluation/causal_graph.py')
folder = root / 'openrca2/aaaaaaaaaaaaaaaa'
graph = graphs.CausalGraph.from_dict(json.load(open(folder / 'causal_graph.json')))
assert graph.get_root_cause_services() == {'payments'} and graph.get_service_edges() == {('payments', 'gateway')}
assert graph.get_alarm_services() == {'gateway'} and graph.get_service_nodes() == {'payments', 'gateway'}
source = importlib.metadata.distribution('rcabench-platform').locate_file('rcabench_platform/v3/sdk/datasets/rcabench.py')
text = open(source).read()
required = re.findall(r'"([a-z_0-9]+\.(?:parquet|json))"', text[text.index('REQUIRED_FILES'):text.index('class EmptyParquetError')])
assert len(required) == 15, required
import polars as pl
for name in required:
    if name.endswith('.json'):
        json.load(open(folder / name))
    else:
        assert pl.read_parquet(folder / name).height > 0, name
env = json.load(open(folder / 'env.json'))
assert int(env['NORMAL_START']) < int(env['NORMAL_END']) <= int(env['ABNORMAL_START']) < int(env['ABNORMAL_END'])
injection = json.load(open(folder / 'injection.json'))
assert [one['service'] for one in injection['ground_truth']] == [['payments']]
places = ['node', 'namespace', 'statefulset', 'deployment', 'replicaset', 'pod', 'container']
normal, abnormal = (pl.scan_parquet(folder / f'{window}_metrics.parquet') for window in ('normal', 'abnormal'))
merged = pl.concat([normal, abnormal]).select('time', 'metric', 'value', 'service_name', *[f'attr.k8s.{place}.name' for place in places]).collect()
assert merged.height == 360 and merged.schema['time'] == pl.Datetime('ns', 'UTC'), merged.schema
traces = pl.concat([pl.scan_parquet(folder / f'{window}_traces.parquet') for window in ('normal', 'abnormal')])
numbers = ['duration', 'attr.http.response.status_code', 'attr.http.request.content_length', 'attr.http.response.content_length']
assert traces.select(pl.col(name).cast(pl.Float64) for name in numbers).collect().height == 360
assert pl.read_parquet(root / 'openrca2/labels.parquet')['gt.name'].to_list() == ['payments', 'none']
print('openrca2', merged.height, len(required))
"#;

/// A Python with all of them, made once and kept with the build's artefacts, whole or not at all.
fn python() -> PathBuf {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let kept = cache.join(NAME);
    let python = kept.join("bin/python");
    if python.exists() {
        return python;
    }
    let making = tempfile::Builder::new().prefix(NAME).tempdir_in(cache).expect("a folder");
    run(Command::new("python3").args(["-m", "venv"]).arg(making.path()));
    let pip = |more: &[&str]| {
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        run(Command::new(making.path().join("bin/python")).args(pip).args(more));
    };
    pip(PACKAGES);
    pip(&[&["--no-deps", "--ignore-requires-python"], READERS].concat());
    if let Err(error) = std::fs::rename(making.path(), &kept) {
        assert!(python.exists(), "nobody else was quicker: {error}");
    }
    python
}

fn run(command: &mut Command) {
    let output = command.output().expect("it starts");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn load(folder: &Path) -> String {
    let output = Command::new(python()).args(["-c", SCRIPT]).arg(folder).output().expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn stock_readers_load_what_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    for layout in [Layout::Rcaeval, Layout::Openrca, Layout::Openrca2] {
        let files = export(layout, &cases(), &topology(), false).expect("files");
        write(&folder.path().join(layout.name()), &files);
    }
    let said = load(folder.path());
    println!("{said}");
    assert_eq!(said.lines().count(), 3, "{said}");
}
