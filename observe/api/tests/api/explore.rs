//! The page that tells which series there are, and of what there are many.

use std::sync::Arc;

use vitrine_kit::clock::Clock;
use vitrine_observe_api::{Prometheus, PrometheusOptions, PrometheusParts, metric_pages};
use vitrine_observe_store::series::{Description, Head, Labels, MetricType, Queryable, Snapshot, TooManySeries};
use vitrine_observe_store::{Access, Series, Tenant};

use crate::client::get;

struct Engine(Snapshot);

impl Series for Engine {
    fn series(&self, _: &Tenant) -> Arc<dyn Queryable> {
        Arc::new(self.0.clone())
    }
}

#[tokio::test]
async fn what_there_is_most_of_leads_to_its_series() {
    let head = Head::new(1_000);
    let mut batch = head.batch();
    for number in 0..4 {
        let (instance, job) = (format!("<{number}>"), if number == 0 { "b" } else { "a" });
        let labels = Labels::of([("__name__", "up"), ("instance", instance.as_str()), ("job", job)]);
        let describe = || Ok::<_, TooManySeries>(Description::new(MetricType::Gauge, 1, labels));
        let series = batch.series(instance.as_bytes(), describe).expect("there is room");
        batch.float(series, 1_000, 1f64.to_bits(), 0);
    }
    head.apply(&batch);
    let engine = Arc::new(Engine(Snapshot::new(Vec::new(), vec![head])));
    let clock = Clock::manual(1_700_000_000_000).0;
    let options = PrometheusOptions::default();
    let pages = metric_pages(&Prometheus::new(engine, PrometheusParts::default(), Access::open(), options, clock));
    let all = get(&pages, "/explore").await.body;
    for part in [
        "4 series",
        "Nothing was refused since the start.",
        // A metric, with its part of all series; a label leads to its values, a pair to its series.
        "expr=%7B__name__%3D%22up%22%7D\">up</a><td class=num>4<td class=num>100.0 %",
        "focus=instance\">instance</a><td class=num>4<",
        "expr=%7Bjob%3D%22a%22%7D\">job=a</a><td class=num>3<td class=num>75.0 %",
    ] {
        assert!(all.contains(part), "{part}: {all}");
    }
    let focused = get(&pages, "/explore?focus=instance").await.body;
    assert!(focused.contains("4 of 4 series have it"), "{focused}");
    assert!(focused.contains("expr=%7Binstance%3D%22%3C0%3E%22%7D\">&lt;0&gt;</a><td class=num>1<"), "{focused}");
    let none = get(&pages, "/explore?focus=%3Cb%3E").await.body;
    assert!(none.contains("Label &lt;b&gt; <span class=soft>(0 of 4 series have it)"), "{none}");
}
