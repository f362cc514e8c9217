//! Metric points in columns.

use std::sync::{Arc, LazyLock};

use arrow_array::builder::{BinaryBuilder, BooleanBuilder, Float64Builder, Int64Builder, UInt8Builder, UInt64Builder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, UInt8Type, UInt64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use opentelemetry_proto::tonic::common::v1::{KeyValue, KeyValueList};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{HistogramDataPoint, Metric, NumberDataPoint};
use prost::Message;

use crate::batch::{Batch, Blobs, OpenBatch, Rejected, Texts};
use crate::keys::Keys;
use crate::metric_point::{MetricKind, MetricRow, Temporality, point};
use crate::span::{append_message, dictionary_bytes, dictionary_text};
use crate::span_row::{resource_attributes, scope_info};
use crate::value::attributes;
use crate::{Origin, Scope};

/// Bytes of a row in the columns of fixed width, offsets included.
const FIXED_BYTES: usize = 68;

/// The columns, in order.
enum Column {
    Name,
    Unit,
    Description,
    Kind,
    Temporality,
    Monotonic,
    Service,
    Start,
    Time,
    Double,
    Int,
    Point,
    Attributes,
    Resource,
    Scope,
}

/// Column names and types. `point` is the OTLP data point without what has a column of its own: buckets, exemplars.
static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let dictionary = |value| DataType::Dictionary(Box::new(DataType::Int32), Box::new(value));
    Arc::new(Schema::new(vec![
        Field::new("name", dictionary(DataType::Utf8), false),
        Field::new("unit", dictionary(DataType::Utf8), false),
        Field::new("description", dictionary(DataType::Utf8), false),
        Field::new("kind", DataType::UInt8, false),
        Field::new("temporality", DataType::UInt8, false),
        Field::new("monotonic", DataType::Boolean, false),
        Field::new("service", dictionary(DataType::Utf8), false),
        Field::new("start_ns", DataType::UInt64, false),
        Field::new("time_ns", DataType::UInt64, false),
        Field::new("value_double", DataType::Float64, true),
        Field::new("value_int", DataType::Int64, true),
        Field::new("point", DataType::Binary, true),
        Field::new("attributes", dictionary(DataType::Binary), false),
        Field::new("resource", dictionary(DataType::Binary), false),
        Field::new("scope", dictionary(DataType::Binary), false),
    ]))
});

/// Metric columns that still grow.
#[derive(Default)]
pub struct MetricBuilder {
    name: Texts,
    unit: Texts,
    description: Texts,
    kind: UInt8Builder,
    temporality: UInt8Builder,
    monotonic: BooleanBuilder,
    service: Texts,
    start: UInt64Builder,
    time: UInt64Builder,
    double: Float64Builder,
    int: Int64Builder,
    point: BinaryBuilder,
    attributes: Blobs,
    resource: Blobs,
    scope: Blobs,
    rows: usize,
    bytes: usize,
    scratch: Vec<u8>,
}

/// What the points of one metric share.
pub(crate) struct Series<'a> {
    origin: &'a Origin,
    scope: &'a Scope,
    metric: &'a Metric,
    kind: MetricKind,
    temporality: i32,
    monotonic: bool,
}

impl MetricBuilder {
    /// Adds the points of one metric, and returns one answer for each point that was not taken.
    pub fn append(&mut self, origin: &Origin, scope: &Scope, mut metric: Metric) -> Vec<Rejected> {
        let data = metric.data.take();
        let series =
            |kind, temporality, monotonic| Series { origin, scope, metric: &metric, kind, temporality, monotonic };
        let mut rejected = Vec::new();
        match data {
            None => {}
            Some(Data::Gauge(gauge)) => {
                let series = series(MetricKind::Gauge, 0, false);
                gauge.data_points.into_iter().for_each(|point| self.append_number(&series, point));
            }
            Some(Data::Sum(sum)) => {
                let series = series(MetricKind::Sum, sum.aggregation_temporality, sum.is_monotonic);
                sum.data_points.into_iter().for_each(|point| self.append_number(&series, point));
            }
            Some(Data::Histogram(histogram)) => {
                let series = series(MetricKind::Histogram, histogram.aggregation_temporality, false);
                for mut point in histogram.data_points {
                    if let Err(reason) = check_buckets(&point) {
                        rejected.push(reason);
                        continue;
                    }
                    let (start, time) = (point.start_time_unix_nano, point.time_unix_nano);
                    (point.start_time_unix_nano, point.time_unix_nano) = (0, 0);
                    let attributes = std::mem::take(&mut point.attributes);
                    self.append_row(&series, start, time, attributes, None, &point);
                }
            }
            Some(Data::ExponentialHistogram(histogram)) => {
                let series = series(MetricKind::ExponentialHistogram, histogram.aggregation_temporality, false);
                for mut point in histogram.data_points {
                    let (start, time) = (point.start_time_unix_nano, point.time_unix_nano);
                    (point.start_time_unix_nano, point.time_unix_nano) = (0, 0);
                    let attributes = std::mem::take(&mut point.attributes);
                    self.append_row(&series, start, time, attributes, None, &point);
                }
            }
            Some(Data::Summary(summary)) => {
                let series = series(MetricKind::Summary, 0, false);
                for mut point in summary.data_points {
                    let (start, time) = (point.start_time_unix_nano, point.time_unix_nano);
                    (point.start_time_unix_nano, point.time_unix_nano) = (0, 0);
                    let attributes = std::mem::take(&mut point.attributes);
                    self.append_row(&series, start, time, attributes, None, &point);
                }
            }
        }
        rejected
    }

    fn append_number(&mut self, series: &Series<'_>, mut point: NumberDataPoint) {
        let (start, time) = (point.start_time_unix_nano, point.time_unix_nano);
        (point.start_time_unix_nano, point.time_unix_nano) = (0, 0);
        let attributes = std::mem::take(&mut point.attributes);
        let value = point.value.take();
        self.append_row(series, start, time, attributes, value, &point);
    }

    fn append_row(
        &mut self,
        series: &Series<'_>,
        start: u64,
        time: u64,
        attributes: Vec<KeyValue>,
        value: Option<Number>,
        point: &impl Message,
    ) {
        self.kind.append_value(series.kind as u8);
        self.temporality.append_value(u8::try_from(series.temporality).unwrap_or(0));
        self.monotonic.append_value(series.monotonic);
        self.start.append_value(start);
        self.time.append_value(time);
        self.double.append_option(if let Some(Number::AsDouble(number)) = value { Some(number) } else { None });
        self.int.append_option(if let Some(Number::AsInt(number)) = value { Some(number) } else { None });
        self.bytes += FIXED_BYTES;
        self.bytes += self.name.append(&series.metric.name);
        self.bytes += self.unit.append(&series.metric.unit);
        self.bytes += self.description.append(&series.metric.description);
        self.bytes += self.service.append(&series.origin.service);
        self.bytes += self.resource.append(&series.origin.resource);
        self.bytes += self.scope.append(&series.scope.encoded);
        self.bytes += append_message(&mut self.point, point, &mut self.scratch);
        // A series has the same attributes at every point, so they go into a dictionary as a whole.
        self.bytes += self.attributes.append(&KeyValueList { values: attributes }.encode_to_vec());
        self.rows += 1;
    }
}

fn check_buckets(point: &HistogramDataPoint) -> Result<(), Rejected> {
    let (bounds, counts) = (point.explicit_bounds.len(), point.bucket_counts.len());
    if counts == bounds + 1 || counts == 0 {
        return Ok(());
    }
    let problem = format!("{counts} counts for {bounds} bounds");
    Err(Rejected { field: "bucketCounts", problem, expected: "one more count than explicitBounds, or no counts" })
}

impl OpenBatch for MetricBuilder {
    type Batch = MetricBatch;

    fn rows(&self) -> usize {
        self.rows
    }

    fn bytes(&self) -> usize {
        self.bytes
    }

    fn freeze(&self) -> MetricBatch {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.name.column.finish_cloned()),
            Arc::new(self.unit.column.finish_cloned()),
            Arc::new(self.description.column.finish_cloned()),
            Arc::new(self.kind.finish_cloned()),
            Arc::new(self.temporality.finish_cloned()),
            Arc::new(self.monotonic.finish_cloned()),
            Arc::new(self.service.column.finish_cloned()),
            Arc::new(self.start.finish_cloned()),
            Arc::new(self.time.finish_cloned()),
            Arc::new(self.double.finish_cloned()),
            Arc::new(self.int.finish_cloned()),
            Arc::new(self.point.finish_cloned()),
            Arc::new(self.attributes.column.finish_cloned()),
            Arc::new(self.resource.column.finish_cloned()),
            Arc::new(self.scope.column.finish_cloned()),
        ];
        let columns = RecordBatch::try_new(SCHEMA.clone(), columns).expect("the columns follow the schema");
        MetricBatch { columns }
    }
}

/// Frozen metric columns.
#[derive(Debug, Clone)]
pub struct MetricBatch {
    columns: RecordBatch,
}

impl MetricBatch {
    /// The Arrow columns.
    pub fn columns(&self) -> &RecordBatch {
        &self.columns
    }

    /// The metric's name of a row.
    pub fn name(&self, row: usize) -> &str {
        dictionary_text(self.column(Column::Name), row)
    }

    /// A row as a plain struct.
    pub fn row(&self, row: usize) -> MetricRow {
        let kind = MetricKind::from_number(self.column(Column::Kind).as_primitive::<UInt8Type>().value(row));
        let double = self.column(Column::Double).as_primitive::<Float64Type>();
        let int = self.column(Column::Int).as_primitive::<Int64Type>();
        let encoded = self.column(Column::Point).as_binary::<i32>();
        let encoded = if encoded.is_valid(row) { encoded.value(row) } else { &[] };
        let double = double.is_valid(row).then(|| double.value(row));
        let int = int.is_valid(row).then(|| int.value(row));
        let list = KeyValueList::decode(dictionary_bytes(self.column(Column::Attributes), row)).unwrap_or_default();
        MetricRow {
            name: self.name(row).to_owned(),
            unit: dictionary_text(self.column(Column::Unit), row).to_owned(),
            description: dictionary_text(self.column(Column::Description), row).to_owned(),
            kind,
            temporality: Temporality::from_number(
                self.column(Column::Temporality).as_primitive::<UInt8Type>().value(row),
            ),
            monotonic: self.column(Column::Monotonic).as_boolean().value(row),
            service: dictionary_text(self.column(Column::Service), row).to_owned(),
            start_ns: self.column(Column::Start).as_primitive::<UInt64Type>().value(row),
            time_ns: self.column(Column::Time).as_primitive::<UInt64Type>().value(row),
            flags: 0,
            metadata: Vec::new(),
            exemplars: Vec::new(),
            point: point(kind, double, int, encoded),
            attributes: attributes(list.values, &Keys::default()),
            resource: resource_attributes(dictionary_bytes(self.column(Column::Resource), row)),
            resource_dropped_attributes: 0,
            resource_schema_url: String::new(),
            scope: scope_info(dictionary_bytes(self.column(Column::Scope), row)),
        }
    }

    fn column(&self, column: Column) -> &ArrayRef {
        self.columns.column(column as usize)
    }
}

impl Batch for MetricBatch {
    fn rows(&self) -> usize {
        self.columns.num_rows()
    }

    fn bytes(&self) -> usize {
        self.columns.get_array_memory_size()
    }
}
