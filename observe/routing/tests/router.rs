//! What the router does with alerts, told as a story of times: what comes, and what is told on.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use vitrine_observe_routing::{
    AlertFilter, Config, LabelSet, Matcher, PostedAlert, Router, Silence, SilenceError, SilenceState, State,
};

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
/// The story begins on a Friday at noon.
const START: i64 = 1_795_780_800_000;

const CONFIG: &str = "
route: {receiver: team, group_by: [alertname], group_wait: 30s, group_interval: 5m, repeat_interval: 4h}
receivers: [{name: team, webhook_configs: [{url: 'http://a/'}]}]
inhibit_rules:
  - {source_matchers: [severity=critical], target_matchers: [severity=warning], equal: [zone]}
  - {source_matchers: [loop=yes], target_matchers: [loop=yes]}
";

struct Story {
    router: Router,
    now: i64,
}

fn labels(text: &str) -> LabelSet {
    text.split_whitespace().filter_map(|pair| pair.split_once('=')).map(|(n, v)| (n.to_owned(), v.to_owned())).collect()
}

impl Story {
    fn new(config: &str) -> Self {
        let config = Config::read(config, Path::new("")).expect("a configuration");
        Self { router: Router::new(Arc::new(config), State::default(), START), now: START }
    }

    fn fires(&mut self, text: &str) {
        let alert =
            PostedAlert { labels: labels(text), ends_at: Some(self.now + 24 * 60 * MINUTE), ..PostedAlert::default() };
        self.router.receive(vec![alert], self.now).expect("taken");
    }

    fn ends(&mut self, text: &str) {
        let alert = PostedAlert { labels: labels(text), ends_at: Some(self.now), ..PostedAlert::default() };
        self.router.receive(vec![alert], self.now).expect("taken");
    }

    fn waits(&mut self, ms: i64) {
        self.now += ms;
        self.router.advance(self.now);
    }

    /// What waits to be told: receiver, reason, and the alerts' names and values with a mark where they are over.
    fn waiting(&self) -> Vec<String> {
        let told = |delivery: &vitrine_observe_routing::Delivery| {
            let alerts = delivery.alerts.iter().map(|alert| {
                let mark = if delivery.is_resolved(alert) { "-" } else { "+" };
                let values: Vec<&str> = alert.labels.values().map(String::as_str).collect();
                format!("{mark}{}", values.join("/"))
            });
            format!("{}: {}: {}", delivery.receiver, delivery.reason.text(), alerts.collect::<Vec<_>>().join(" "))
        };
        self.router.state().outbox.values().map(told).collect()
    }

    /// The same, and all of it is taken.
    fn deliver(&mut self) -> Vec<String> {
        let waiting = self.waiting();
        for delivery in self.router.state().outbox.values().cloned().collect::<Vec<_>>() {
            self.router.delivered(&delivery.id, delivery.told.clone(), &delivery.dedup_key, BTreeMap::new());
        }
        waiting
    }

    fn refused(&mut self) {
        for delivery in self.router.state().outbox.values().cloned().collect::<Vec<_>>() {
            self.router.refused(&delivery.id, &delivery.dedup_key);
        }
    }

    /// The process dies, and another one goes on later with what was kept.
    fn dies(&mut self, for_ms: i64) {
        let kept = serde_json::to_string(self.router.state()).expect("JSON");
        let state = serde_json::from_str(&kept).expect("read again");
        self.now += for_ms;
        self.router = Router::new(self.router.config().clone(), state, self.now);
    }

    fn silences(&mut self, matcher: &str, for_ms: i64) -> String {
        let silence = silence(matcher, self.now, self.now + for_ms);
        let id = format!("{:032x}", self.router.state().silences.len());
        self.router.set_silence(silence, &id, self.now).expect("taken")
    }
}

fn silence(matcher: &str, starts_at: i64, ends_at: i64) -> Silence {
    Silence {
        id: String::new(),
        matcher_sets: vec![Matcher::parse_all(matcher).expect("a matcher")],
        starts_at,
        ends_at,
        updated_at: 0,
        created_by: "ada".to_owned(),
        comment: "known".to_owned(),
        annotations: LabelSet::new(),
    }
}

#[test]
fn a_group_waits_tells_and_tells_again_when_something_changes() {
    let mut story = Story::new(CONFIG);
    story.fires("alertname=a i=1");
    story.waits(29 * SECOND);
    story.fires("alertname=a i=2");
    story.fires("alertname=b i=1");
    assert_eq!(story.deliver(), [""; 0]);
    story.waits(SECOND);
    assert_eq!(story.deliver(), ["team: first notification: +a/1 +a/2"]);
    story.waits(29 * SECOND);
    assert_eq!(story.deliver(), ["team: first notification: +b/1"]);
    // Nothing has changed.
    story.waits(5 * MINUTE);
    assert_eq!(story.deliver(), [""; 0]);
    story.fires("alertname=a i=3");
    story.waits(5 * MINUTE);
    assert_eq!(story.deliver(), ["team: new alerts added: +a/1 +a/2 +a/3"]);
    story.ends("alertname=a i=3");
    story.waits(5 * MINUTE);
    assert_eq!(story.deliver(), ["team: some alerts resolved: +a/1 +a/2 -a/3"]);
    assert_eq!(story.router.state().alerts.len(), 3, "what was told to be over has left");
    story.ends("alertname=a i=1");
    story.ends("alertname=a i=2");
    story.waits(5 * MINUTE);
    assert_eq!(story.deliver(), ["team: all alerts resolved: -a/1 -a/2"]);
    assert_eq!(story.router.state().groups.len(), 1, "its group has ended");
    // It fires once more: the first notification of a new group.
    story.fires("alertname=a i=1");
    story.waits(30 * SECOND);
    assert_eq!(story.deliver(), ["team: first notification: +a/1"]);
}

#[test]
fn what_has_not_changed_is_repeated_in_steps_of_the_group_interval() {
    let mut story = Story::new(CONFIG);
    story.fires("alertname=a");
    story.waits(30 * SECOND);
    assert_eq!(story.deliver().len(), 1);
    let mut minutes = 0;
    while story.deliver().is_empty() {
        story.waits(5 * MINUTE);
        minutes += 5;
    }
    // At 4 h it is not older than 4 h.
    assert_eq!(minutes, 4 * 60 + 5);
}

#[test]
fn an_old_alert_is_told_at_once_and_a_short_one_never() {
    let mut story = Story::new(CONFIG);
    let old =
        PostedAlert { labels: labels("alertname=old"), starts_at: Some(START - MINUTE), ..PostedAlert::default() };
    story.router.receive(vec![old], START).expect("taken");
    story.waits(0);
    assert_eq!(story.deliver(), ["team: first notification: +old"]);
    story.fires("alertname=short");
    story.waits(10 * SECOND);
    story.ends("alertname=short");
    story.waits(20 * SECOND);
    assert_eq!(story.deliver(), [""; 0]);
    assert!(story.router.state().alerts.values().all(|alert| alert.name() == "old"));
    // Not told again, it ends with the resolve timeout of five minutes.
    story.waits(5 * MINUTE);
    assert_eq!(story.deliver(), ["team: all alerts resolved: -old"]);
    assert!(story.router.state().alerts.is_empty() && story.router.state().groups.is_empty());
}

#[test]
fn an_alert_is_merged_with_what_is_known_of_it() {
    let mut story = Story::new(CONFIG);
    let tell = |story: &mut Story, starts: i64, ends: Option<i64>| {
        let alert = PostedAlert {
            labels: labels("alertname=a"),
            starts_at: Some(starts),
            ends_at: ends,
            ..PostedAlert::default()
        };
        story.router.receive(vec![alert], story.now).expect("taken");
        let alert = story.router.state().alerts.values().next().expect("kept");
        (alert.starts_at - START, alert.ends_at - START)
    };
    assert_eq!(tell(&mut story, START, None), (0, 5 * MINUTE));
    story.now += MINUTE;
    // The earlier start counts, and the newer timeout.
    assert_eq!(tell(&mut story, START + MINUTE, None), (0, 6 * MINUTE));
    // An end that was said counts more than a timeout.
    assert_eq!(tell(&mut story, START + MINUTE, Some(START + 20 * MINUTE)), (0, 20 * MINUTE));
    assert_eq!(tell(&mut story, START + MINUTE, None), (0, 20 * MINUTE));
    story.now += MINUTE;
    assert_eq!(tell(&mut story, START + MINUTE, Some(START + 2 * MINUTE)), (0, 2 * MINUTE));
}

#[test]
fn what_was_refused_is_told_when_the_group_is_looked_at_again() {
    let mut story = Story::new(CONFIG);
    story.fires("alertname=a");
    story.waits(30 * SECOND);
    let key = |story: &Story| story.router.state().outbox.values().next().expect("waits").dedup_key.clone();
    let first = key(&story);
    story.refused();
    assert_eq!(story.waiting(), [""; 0]);
    story.waits(5 * MINUTE);
    // The same for the receiver, who may have seen it.
    assert_eq!((story.waiting().len(), key(&story)), (1, first.clone()));
    // Nobody answers; meanwhile more fires, and the notification that waits is another one.
    story.fires("alertname=a i=2");
    story.waits(5 * MINUTE);
    assert_ne!(key(&story), first);
    assert_eq!(story.deliver(), ["team: first notification: +a +a/2"]);
    story.ends("alertname=a");
    story.ends("alertname=a i=2");
    story.waits(5 * MINUTE);
    story.refused();
    story.waits(5 * MINUTE);
    assert_eq!(story.deliver(), ["team: all alerts resolved: -a -a/2"]);
}

#[test]
fn a_late_answer_counts_for_what_was_sent_and_not_for_what_is_newer() {
    let mut story = Story::new(CONFIG);
    story.fires("alertname=a i=1");
    story.waits(30 * SECOND);
    let sent = story.router.state().outbox.values().next().expect("waits").clone();
    story.fires("alertname=a i=2");
    story.waits(5 * MINUTE);
    story.router.delivered(&sent.id, sent.told.clone(), &sent.dedup_key, BTreeMap::new());
    assert_eq!(story.waiting(), ["team: first notification: +a/1 +a/2"], "the newer one still waits");
    story.waits(5 * MINUTE);
    assert_eq!(story.deliver(), ["team: new alerts added: +a/1 +a/2"], "it is known what was told");
}

#[test]
fn inhibited_alerts_are_not_told_and_nothing_inhibits_itself() {
    let mut story = Story::new(CONFIG);
    story.fires("alertname=up severity=critical zone=a");
    story.fires("alertname=slow severity=warning zone=a");
    story.fires("alertname=slow severity=warning zone=b");
    story.fires("alertname=slow severity=warning");
    story.fires("alertname=both loop=yes");
    story.waits(30 * SECOND);
    assert_eq!(
        story.deliver(),
        [
            "team: first notification: +both/yes",
            "team: first notification: +slow/warning +slow/warning/b",
            "team: first notification: +up/critical/a",
        ]
    );
    let views = story.router.alert_views(&AlertFilter { active: false, ..AlertFilter::default() }, story.now);
    assert_eq!((views.len(), views[0].status.inhibited_by.len()), (1, 1));
    story.ends("alertname=up severity=critical zone=a");
    story.waits(5 * MINUTE);
    let told = story.deliver();
    assert!(
        told.contains(&"team: new alerts added: +slow/warning +slow/warning/a +slow/warning/b".to_owned()),
        "{told:?}"
    );
}

#[test]
fn the_end_of_a_silenced_alert_is_told_when_the_silence_is_over() {
    let mut story = Story::new(CONFIG);
    story.fires("alertname=a i=1");
    story.waits(30 * SECOND);
    assert_eq!(story.deliver().len(), 1);
    story.silences("alertname=a", 20 * MINUTE);
    // One that fires and ends in silence was never told, and is not told to be over.
    story.fires("alertname=a i=2");
    story.waits(5 * MINUTE);
    story.ends("alertname=a i=1");
    story.ends("alertname=a i=2");
    story.waits(5 * MINUTE);
    story.waits(5 * MINUTE);
    assert_eq!(story.deliver(), [""; 0]);
    story.dies(MINUTE);
    story.waits(9 * MINUTE);
    assert_eq!(story.deliver(), ["team: all alerts resolved: -a/1"]);
    assert!(story.router.state().alerts.is_empty() && story.router.state().groups.is_empty());
}

#[test]
fn one_that_is_silenced_beside_others_is_owed_its_end() {
    let mut story = Story::new(CONFIG);
    story.fires("alertname=a i=1");
    story.fires("alertname=a i=2");
    story.waits(30 * SECOND);
    assert_eq!(story.deliver().len(), 1);
    let silence = story.silences("i=1", 60 * MINUTE);
    story.fires("alertname=a i=3");
    story.waits(5 * MINUTE);
    assert_eq!(story.deliver(), ["team: new alerts added: +a/2 +a/3"]);
    story.ends("alertname=a i=1");
    story.waits(5 * MINUTE);
    assert_eq!(story.deliver(), [""; 0]);
    story.router.expire_silence(&silence, story.now).expect("there");
    story.waits(5 * MINUTE);
    assert_eq!(story.deliver(), ["team: some alerts resolved: -a/1 +a/2 +a/3"]);
}

#[test]
fn time_intervals_mute_routes() {
    let config = "
route:
  receiver: team
  routes: [{receiver: team, matchers: [team=x], mute_time_intervals: [noon]}, {receiver: team, matchers: [team=y], active_time_intervals: [evening]}]
receivers: [{name: team, webhook_configs: [{url: 'http://a/'}]}]
time_intervals:
  - {name: noon, time_intervals: [{times: [{start_time: '12:00', end_time: '13:00'}]}]}
  - {name: evening, time_intervals: [{times: [{start_time: '18:00', end_time: '20:00'}]}]}";
    let mut story = Story::new(config);
    story.fires("team=x");
    story.fires("team=y");
    story.waits(30 * SECOND);
    assert_eq!(story.deliver(), [""; 0]);
    let groups = story.router.group_views(&AlertFilter::default(), story.now);
    let muted: Vec<&str> = groups.iter().flat_map(|group| &group.alerts[0].muted_by).map(String::as_str).collect();
    assert_eq!(muted, ["noon", "evening"]);
    assert!(story.router.group_views(&AlertFilter { muted: false, ..AlertFilter::default() }, story.now).is_empty());
    story.waits(60 * MINUTE);
    assert_eq!(story.deliver(), ["team: first notification: +x"]);
    story.waits(5 * 60 * MINUTE);
    let told = story.deliver();
    assert!(told.contains(&"team: first notification: +y".to_owned()), "{told:?}");
}

#[test]
fn silences_change_in_place_only_where_the_past_stays() {
    let mut story = Story::new(CONFIG);
    let first = story.silences("a=b", 60 * MINUTE);
    let set = |story: &mut Story, id: &str, matcher: &str, starts: i64, ends: i64| {
        let changed = Silence { id: id.to_owned(), ..silence(matcher, starts, ends) };
        let new = format!("new{}", story.router.state().silences.len());
        story.router.set_silence(changed, &new, story.now)
    };
    story.now += MINUTE;
    // A later end: the same silence.
    assert_eq!(set(&mut story, &first, "a=b", START, START + 90 * MINUTE), Ok(first.clone()));
    // Other matchers: another one, and the old one is over.
    let second = set(&mut story, &first, "a=c", START, START + 90 * MINUTE).expect("taken");
    assert_ne!(second, first);
    let state = |story: &Story, id: &str| story.router.state().silences[id].state(story.now);
    assert_eq!((state(&story, &first), state(&story, &second)), (SilenceState::Expired, SilenceState::Active));
    assert_eq!(story.router.state().silences[&second].starts_at, story.now, "it does not silence the past");
    // One that is over is not taken up again, but copied.
    assert_ne!(set(&mut story, &first, "a=b", START, START + 90 * MINUTE).expect("taken"), first);
    // One that will begin can begin at another time to come.
    let third = set(&mut story, "", "a=d", START + 60 * MINUTE, START + 90 * MINUTE).expect("taken");
    assert_eq!(state(&story, &third), SilenceState::Pending);
    assert_eq!(set(&mut story, &third, "a=d", START + 30 * MINUTE, START + 90 * MINUTE), Ok(third.clone()));
    story.router.expire_silence(&third, story.now).expect("there");
    story.router.expire_silence(&third, story.now).expect("it is over already");
    assert_eq!(state(&story, &third), SilenceState::Expired);
    for (id, matcher, starts, ends, told) in [
        ("gone", "a=b", 0, 60, "silence not found"),
        ("", "a=b", 60, 60, "start time must be before end time"),
        ("", "a=b", -60, -30, "end time can't be in the past"),
        ("", "", 0, 60, "matcher set 0 is empty"),
        ("", "a=~.*,b=\"\"", 0, 60, "must not match the empty string"),
    ] {
        let error = set(&mut story, id, matcher, START + starts * MINUTE, START + ends * MINUTE).expect_err(matcher);
        assert!(error.to_string().contains(told), "{matcher}: {error}");
    }
    assert_eq!(story.router.expire_silence("gone", story.now), Err(SilenceError::NotFound));
    // Five days after their ends they are forgotten.
    story.waits(6 * 24 * 60 * MINUTE);
    assert!(story.router.state().silences.is_empty());
}

#[test]
fn bad_alerts_are_named_and_the_good_ones_taken() {
    let mut story = Story::new(CONFIG);
    let good = PostedAlert { labels: labels("alertname=good"), ..PostedAlert::default() };
    let empty = PostedAlert { labels: [("a".to_owned(), String::new())].into(), ..PostedAlert::default() };
    let backwards =
        PostedAlert { labels: labels("alertname=b"), starts_at: Some(2), ends_at: Some(1), ..PostedAlert::default() };
    let long = PostedAlert { labels: [("alertname".to_owned(), "x".repeat(100_000))].into(), ..PostedAlert::default() };
    let nameless = PostedAlert { labels: [(String::new(), "x".to_owned())].into(), ..PostedAlert::default() };
    let refused =
        story.router.receive(vec![empty, backwards, long, nameless, good], story.now).expect_err("four are bad");
    assert_eq!(refused.0.len(), 4, "{refused}");
    assert_eq!(story.router.state().alerts.len(), 1);
}

#[test]
fn another_configuration_keeps_groups_that_stay_and_moves_the_others() {
    let mut story = Story::new(CONFIG);
    story.fires("alertname=a zone=a");
    story.fires("alertname=b zone=b");
    story.waits(30 * SECOND);
    assert_eq!(story.deliver().len(), 2);
    let changed = "
route: {receiver: team, group_by: [alertname], routes: [{receiver: other, matchers: [zone=b]}]}
receivers: [{name: team, webhook_configs: [{url: 'http://a/'}]}, {name: other, webhook_configs: [{url: 'http://b/'}]}]";
    let changed = Config::read(changed, Path::new("")).expect("a configuration");
    story.router.configure(Arc::new(changed), story.now);
    story.waits(30 * SECOND);
    assert_eq!(story.deliver(), ["other: first notification: +b/b"], "the other one knows already");
    story.ends("alertname=a zone=a");
    story.waits(5 * MINUTE);
    assert_eq!(story.deliver(), ["team: all alerts resolved: -a/a"]);
}

#[test]
fn who_could_not_be_heard_gets_time_to_tell_again() {
    let mut story = Story::new(CONFIG);
    let alert =
        PostedAlert { labels: labels("alertname=a"), ends_at: Some(START + 4 * MINUTE), ..PostedAlert::default() };
    story.router.receive(vec![alert], START).expect("taken");
    story.waits(30 * SECOND);
    assert_eq!(story.deliver().len(), 1);
    story.dies(60 * MINUTE);
    story.waits(MINUTE);
    assert_eq!(story.deliver(), [""; 0], "it is not over because nobody listened");
    // Nobody tells it again.
    story.waits(5 * MINUTE);
    assert_eq!(story.deliver(), ["team: all alerts resolved: -a"]);
}

#[derive(Clone, Debug)]
enum Event {
    Fires(u8),
    Ends(u8),
    Waits(u16),
    Taken,
    Refused,
    Dies,
    Silenced(u8),
}

fn event() -> impl proptest::strategy::Strategy<Value = Event> {
    use proptest::prelude::{Just, Strategy, prop_oneof};
    prop_oneof![
        (0..6u8).prop_map(Event::Fires),
        (0..6u8).prop_map(Event::Ends),
        (1..900u16).prop_map(Event::Waits),
        Just(Event::Taken),
        Just(Event::Refused),
        Just(Event::Dies),
        (0..6u8).prop_map(Event::Silenced),
    ]
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 64, ..Default::default() })]

    /// Whatever happens: a state that was kept part by part is the state, a restart changes nothing, and when all is over and everybody has been
    /// told, the receiver believes what is true and nothing is left.
    #[test]
    fn nothing_is_lost_and_everything_ends(events in proptest::collection::vec(event(), 1..60)) {
        let mut story = Story::new(CONFIG);
        let mut kept = State::default();
        let mut believed: BTreeMap<String, bool> = BTreeMap::new();
        for event in events {
            match event {
                Event::Fires(n) => story.fires(&format!("alertname=a{} i={n}", n % 2)),
                Event::Ends(n) => story.ends(&format!("alertname=a{} i={n}", n % 2)),
                Event::Waits(s) => story.waits(i64::from(s) * SECOND),
                Event::Taken => believe(&mut story, &mut believed),
                Event::Refused => story.refused(),
                Event::Silenced(n) => drop(story.silences(&format!("i={n}"), 10 * MINUTE)),
                Event::Dies => {
                    keep(&mut story.router, &mut kept);
                    proptest::prop_assert_eq!(essence(&kept), essence(story.router.state()));
                    let config = story.router.config().clone();
                    story.router = Router::new(config, kept.clone(), story.now);
                    proptest::prop_assert_eq!(essence(&kept), essence(story.router.state()));
                }
            }
            keep(&mut story.router, &mut kept);
        }
        for n in 0..6 {
            story.ends(&format!("alertname=a{} i={n}", n % 2));
        }
        for _ in 0..10 {
            story.waits(5 * MINUTE);
            believe(&mut story, &mut believed);
        }
        proptest::prop_assert!(believed.values().all(|fires| !fires), "{:?}", believed);
        proptest::prop_assert!(story.router.state().alerts.is_empty() && story.router.state().groups.is_empty());
        proptest::prop_assert!(story.router.state().outbox.is_empty());
    }
}

/// A state without when alerts were told last: what only fires on is not kept again.
fn essence(state: &State) -> State {
    let mut state = state.clone();
    for alert in state.alerts.values_mut() {
        if alert.ends_at > alert.updated_at {
            alert.ends_at = i64::MAX;
        }
        alert.updated_at = 0;
    }
    state
}

/// The receiver takes all that waits, and believes it.
fn believe(story: &mut Story, believed: &mut BTreeMap<String, bool>) {
    for delivery in story.router.state().outbox.values() {
        for alert in &delivery.alerts {
            believed.insert(format!("{:?}", alert.labels), !delivery.is_resolved(alert));
        }
    }
    story.deliver();
}

/// Keeps what has changed, as a database would.
fn keep(router: &mut Router, kept: &mut State) {
    let changes = router.take_changes();
    let state = router.state();
    macro_rules! part {
        ($part:ident) => {
            for id in &changes.$part {
                match state.$part.get(id) {
                    Some(value) => drop(kept.$part.insert(id.clone(), value.clone())),
                    None => drop(kept.$part.remove(id)),
                }
            }
        };
    }
    part!(alerts);
    part!(silences);
    part!(groups);
    part!(told);
    part!(outbox);
}
