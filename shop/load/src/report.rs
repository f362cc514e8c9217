//! The final table.

use std::fmt;

use serde::Serialize;

/// What one kind of request, or one kind of journey, came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Which.
    pub name: String,
    /// How many.
    pub count: u64,
    /// Those that the shop refused for a reason that customers give, such as a declined card.
    pub refused: u64,
    /// Those that went wrong.
    pub errors: u64,
    /// How many in a second.
    pub per_s: f64,
    /// Half was quicker.
    pub p50_ms: f64,
    /// Nine of ten were.
    pub p90_ms: f64,
    /// 99 of a hundred were.
    pub p99_ms: f64,
    /// 999 of a thousand were.
    pub p999_ms: f64,
    /// All were.
    pub max_ms: f64,
}

/// What a load came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// For how long journeys began.
    pub seconds: f64,
    /// Per kind of request.
    pub requests: Vec<Row>,
    /// Per kind of journey.
    pub journeys: Vec<Row>,
    /// All requests.
    pub all_requests: Row,
    /// All journeys.
    pub all_journeys: Row,
    /// Orders that were placed.
    pub orders: u64,
    /// Journeys for which there was no room.
    pub shed: u64,
    /// Kinds of errors: how often, and one example.
    pub examples: Vec<(String, u64, String)>,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<24}{:>9}{:>9}{:>8}{:>10.1}{:>10.2}{:>10.2}{:>10.2}{:>10.2}{:>10.2}",
            self.name,
            self.count,
            self.refused,
            self.errors,
            self.per_s,
            self.p50_ms,
            self.p90_ms,
            self.p99_ms,
            self.p999_ms,
            self.max_ms
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<24}{:>9}{:>9}{:>8}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}",
            "", "count", "refused", "errors", "1/s", "p50 ms", "p90 ms", "p99 ms", "p99.9 ms", "max ms"
        )?;
        for row in &self.requests {
            writeln!(f, "{row}")?;
        }
        writeln!(f, "{}\n", self.all_requests)?;
        for row in &self.journeys {
            writeln!(f, "{row}")?;
        }
        writeln!(f, "{}\n", self.all_journeys)?;
        writeln!(
            f,
            "{} orders in {:.1} s; {} journeys shed for want of room here.",
            self.orders, self.seconds, self.shed
        )?;
        writeln!(
            f,
            "A journey's first request, and the journey, count from when it should have begun: a stall shows in full."
        )?;
        writeln!(f, "Refused: the shop said no as it should (declined card, sold out). Errors: it failed.")?;
        for (kind, count, example) in &self.examples {
            writeln!(f, "  {count} x {kind}: {example}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::stats::{Ending, Stats};

    #[test]
    fn the_table_is_aligned_and_says_how_it_was_measured() {
        let stats = Stats::new();
        stats.request("GET recommendations", Duration::from_micros(999), Ending::Good);
        stats.request("POST order", Duration::from_secs(100), Ending::Refused);
        stats.journey("journey buy many", Duration::from_secs(3), Ending::Bad);
        stats.example("POST order: 500 INTERNAL", "it broke");
        let report = stats.report(Duration::from_secs(2));
        let shown = report.to_string();
        let table: Vec<&str> =
            shown.lines().take_while(|l| !l.contains("orders in")).filter(|l| !l.is_empty()).collect();
        assert_eq!(table.len(), 6, "{shown}");
        assert!(table.iter().all(|l| l.chars().count() == table[0].chars().count()), "{shown}");
        assert!(shown.contains("count from when it should have begun"), "{shown}");
        assert!(shown.ends_with("  1 x POST order: 500 INTERNAL: it broke\n"), "{shown}");
        let json = serde_json::to_value(&report).expect("JSON");
        assert_eq!(
            (json["all_requests"]["count"].as_u64(), json["all_requests"]["refused"].as_u64()),
            (Some(2), Some(1))
        );
    }
}
