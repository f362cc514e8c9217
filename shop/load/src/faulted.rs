//! What faults make of those who shop: more of them, machines among them, all for one thing, or for something else.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::task::JoinSet;
use vitrine_platform_faults::{Call, Effect, Live, Site, is_within};

use crate::arrivals::Arrival;
use crate::config::Weights;
use crate::http::{Call as Request, Client};

/// Most requests of a flood that are under way. Those for which there is no room are not made.
const MAX_FLOODING: usize = 256;
/// How often a flood is looked after.
const STEP: Duration = Duration::from_millis(10);

/// What becomes of an arrival: how many times as fast it follows the one before, and for what it comes, if it still does.
pub(crate) fn arrival(site: &Site, intended: Arrival) -> (f64, Option<Arrival>) {
    let is_meant = |effect: &Effect| matches!(effect, Effect::Surge { .. } | Effect::Mix(_));
    let Some(ruling) = site.decide_on(&Call::default(), is_meant) else { return (1.0, Some(intended)) };
    let (mut factor, mut changed) = (1.0, intended);
    for effect in ruling.effects() {
        match effect {
            Effect::Surge { factor: more } => factor *= more,
            // By the arrival's own seed: the same people come for the same.
            Effect::Mix(weights) => {
                changed.journey = of(weights).pick(&mut StdRng::seed_from_u64(intended.seed));
            }
            _ => {}
        }
    }
    // Fewer come by staying away, not by being awaited: when the fault ends, the next one is as near as ever.
    let comes = factor >= 1.0 || is_within(intended.seed, factor);
    (factor.max(1.0), comes.then_some(changed))
}

/// Weights as a fault names them; kinds that it leaves out do not come.
fn of(weights: &BTreeMap<String, u32>) -> Weights {
    let weight = |name: &str| weights.get(name).copied().unwrap_or(0);
    Weights {
        browse: weight("browse"),
        search: weight("search"),
        cart: weight("cart"),
        buy_one: weight("buy_one"),
        buy_many: weight("buy_many"),
        come_back: weight("come_back"),
        cancel: weight("cancel"),
    }
}

/// The product that someone takes instead of what they would have chosen.
pub(crate) fn hot(site: &Site, rng: &mut StdRng) -> Option<String> {
    let ruling = site.decide_on(&Call::default(), |effect| matches!(effect, Effect::Hot { .. }))?;
    ruling.effects().find_map(|effect| match effect {
        Effect::Hot { product, share } if rng.random_bool(share.clamp(0.0, 1.0)) => Some(product.clone()),
        _ => None,
    })
}

/// Makes floods while there are any. It ends when it is dropped.
pub(crate) async fn flood(site: Site, client: Client) {
    let (mut requests, mut due, mut known) = (JoinSet::new(), 0.0, None);
    let mut pace = tokio::time::interval(STEP);
    pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        pace.tick().await;
        while requests.try_join_next().is_some() {}
        let found = site.is_armed().then(|| site.at_work().into_iter().find_map(as_flood)).flatten();
        let Some((live, path, rps)) = found else {
            (due, known) = (0.0, None);
            continue;
        };
        if known != Some(live.id()) {
            known = Some(live.id());
            site.begins(&live);
        }
        due += f64::from(rps) * site.strength(&live) * STEP.as_secs_f64();
        while due >= 1.0 {
            due -= 1.0;
            if requests.len() < MAX_FLOODING {
                let (client, request) = (client.clone(), Request::new(Method::GET, &path));
                // Nobody waits for what a machine is told.
                requests.spawn(async move { drop(client.send(request).await) });
            }
        }
    }
}

fn as_flood(live: Arc<Live>) -> Option<(Arc<Live>, String, u32)> {
    match &live.fault().what {
        Effect::Flood { path, rps } => {
            let (path, rps) = (path.clone(), *rps);
            Some((live, path, rps))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rand::SeedableRng;
    use rand::rngs::StdRng;
    use tokio::net::TcpListener;
    use vitrine_platform_faults::effect::JOURNEYS;
    use vitrine_platform_faults::{At, Fault, Faults, Site, SiteName, check};

    use super::{arrival, flood, hot, of};
    use crate::arrivals::{Arrivals, Journey};
    use crate::config::Weights;
    use crate::http::Client;

    fn arm(faults: &Faults, what: &str) {
        vitrine_tests_faults::arm(faults, what, r#""at": "load", "service": ["load"]"#);
    }

    fn load() -> (Faults, Site) {
        let faults = Faults::default();
        let site = faults.site(SiteName::new(At::Load, "load"));
        (faults, site)
    }

    #[test]
    fn more_come_and_for_something_else_until_it_ends() {
        let (faults, site) = load();
        let some = Arrivals::new(7, 10.0, Weights::only_browse()).next().expect("endless");
        assert_eq!(arrival(&site, some), (1.0, Some(some)));
        arm(&faults, r#"{"surge": {"factor": 5}}"#);
        assert_eq!(arrival(&site, some), (5.0, Some(some)));
        arm(&faults, r#"{"surge": {"factor": 0}}"#);
        assert_eq!(arrival(&site, some), (1.0, None));
        arm(&faults, r#"{"surge": {"factor": 0.3}}"#);
        let come =
            Arrivals::new(7, 10.0, Weights::only_browse()).take(1_000).filter(|a| arrival(&site, *a).1.is_some());
        let come = come.count();
        assert!((240..360).contains(&come), "three in ten: {come}");
        arm(&faults, r#"{"mix": {"search": 1}}"#);
        assert_eq!(arrival(&site, some).1.expect("it comes").journey, Journey::Search);
        vitrine_tests_faults::clear(&faults);
        assert_eq!(arrival(&site, some), (1.0, Some(some)));
    }

    #[test]
    fn each_journey_that_a_fault_may_name_is_one() {
        for name in JOURNEYS {
            assert_eq!(of(&[((*name).to_owned(), 3)].into()).sum(), 3, "{name}");
        }
        assert_eq!(JOURNEYS.len(), 7);
        let unknown =
            br#"{"what": {"mix": {"steal": 1}}, "where": {"at": "load", "service": ["load"]}, "timing": {"ttl_s": 9}}"#;
        let said = check(&Fault::from_json(unknown).expect("a fault"));
        assert_eq!((said.len(), said[0].place.as_str()), (1, "what.mix.steal"));
    }

    #[test]
    fn a_share_of_them_wants_one_thing() {
        let (faults, site) = load();
        let mut rng = StdRng::seed_from_u64(1);
        assert_eq!(hot(&site, &mut rng), None);
        arm(&faults, r#"{"hot": {"product": "prd_1", "share": 0.5}}"#);
        let hits = (0..1_000).filter(|_| hot(&site, &mut rng).as_deref() == Some("prd_1")).count();
        assert!((400..600).contains(&hits), "{hits}");
    }

    #[tokio::test]
    async fn a_flood_comes_and_goes() {
        let (faults, site) = load();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let client = Client::new(&format!("http://{}", listener.local_addr().expect("an address"))).expect("a URL");
        let flooding = tokio::spawn(flood(site, client));
        arm(&faults, r#"{"flood": {"path": "/", "rps": 500}}"#);
        let come = async {
            for _ in 0..3 {
                listener.accept().await.expect("one comes");
            }
        };
        tokio::time::timeout(Duration::from_secs(20), come).await.expect("they come");
        assert_eq!(faults.reports()[0].counts.hit, 1);
        flooding.abort();
    }
}
