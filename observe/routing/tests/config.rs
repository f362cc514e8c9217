//! Alertmanager's configuration: what is read, what is inherited, and what is told of mistakes.

use std::path::Path;
use std::time::Duration;

use vitrine_observe_routing::{Config, GroupBy, Kind, LabelSet, Payload};
use vitrine_platform_fetch::SecretSource;

const EXAMPLE: &str = r#"
global:
  resolve_timeout: 10m
  smtp_smarthost: 'localhost:25'
  smtp_from: 'alertmanager@example.org'
  smtp_auth_password: "multiline\nmysecret"
  slack_api_url: "http://mysecret.example.com/"
  opsgenie_api_key: mysecret
  http_config: {proxy_url: 'http://127.0.0.1:1025'}
templates: ['templates/*.tmpl']
route:
  receiver: team-X-mails
  group_by: ['alertname', 'cluster', 'service']
  labels: {env: prod}
  routes:
    - match_re: {service: ^(foo1|foo2|baz)$}
      receiver: team-X-mails
      routes:
        - match: {severity: critical}
          receiver: team-X-pager
          group_wait: 0s
          labels: {tier: "1"}
    - matchers: [service="files", 'severity=~"warning|critical"']
      receiver: team-Y
      continue: true
      group_by: ['...']
      repeat_interval: 3h
      mute_time_intervals: [nights]
    - matchers: [service="files"]
      receiver: team-X-pager
      group_by: []
inhibit_rules:
  - source_matchers: [severity="critical"]
    target_matchers: [severity="warning"]
    equal: [alertname]
receivers:
  - name: team-X-mails
    email_configs: [{to: 'x@example.org, y@example.org', headers: {reply-to: a}}]
  - name: team-X-pager
    labels: {owner: x}
    pagerduty_configs: [{routing_key: mysecret, details: {team: X, count: 3}}]
    opsgenie_configs: [{responders: [{name: ops, type: Team}]}]
  - name: team-Y
    webhook_configs:
      - url: 'http://user:mysecret@example.org/{{ .GroupLabels.alertname }}'
        send_resolved: false
        payload: {text: '{{ .Status }}', n: 1, quoted: "1", list: [true, ~]}
    slack_configs: [{channel: '#y', fields: [{title: a, value: b}]}]
    msteamsv2_configs: [{webhook_url_file: teams.url}]
    discord_configs: [{webhook_url: 'https://discord.example/mysecret'}]
    telegram_configs: [{bot_token: mysecret, chat_id: -100, parse_mode: ''}]
time_intervals:
  - name: nights
    time_intervals: [{times: [{start_time: '22:00', end_time: '24:00'}], location: Europe/Berlin}]
"#;

fn labels(pairs: &[(&str, &str)]) -> LabelSet {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn mistakes(text: &str) -> Vec<String> {
    let read = Config::read(text, Path::new("/etc/alerts"));
    read.map(|_| Vec::new()).unwrap_or_else(|mistakes| mistakes.iter().map(ToString::to_string).collect())
}

#[test]
fn routes_are_found_depth_first_and_inherit() {
    let config = Config::read(EXAMPLE, Path::new("/etc/alerts")).expect("a good file");
    let found = |pairs: &[(&str, &str)]| {
        let routes = config.routes.of(&labels(pairs));
        routes.iter().map(|route| route.id.clone()).collect::<Vec<_>>()
    };
    assert_eq!(found(&[("service", "other")]), ["{}"]);
    let foo = r#"{}/{service=~"^(foo1|foo2|baz)$"}/0"#;
    assert_eq!(found(&[("service", "foo1")]), [foo]);
    assert_eq!(
        found(&[("service", "foo1"), ("severity", "critical")]),
        [format!(r#"{foo}/{{severity="critical"}}/0"#)]
    );
    // The first of these goes on, the second does not.
    let both = found(&[("service", "files"), ("severity", "warning")]);
    assert_eq!(both, [r#"{}/{service="files",severity=~"warning|critical"}/1"#, r#"{}/{service="files"}/2"#]);

    let pager = config.routes.of(&labels(&[("service", "foo1"), ("severity", "critical")]))[0];
    assert_eq!((pager.group_wait, pager.group_interval), (Duration::ZERO, Duration::from_secs(300)));
    assert_eq!(pager.labels, labels(&[("env", "prod"), ("tier", "1")]));
    let named = ["alertname", "cluster", "service"].map(str::to_owned).into();
    assert_eq!(pager.group_by, GroupBy::Labels(named));
    let files = config.routes.of(&labels(&[("service", "files"), ("severity", "warning")]));
    assert_eq!((&files[0].group_by, files[0].repeat_interval), (&GroupBy::All, Duration::from_secs(3 * 3600)));
    assert_eq!((&files[1].group_by, files[1].mute_time_intervals.len()), (&GroupBy::Labels([].into()), 0));
    assert_eq!(config.resolve_timeout, Duration::from_secs(600));
    assert_eq!(config.templates, [Path::new("/etc/alerts/templates/*.tmpl")]);
}

#[test]
fn receivers_have_what_they_say_and_what_is_said_for_all() {
    let config = Config::read(EXAMPLE, Path::new("/etc/alerts")).expect("a good file");
    let mails = &config.receiver("team-X-mails").expect("there").integrations[0];
    let Kind::Email(email) = &mails.kind else { panic!("{mails:?}") };
    assert_eq!(
        (email.smtp.smarthost.clone(), email.smtp.requires_tls, mails.sends_resolved),
        (Some(("localhost".to_owned(), 25)), true, false)
    );
    assert_eq!(email.headers.keys().collect::<Vec<_>>(), ["Reply-To"]);

    let pager = config.receiver("team-X-pager").expect("there");
    assert_eq!(pager.labels, labels(&[("name", "team-X-pager"), ("owner", "x")]));
    assert_eq!(pager.integrations.iter().map(|i| i.id()).collect::<Vec<_>>(), ["pagerduty[0]", "opsgenie[0]"]);
    let Kind::PagerDuty(duty) = &pager.integrations[0].kind else { panic!() };
    assert_eq!(duty.details["count"], Payload::Number(3.into()));
    assert_eq!(duty.details["num_firing"], Payload::Text("{{ .Alerts.Firing | len }}".to_owned()));
    let Kind::Opsgenie(opsgenie) = &pager.integrations[1].kind else { panic!() };
    assert_eq!(
        (opsgenie.responders[0].r#type.as_str(), opsgenie.api_url.as_str()),
        ("team", "https://api.opsgenie.com/")
    );
    assert!(
        pager.integrations.iter().all(|integration| !integration.http.proxies.is_empty() && integration.sends_resolved)
    );

    let y = &config.receiver("team-Y").expect("there").integrations;
    assert_eq!(y.iter().map(|i| i.sends_resolved).collect::<Vec<_>>(), [false, false, true, true, true]);
    let Kind::Webhook(webhook) = &y[0].kind else { panic!() };
    let payload = webhook.payload.as_ref().expect("there");
    let shouted = payload.rendered(&mut |text: &str| Ok::<_, ()>(text.to_uppercase())).expect("rendered");
    assert_eq!(shouted, serde_json::json!({ "TEXT": "{{ .STATUS }}", "N": 1, "QUOTED": "1", "LIST": [true, null] }));
    let Kind::Slack(slack) = &y[1].kind else { panic!() };
    assert_eq!(slack.url, SecretSource::Text("http://mysecret.example.com/".into()));
    assert_eq!(slack.title, "{{ template \"slack.default.title\" . }}");
    let Kind::Teams(teams) = &y[2].kind else { panic!() };
    assert_eq!(teams.url, SecretSource::File("/etc/alerts/teams.url".into()));
    let Kind::Telegram(telegram) = &y[4].kind else { panic!() };
    assert_eq!(telegram.parse_mode, "");
}

#[test]
fn what_is_shown_has_no_secret_and_says_the_same() {
    let config = Config::read(EXAMPLE, Path::new("/etc/alerts")).expect("a good file");
    assert!(!config.shown.contains("mysecret"), "{}", config.shown);
    assert!(
        config.shown.contains("slack_api_url: \"<secret>\"") || config.shown.contains("slack_api_url: <secret>"),
        "{}",
        config.shown
    );
    // What stands for a secret is none, and no URL either; the rest is read again as it was.
    let again = config
        .shown
        .replace("webhook_url: <secret>", "webhook_url: 'http://a/'")
        .replace(": <secret>", ": 'http://b/'");
    let again = Config::read(&again, Path::new("/etc/alerts")).unwrap_or_else(|m| panic!("{m:?}\n{}", config.shown));
    assert_eq!(
        (again.routes, again.inhibit_rules, again.time_intervals),
        (config.routes, config.inhibit_rules, config.time_intervals)
    );
    assert!(Config::default().shown.contains("nobody"));
}

#[test]
fn all_mistakes_are_told_with_their_lines() {
    let text = "
global: {resolve_timeout: soon}
route:
  receiver: nobody
  matchers: [a=b]
  continue: true
  group_interval: 0s
  routes:
    - reciever: team
      group_by: [a, '...']
      matchers: ['a=~(']
      mute_time_intervals: [never]
receivers:
  - name: team
    webhook_configs: [{max_alerts: 1}]
    telegram_configs: [{bot_token: t, bot_token_file: f}]
    wechat_configs: [{}]
  - name: team
    slack_configs: [{api_url: 'not a url'}]
  - email_configs: [{from: a}]
";
    let told = mistakes(text).join("\n");
    for expected in [
        "2:27: resolve_timeout: expected a duration",
        "undefined receiver \"nobody\" used in route",
        "root route must not have any matchers",
        "cannot have continue in root route",
        "7:19: group_interval cannot be zero",
        "9:7: unknown field \"reciever\": did you mean \"receiver\"?",
        "cannot have wildcard group_by (`...`) and other labels at the same time",
        "11:17: matchers: \"a=~(\"",
        "undefined time interval \"never\" used in route",
        "one of url or url_file must be configured",
        "bot_token and bot_token_file are both set",
        "missing chat_id or chat_id_file",
        "no global Wechat Api Secret set either inline or in a file",
        "no global Wechat CorpID set",
        "notification config name \"team\" is not unique",
        "api_url: expected a URL",
        "missing to address in email config",
        "no global SMTP smarthost set",
        "the field \"name\" is missing",
    ] {
        assert!(told.contains(expected), "{expected}\n{told}");
    }
    // A URL that is none may be one but for a letter, and a secret.
    assert!(!told.contains("not a url"), "{told}");
    for (text, expected) in [
        ("", "the field \"route\" is missing"),
        ("route: {}", "root route must specify a default receiver"),
        ("route: []", "expected a map"),
        ("route: {receiver: a}\nreceivers: [{name: a}]\nglobal: 7", "expected a map"),
        (
            "route: {receiver: a, routes: [{receiver: a, group_by: [b, b]}]}\nreceivers: [{name: a}]",
            "duplicated label \"b\"",
        ),
        ("route: {receiver: a}\nreceivers: [{name: a, labels: {name: b}}]", "must match receiver name"),
        ("route: {receiver: a}\nreceivers: [{name: a}]\ntracing: {endpoint: a}", "tracing: Vitrine's own settings"),
        ("route: {receiver: a}\nreceivers: [{name: a}]\ntime_intervals: [{name: a}, {name: a}]", "is not unique"),
    ] {
        let told = mistakes(text).join("\n");
        assert!(told.contains(expected), "{text}: {told}");
    }
}
