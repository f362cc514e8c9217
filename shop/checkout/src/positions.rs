//! Journals of before steps had names: they say `"position": {"Doing": 4}`, the number of a step.

use serde::Deserialize;
use serde_json::Value;
use vitrine_platform_workflow::{Phase, Record, StepState};

use crate::definitions::{CANCELLATION, DIGITAL_CANCELLATION, PURCHASE_1, PURCHASE_2};

/// Where a saga was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) enum Position {
    /// About to do this step, or in the middle of it.
    Doing(usize),
    /// About to undo this step, or in the middle of it.
    Undoing(usize),
    /// All done.
    Done,
    /// All compensated.
    Undone,
}

/// Which steps a purchase counted, and whether it could have a parcel.
#[derive(Debug, Default, Deserialize)]
enum Counted {
    #[default]
    V1,
    V2,
}

#[derive(Deserialize)]
enum Work {
    Buy {
        parcel_g: u32,
        #[serde(default)]
        definition: Counted,
    },
    Cancel {
        shipment_id: String,
    },
}

impl Work {
    /// The definition, and its steps in the order in which they were counted; a step that is not counted did nothing.
    fn counted(&self) -> (&'static str, Vec<(&'static str, bool)>) {
        let all = |names: &[&'static str]| names.iter().map(|name| (*name, true)).collect();
        match self {
            Self::Buy { parcel_g, definition } => {
                let mut steps: Vec<_> = all(&["take", "reserve", "authorize", "sell", "capture"]);
                steps.extend([("ship", *parcel_g > 0), ("record", true), ("settle", true)]);
                match definition {
                    Counted::V1 => (PURCHASE_1, steps.split_off(1)),
                    Counted::V2 => (PURCHASE_2, steps),
                }
            }
            Self::Cancel { shipment_id } if shipment_id.is_empty() => {
                (DIGITAL_CANCELLATION, all(&["mark-cancelled", "refund", "release-stock", "mark-refunded"]))
            }
            Self::Cancel { .. } => {
                (CANCELLATION, all(&["stop-parcel", "mark-cancelled", "refund", "release-stock", "mark-refunded"]))
            }
        }
    }
}

/// What a position of this work means.
pub(crate) fn record(work: &Value, position: &Value) -> Result<Record, String> {
    let read: Work = Work::deserialize(work).map_err(|e| format!("its work cannot be read: {e}"))?;
    let position = Position::deserialize(position).map_err(|e| format!("its position cannot be read: {e}"))?;
    let (definition, steps) = read.counted();
    let at = |number: usize| {
        let counted = steps.iter().enumerate().filter(|(_, (_, is_counted))| *is_counted).nth(number);
        counted.map(|(at, _)| at).ok_or_else(|| format!("{definition} has no step {number}"))
    };
    let (phase, done, last) = match (position, &read) {
        (Position::Doing(number), _) => (Phase::Forward, at(number)?, Some(StepState::Started)),
        // A step behind the first was refused, where nothing can be compensated: what was left lying is brought to its
        // end.
        (Position::Undoing(number), Work::Cancel { .. }) => (Phase::Forward, at(number)? + 1, None),
        (Position::Undoing(number), _) => (Phase::Back, at(number)?, Some(StepState::Unknown)),
        (Position::Done, _) => (Phase::Done, 0, None),
        (Position::Undone, _) => (Phase::Undone, 0, None),
    };
    let before = steps[..done].iter().map(|(name, _)| ((*name).to_owned(), StepState::Done));
    let current = last.map(|state| (steps[done].0.to_owned(), state));
    Ok(Record { definition: definition.to_owned(), phase, steps: before.chain(current).collect() })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use vitrine_platform_workflow::{Phase, StepState, Workflow};

    use super::record;
    use crate::definitions;

    fn buy(definition: Option<&str>, parcel_g: u32) -> Value {
        let mut work = json!({"Buy": {"order_id": "ord_1", "customer_id": "cus_1", "parcel_g": parcel_g, "order": ""}});
        if let Some(definition) = definition {
            work["Buy"]["definition"] = json!(definition);
        }
        work
    }

    fn cancel(shipment_id: &str) -> Value {
        json!({"Cancel": {"order_id": "ord_1", "payment_id": "pay_1", "shipment_id": shipment_id, "reservation_id": "rsv_1", "reason": ""}})
    }

    #[test]
    fn every_number_means_the_step_that_it_meant() {
        let definitions = definitions::all().expect("well formed");
        let purchase = ["take", "reserve", "authorize", "sell", "capture", "ship", "record", "settle"];
        let without_parcel = ["take", "reserve", "authorize", "sell", "capture", "record", "settle"];
        let cancellation = ["stop-parcel", "mark-cancelled", "refund", "release-stock", "mark-refunded"];
        let cases: [(Value, &[&str]); 8] = [
            (buy(Some("V2"), 900), &purchase),
            (buy(Some("V2"), 0), &without_parcel),
            (buy(Some("V1"), 900), &purchase[1..]),
            (buy(Some("V1"), 0), &without_parcel[1..]),
            (buy(None, 900), &purchase[1..]),
            (buy(None, 0), &without_parcel[1..]),
            (cancel("shp_1"), &cancellation),
            (cancel(""), &cancellation[1..]),
        ];
        for (work, steps) in cases {
            for (number, step) in steps.iter().enumerate() {
                let doing = record(&work, &json!({"Doing": number})).expect("a step");
                Workflow::read(&definitions, &doing).expect("it can be followed");
                assert_eq!((doing.phase, doing.steps[*step]), (Phase::Forward, StepState::Started), "{work} {number}");
                assert!(steps[..number].iter().all(|step| doing.steps[*step] == StepState::Done), "{work} {number}");
                assert!(steps[number + 1..].iter().all(|step| !doing.steps.contains_key(*step)), "{work} {number}");
                let undoing = record(&work, &json!({"Undoing": number})).expect("a step");
                Workflow::read(&definitions, &undoing).expect("it can be followed");
                // A cancellation that turned back half done is brought to its end.
                let phase = if work.get("Buy").is_some() { Phase::Back } else { Phase::Forward };
                assert_eq!(undoing.phase, phase, "{work} {number}");
                assert!(steps[..number].iter().all(|step| undoing.steps[*step] == StepState::Done), "{work} {number}");
            }
            for end in ["Done", "Undone"] {
                let ended = record(&work, &json!(end)).expect("an end");
                assert!(ended.phase.is_final() && ended.steps.is_empty(), "{work} {end}");
            }
            record(&work, &json!({"Doing": steps.len()})).expect_err("there is no such step");
        }
    }
}
