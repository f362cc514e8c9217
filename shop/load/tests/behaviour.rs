//! The load generator, as seen by a shop and by a caller that reads its report.

#[path = "behaviour/paper.rs"]
mod paper;

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::time::Duration;

use http::Method;
use tokio::net::TcpSocket;
use tokio::sync::oneshot;
use tokio::time::Instant;
use vitrine_shop_load::http::{Call, Client, Failed};
use vitrine_shop_load::{Config, Error, Load, Report, Weights};

use paper::{ReceivedCall, Shop, problem};

const DECLINING: &str = "4000000000000002";
/// Within this, what should come about has.
const SOON: Duration = Duration::from_secs(30);

async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, work).await.expect("it should have come about by now")
}

/// Loads the shop for a while.
async fn run(config: Config, millis: u64) -> Report {
    let load = Load::new(Config { duration: Some(Duration::from_millis(millis)), ..config }).expect("fine");
    soon(load.run(pending())).await
}

/// Loads the shop until the condition holds.
async fn until(load: &Load, holds: impl Fn(&Load) -> bool) {
    soon(async {
        while !holds(load) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

fn sessions(asked: &[ReceivedCall]) -> BTreeSet<String> {
    asked.iter().map(|a| a.baggage.clone()).collect()
}

#[tokio::test]
async fn the_same_seed_makes_the_same_journeys() {
    let mut made = Vec::new();
    for seed in [7, 7, 8] {
        let shop = Shop::new(|_| None).await;
        let report = run(Config { seed, ..shop.config(400.0, Weights::only_browse()) }, 200).await;
        assert_eq!(report.all_requests.errors, 0, "{report}");
        let sessions = sessions(&shop.asked());
        assert_eq!(sessions.len() as u64, report.all_journeys.count);
        assert!(sessions.iter().all(|s| s.starts_with("session.id=") && s.ends_with(",synthetic_request=true")));
        made.push(sessions);
    }
    assert!(made[0].len() > 40, "400 a second for 0.2 s: {}", made[0].len());
    assert_eq!(made[0], made[1]);
    assert!(made[0].is_disjoint(&made[2]));
}

#[tokio::test]
async fn a_stall_shows_for_everybody_who_came_during_it() {
    const HELD: usize = 60;
    let shop = Shop::new(|_| None).await;
    shop.open(false);
    let load = Load::new(shop.config(200.0, Weights::only_browse())).expect("fine");
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn({
        let load = load.clone();
        async move { load.run(async { stopped.await.expect("told to stop") }).await }
    });
    soon(shop.was_asked(HELD)).await;
    // No one had an answer, and they came all the same.
    assert_eq!(load.progress().requests, 0);
    stop.send(()).expect("it runs");
    let opened = Instant::now();
    shop.open(true);
    let report = soon(running).await.expect("it ended");
    assert_eq!((report.all_requests.errors, report.shed), (0, 0), "{report}");
    // How long each had been held when the stall ended, longest first; no one can have waited for less.
    let held: Vec<Duration> =
        shop.asked().iter().map(|a| opened.duration_since(a.at)).filter(|held| !held.is_zero()).collect();
    let at_least = |rank: u64| held[usize::try_from(rank).expect("small")].as_secs_f64() * 1000.0;
    let (journeys, requests) = (&report.all_journeys, &report.all_requests);
    assert!(journeys.max_ms >= at_least(0), "{report}");
    assert!(journeys.p50_ms >= at_least(journeys.count / 2), "{report}");
    assert!(requests.p99_ms >= at_least(requests.count / 100 + 1), "{report}");
}

#[tokio::test]
async fn who_finds_no_room_is_counted_and_does_not_wait() {
    const ROOM: usize = 3;
    let shop = Shop::new(|_| None).await;
    shop.open(false);
    let load = Load::with_room(shop.config(1000.0, Weights::only_browse()), ROOM).expect("fine");
    let full = async {
        until(&load, |l| l.progress().shed >= 20).await;
        shop.was_asked(ROOM).await;
        let now = load.progress();
        assert_eq!((now.started, now.in_flight, now.requests), (3, 3, 0), "{now:?}");
    };
    let report = soon(load.run(async {
        full.await;
        shop.open(true);
    }))
    .await;
    assert!(report.shed >= 20, "{report}");
    assert_eq!((report.all_journeys.count, report.all_journeys.errors), (3, 0), "{report}");
    assert_eq!(sessions(&shop.asked()).len(), ROOM);
}

#[tokio::test]
async fn declined_cards_are_no_errors() {
    let shop = Shop::new(|asked| asked.pays_with(DECLINING).then(|| problem(422, "CARD_DECLINED")).flatten()).await;
    let report = run(shop.config(1500.0, Weights::only_buy_one()), 400).await;
    let asked = shop.asked();
    let declined = asked.iter().filter(|a| a.pays_with(DECLINING)).count() as u64;
    let orders = asked.iter().filter(|a| a.is_order()).count() as u64;
    assert!(declined > 0 && declined < orders / 20, "{declined} of {orders}");
    assert_eq!((report.all_requests.errors, report.all_journeys.errors), (0, 0), "{report}");
    assert_eq!((report.all_requests.refused, report.all_journeys.refused), (declined, declined), "{report}");
    assert_eq!(report.orders, orders - declined);
    assert_eq!(asked.iter().filter(|a| a.is_order()).map(|a| &a.key).collect::<BTreeSet<_>>().len() as u64, orders);
    let signed_up = asked.iter().filter(|a| a.path == "/api/v1/customers").count();
    assert!((1..=64).contains(&signed_up), "customers are used again: {signed_up}");
}

#[tokio::test]
async fn cards_that_are_treated_wrongly_are_errors() {
    let shop = Shop::new(|asked| {
        (asked.is_order() && !asked.pays_with(DECLINING)).then(|| problem(422, "CARD_DECLINED")).flatten()
    })
    .await;
    let report = run(shop.config(1500.0, Weights::only_buy_one()), 400).await;
    assert_eq!((report.orders, report.all_requests.refused), (0, 0), "{report}");
    let kinds: BTreeSet<&str> = report.examples.iter().map(|(kind, ..)| kind.as_str()).collect();
    assert_eq!(kinds, BTreeSet::from(["POST order: 422 CARD_DECLINED", "POST order: accepted"]), "{report}");
}

#[tokio::test]
async fn sold_out_is_a_refusal_and_breakage_is_an_error_with_an_example() {
    for (status, code, is_refusal) in
        [(409, "OUT_OF_STOCK", true), (429, "SLOW_DOWN", true), (500, "INTERNAL", false), (409, "CONFLICT", false)]
    {
        let shop = Shop::new(move |asked| if asked.is_order() { problem(status, code) } else { None }).await;
        let report = run(shop.config(300.0, Weights::only_buy_one()), 100).await;
        let row = report.requests.iter().find(|r| r.name == "POST order").expect("orders");
        assert!(row.count > 10, "{report}");
        assert_eq!((row.refused, row.errors), if is_refusal { (row.count, 0) } else { (0, row.count) }, "{code}");
        let example = format!("{} x POST order: {status} {code}: because of {code}", row.count);
        assert_eq!(report.to_string().contains(&example), !is_refusal, "{report}");
    }
}

#[tokio::test]
async fn some_ask_again_with_the_same_key_when_nobody_knows_the_outcome() {
    let shop = Shop::new(|asked| if asked.is_order() { problem(503, "UNAVAILABLE") } else { None }).await;
    run(shop.config(1500.0, Weights::only_buy_one()), 400).await;
    let mut asked: BTreeMap<String, usize> = BTreeMap::new();
    for order in shop.asked().into_iter().filter(ReceivedCall::is_order) {
        *asked.entry(order.key).or_default() += 1;
    }
    assert!(asked.values().all(|times| matches!(times, 1 | 3)), "{asked:?}");
    let again = asked.values().filter(|times| **times == 3).count();
    assert!((asked.len() / 30..asked.len() / 4).contains(&again), "one in ten: {again} of {}", asked.len());
}

#[tokio::test]
async fn every_journey_goes_its_way() {
    let shop = Shop::new(|asked| asked.pays_with(DECLINING).then(|| problem(422, "CARD_DECLINED")).flatten()).await;
    let report = run(shop.config(1000.0, Weights::default()), 500).await;
    assert_eq!(report.all_requests.errors, 0, "{report}");
    let journeys: Vec<&str> = report.journeys.iter().map(|r| r.name.as_str()).collect();
    assert_eq!(journeys.len(), 7, "{journeys:?}");
    for (method, path) in [
        ("GET", "/api/v1/categories"),
        ("GET", "/api/v1/products/prd_a/picture.svg"),
        ("GET", "/api/v1/recommendations"),
        ("GET", "/api/v1/ads"),
        ("GET", "/api/v1/products/search"),
        ("PUT", "/api/v1/cart/items/prd_a"),
        ("DELETE", "/api/v1/cart/items/prd_a"),
        ("POST", "/api/v1/orders/ord_a/cancel"),
        ("GET", "/api/v1/orders/ord_a/shipment"),
    ] {
        assert!(shop.asked().iter().any(|a| a.method == method && a.path == path), "{method} {path}");
    }
    assert!(shop.asked().iter().any(|a| a.body.contains("grant_type=refresh_token")));
    assert!(shop.asked().iter().any(|a| a.body.contains("%40load.vitrine.example")));
    assert!(!shop.asked().iter().any(|a| a.path.contains("prd_gone") && a.path.contains("cart")));
}

#[tokio::test]
async fn who_is_not_accepted_any_more_makes_room_for_somebody_new() {
    let shop = Shop::new(|asked| if asked.path == "/oauth2/authorize" { problem(401, "INVALID") } else { None }).await;
    let report = run(shop.config(300.0, Weights::only_buy_one()), 100).await;
    let signed_up = shop.asked().iter().filter(|a| a.path == "/api/v1/customers").count() as u64;
    assert_eq!(signed_up, report.all_journeys.count, "{report}");
}

#[tokio::test]
async fn a_shop_that_is_not_there_is_counted_and_no_more() {
    // Taken, so that no one else listens there, and not listened to.
    let deaf = TcpSocket::new_v4().expect("a socket");
    deaf.bind(([127, 0, 0, 1], 0).into()).expect("a port");
    let base_url = format!("http://{}", deaf.local_addr().expect("an address"));
    let config = Config { base_url, rate: 200.0, seed: 1, duration: None, weights: Weights::default() };
    let report = run(config, 200).await;
    assert!(report.all_journeys.count > 10 && report.all_journeys.count < 100, "{report}");
    assert_eq!(report.all_requests.count, report.all_journeys.count, "one request each, none again: {report}");
    assert_eq!(report.all_requests.errors, report.all_requests.count);
    assert!(report.to_string().contains("unreachable: the shop cannot be reached"), "{report}");
}

#[tokio::test]
async fn it_stops_when_told_and_lets_journeys_end() {
    let shop = Shop::new(|_| None).await;
    let load = Load::new(shop.config(300.0, Weights::only_browse())).expect("fine");
    let report = soon(load.run(until(&load, |l| l.progress().journeys >= 10))).await;
    let now = load.progress();
    assert_eq!((now.in_flight, now.failed, now.started), (0, 0, report.all_journeys.count), "{now:?}");
    let never_began = Load::new(shop.config(0.001, Weights::only_browse())).expect("fine");
    assert_eq!(soon(never_began.run(async {})).await.all_journeys.count, 0);
}

#[tokio::test]
async fn answers_are_bounded_in_time_and_size() {
    let long = "x".repeat(5 * 1024 * 1024);
    let shop = Shop::new(move |_| Some((200, long.clone().into()))).await;
    let client = Client::new(&format!("http://{}/", shop.address)).expect("fine");
    let get = || Call::new(Method::GET, "/");
    assert_eq!(client.send(get()).await.expect_err("too long"), Failed::TooLong);
    shop.open(false);
    let bound = Duration::from_millis(1);
    assert_eq!(client.with_timeout(bound).send(get()).await.expect_err("too late"), Failed::Late(bound));
}

#[test]
fn what_cannot_be_made_is_refused_with_what_was_expected() {
    let good = || Config {
        base_url: "http://127.0.0.1:1".to_owned(),
        rate: 1.0,
        seed: 1,
        duration: None,
        weights: Weights::default(),
    };
    let check = |config: Config, wanted: &str| {
        let error: Error = Load::new(config).err().expect(wanted);
        assert!(error.to_string().contains(wanted), "{error}");
    };
    for rate in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e9] {
        check(Config { rate, ..good() }, "expected more than 0, at most 100000");
    }
    for base_url in ["", "shop", "https://shop.example", "http://", "http://shop/?a=b"] {
        check(Config { base_url: base_url.to_owned(), ..good() }, "expected http://HOST:PORT");
    }
    let weights = Weights { browse: 0, ..Weights::only_browse() };
    check(Config { weights, ..good() }, "expected at least one kind of journey");
    assert!(Load::new(good()).is_ok());
}
