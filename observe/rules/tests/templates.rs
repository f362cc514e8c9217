//! Templates do what Go's do. Cases are facts of Prometheus's `template_test.go`, of Alertmanager's, and of Go's documentation.

use std::fmt::Write as _;

use proptest::{prop_assert_eq, proptest};
use vitrine_observe_promql::{Point, Sample};
use vitrine_observe_rules::template::{
    GoTime, ListKind, MapKind, NotificationFunctions, RuleFunctions, TemplateError, Templates, Value,
};
use vitrine_observe_series::Labels;

const NOW_MS: i64 = 1_353_755_652_000;
const URL: &str = "http://testhost:9090/path/prefix";

fn samples() -> Vec<Sample> {
    let sample = |instance: &str, value: f64| Sample {
        labels: Labels::of([("__name__", "metric"), ("instance", instance), ("__value__", "v")]),
        time_ms: 0,
        value: Point::Float(value),
    };
    vec![sample("b", 21.0), sample("a", 11.0)]
}

fn expand(text: &str, data: &Value) -> Result<String, TemplateError> {
    let query = |query: &str, at: i64| {
        assert_eq!(at, NOW_MS);
        match query {
            "missing" => Ok(Vec::new()),
            "bad" => Err("no such thing".to_owned()),
            _ => Ok(samples()),
        }
    };
    Templates::default().expand("test", text, data, &RuleFunctions::new(NOW_MS, URL, &query))
}

fn floats(values: &[f64]) -> Value {
    Value::list(values.iter().map(|value| Value::Float(*value)))
}

#[test]
fn the_language_is_gos() {
    let data = Value::texts(MapKind::Texts, [("a", "1"), ("b", "")]);
    for (text, expected) in [
        ("plain text", "plain text"),
        ("{{ 1 }}", "1"),
        ("a {{- /* comment */ -}} b", "ab"),
        ("a {{/* comment */}} b", "a  b"),
        ("x  {{- 1 -}}  y", "x1y"),
        ("{{ .a }}{{ .b }}{{ .none }}|", "1|"),
        ("{{ . }}", "map[a:1 b:]"),
        ("{{ $x := .a }}{{ $x }}{{ $x = \"2\" }}{{ $x }}", "12"),
        ("{{ if .a }}yes{{ else }}no{{ end }}{{ if .b }}yes{{ else }}no{{ end }}", "yesno"),
        ("{{ if .b }}1{{ else if .a }}2{{ else }}3{{ end }}", "2"),
        ("{{ with .b }}1{{ else with .a }}2{{ . }}{{ end }}", "21"),
        ("{{ with $y := .a }}{{ $y }}{{ . }}{{ end }}", "11"),
        ("{{ range $k, $v := . }}{{ $k }}={{ $v }};{{ end }}", "a=1;b=;"),
        ("{{ range 3 }}{{ . }}{{ end }}", "012"),
        ("{{ range query \"missing\" }}x{{ else }}empty{{ end }}", "empty"),
        ("{{ range $i, $x := query \"m\" }}{{ $i }}{{ end }}", "01"),
        (
            "{{ range 9 }}{{ if eq . 2 }}{{ continue }}{{ end }}{{ if gt . 4 }}{{ break }}{{ end }}{{ . }}{{ end }}",
            "0134",
        ),
        ("{{ define \"x\" }}[{{ . }}]{{ end }}{{ template \"x\" 5 }}{{ template \"x\" .a }}", "[5][1]"),
        ("{{ block \"y\" .a }}<{{ . }}>{{ end }}{{ template \"y\" 2 }}", "<1><2>"),
        ("{{ define \"x\" }}{{ .arg0 }} {{ .arg1 }}{{ end }}{{ template \"x\" (args 1 \"2\") }}", "1 2"),
        ("{{ \"a\\tb\\u00e9\\x41\" }}{{ `raw\\n` }}{{ 'a' }}", "a\tb\u{e9}Araw\\n97"),
        ("{{ 0x1F }} {{ 1_000 }} {{ -3 }} {{ 1e3 }} {{ 0b11 }} {{ 017 }}", "31 1000 -3 1000 3 15"),
        ("{{ and 1 0 2 }}{{ or 0 \"\" 3 }}{{ not true }}", "03false"),
        ("{{ or 1 (query \"bad\") }}", "1"),
        ("{{ len \"abc\" }} {{ len . }} {{ index . \"a\" }} {{ slice \"abcd\" 1 3 }}", "3 2 1 bc"),
        ("{{ print 1 2 \"a\" 3 \"b\" }}|{{ println 1 \"a\" }}", "1 2a3b|1 a\n"),
        ("{{ eq 1 2 1 }}{{ ne \"a\" \"b\" }}{{ lt 1.5 2.5 }}{{ le 2 2 }}{{ ge \"b\" \"a\" }}", "truetruetruetruetrue"),
        (
            "{{ html \"<a href='x'>\" }} {{ js \"a'b\" }} {{ urlquery \"a b&c\" }}",
            "&lt;a href=&#39;x&#39;&gt; a\\'b a+b%26c",
        ),
        ("{{ \"x\" | printf \"%s-%s\" \"y\" }}", "y-x"),
        ("{{ (query \"m\" | first).Labels.instance }}", "b"),
        ("{{ range $x := . }}{{ $x }}{{ end }}{{ $.a }}", "11"),
        ("{{\n  1\n}}", "1"),
        ("{{ nil | print }}", "<nil>"),
        ("{{ true }}{{ false }}", "truefalse"),
    ] {
        assert_eq!(expand(text, &data).as_deref(), Ok(expected), "{text}");
    }
    assert_eq!(expand("{{ .Foo }}", &Value::Nil).as_deref(), Ok("<no value>"));
}

#[test]
fn printf_is_gos() {
    for (text, expected) in [
        (r#"{{ printf "%d|%5d|%-5d|%05d|%+d" 1 2 3 4 5 }}"#, "1|    2|3    |00004|+5"),
        (r#"{{ printf "%x %X %o %b %c %U %q" 255 255 8 5 65 65 65 }}"#, "ff FF 10 101 A U+0041 'A'"),
        (
            r#"{{ printf "%f %.2f %e %g %6.1f|%-7.2f|" 1.5 2.345 1500.0 1e21 3.14159 2.5 }}"#,
            "1.500000 2.35 1.500000e+03 1e+21    3.1|2.50   |",
        ),
        (
            r#"{{ printf "%s %q %v %5s %-5s| %.2s %x" "a" "b\n" "c" "d" "e" "xyz" "hi" }}"#,
            "a \"b\\n\" c     d e    | xy 6869",
        ),
        (r#"{{ printf "%t %v %T %T" true 1.0 1.0 "x" }}"#, "true 1 float64 string"),
        (r#"{{ printf "%d%%" 5 }}"#, "5%"),
        (
            r#"{{ printf "%d" "x" }} {{ printf "%d" }} {{ printf "%s" 1 2 }}"#,
            "%!d(string=x) %!d(MISSING) %!s(int=1)%!(EXTRA int=2)",
        ),
        (r#"{{ printf "%[2]s %[1]s" "a" "b" }}"#, "b a"),
        (r#"{{ printf "%*d" 5 42 }}"#, "   42"),
        (r#"{{ printf "%0.2f" (parseDuration "1h2m10ms") }}"#, "3720.01"),
        (r#"{{ printf "%v %+v" 1234567.0 2.5 }}"#, "1.234567e+06 +2.5"),
        (r#"{{ printf "%" }}"#, "%!(NOVERB)"),
        (r#"{{ printf "%z" 1 }}"#, "%!z(int=1)"),
    ] {
        assert_eq!(expand(text, &Value::Nil).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn functions_of_rules_are_prometheus_s() {
    let each = |name: &str| format!("{{{{ range . }}}}{{{{ {name} . }}}}:{{{{ end }}}}");
    for (name, values, expected) in [
        ("humanize", vec![0.0, 1.0, 1_234_567.0, 0.12, 1e-7], "0:1:1.235M:120m:100n:"),
        ("humanize1024", vec![0.0, 1.0, 1_048_576.0, 0.12, 1_234_567.0], "0:1:1Mi:0.12:1.177Mi:"),
        (
            "humanizeDuration",
            vec![
                0.0, 1.0, 60.0, 3_600.0, 86_400.0, 90_000.0, -183_845.0, 899.99, 0.1, 0.0001, 0.12345, 60.1, 1.2345,
                12.345,
            ],
            "0s:1s:1m 0s:1h 0m 0s:1d 0h 0m 0s:1d 1h 0m 0s:-2d 3h 4m 5s:14m 59s:100ms:100us:123.5ms:1m 0s:1.234s:12.35s:",
        ),
        (
            "humanizePercentage",
            vec![-0.22222, 0.0, 0.1234567, 1.23456, 12_345.67],
            "-22.22%:0%:12.35%:123.5%:1.235e+06%:",
        ),
        (
            "humanizeTimestamp",
            vec![0.0, -1.0, 1_435_065_584.128],
            "1970-01-01 00:00:00 +0000 UTC:1969-12-31 23:59:59 +0000 UTC:2015-06-23 13:19:44.128 +0000 UTC:",
        ),
        ("humanizeDuration", vec![f64::INFINITY, f64::NEG_INFINITY, f64::NAN], "+Inf:-Inf:NaN:"),
    ] {
        assert_eq!(expand(&each(name), &floats(&values)).as_deref(), Ok(expected), "{name}");
    }
    for (text, expected) in [
        ("{{ query \"m\" | first | value }}", "21"),
        ("{{ query \"m\" | first | label \"instance\" }}{{ query \"m\" | first | label \"none\" }}", "b"),
        ("{{ query \"m\" | first | strvalue }}", "v"),
        ("{{ range query \"m\" | sortByLabel \"instance\" }}{{.Labels.instance}}:{{.Value}}: {{end}}", "a:11: b:21: "),
        ("{{ $x := query \"m\" | first }}{{ $x.Labels.foo }}", ""),
        (
            "{{ \"foo.example.com:12345\" | stripPort }} {{ \"[2001:0DB8::1]:12345\" | stripPort }}",
            "foo.example.com 2001:0DB8::1",
        ),
        (
            "{{ \"2001:0DB8::1\" | stripPort }} {{ \"[2001:0DB8::1]::12345\" | stripPort }}",
            "2001:0DB8::1 [2001:0DB8::1]::12345",
        ),
        (
            "{{ \"foo.example.com:12345\" | stripDomain }} {{ \"192.0.2.1:12345\" | stripDomain }}",
            "foo:12345 192.0.2.1:12345",
        ),
        (
            "{{ \"[2001:0DB8::1]:12345\" | stripDomain }} {{ \"foo.example.com\" | stripDomain }}",
            "[2001:0DB8::1]:12345 foo",
        ),
        ("{{ reReplaceAll \"(a)b\" \"x$1\" \"ab\" }}", "xa"),
        ("{{ match \"a+\" \"aa\" }} {{ match \"a+\" \"b\" }}", "true false"),
        ("{{ \"aa bb CC\" | title }} {{ \"aA\" | toUpper }} {{ \"aA\" | toLower }}", "Aa Bb CC AA aa"),
        (
            "{{ graphLink \"up == 0\" }} {{ tableLink \"up\" }}",
            "/graph?g0.expr=up+%3D%3D+0&g0.tab=0 /graph?g0.expr=up&g0.tab=1",
        ),
        ("{{ pathPrefix }} {{ externalURL }}", "/path/prefix http://testhost:9090/path/prefix"),
        ("{{ now }}", "1.353755652e+09"),
        ("{{ (now | toTime).Format \"Mon Jan 2 15:04:05 2006\" }}", "Sat Nov 24 11:14:12 2012"),
        ("{{ (\"1435065584.128\" | toTime).Format \"2006\" }}", "2015"),
        ("{{ (1800 | toDuration).String }}", "30m0s"),
        ("{{ (\"-30m\" | parseDuration | toDuration | (now | toTime).Add).UnixMilli }}", "1353753852000"),
        ("{{ humanize \"1234\" }} {{ urlQueryEscape \"a b\" }}", "1.234k a+b"),
        ("{{ \"<b>\" }}", "<b>"),
    ] {
        assert_eq!(expand(text, &Value::Nil).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn mistakes_are_told_as_go_tells_them() {
    for (text, message) in [
        ("{{", "template: test:1: unclosed action"),
        ("{{\u{a0}}}", "template: test:1: unrecognized character in action: U+00A0"),
        ("{{ if true }}", "template: test:1: unexpected EOF"),
        ("a\n{{ end }}", "template: test:2: unexpected {{end}}"),
        ("{{ .a | }}", "template: test:1: missing value for command"),
        ("{{ nope 1 }}", "template: test:1: function \"nope\" not defined"),
        ("{{ $x }}", "template: test:1: undefined variable \"$x\""),
        ("{{ if 1 }}{{ $x := 1 }}{{ end }}{{ $x }}", "template: test:1: undefined variable \"$x\""),
        ("{{ break }}", "template: test:1: {{break}} outside {{range}}"),
        ("{{ (1 }}", "template: test:1: unclosed left paren"),
        ("{{ \"abc }}", "template: test:1: unterminated quoted string"),
        ("{{ /* x }}", "template: test:1: unclosed comment"),
        ("{{ 1 | 2 }}", "template: test:1: non executable command in pipeline stage 2"),
        (
            "{{ query \"missing\" | first }}",
            "template: test:1:21: executing \"test\" at <first>: error calling first: first() called on vector with no elements",
        ),
        (
            "{{ humanize \"one\" }}",
            "template: test:1:3: executing \"test\" at <humanize \"one\">: error calling humanize: strconv.ParseFloat: parsing \"one\": invalid syntax",
        ),
        ("{{ (query \"missing\").banana }}", "can't evaluate field banana in type template.queryResult"),
        ("{{ template \"none\" }}", "template \"none\" not defined"),
        ("{{ gt 1.5 1 }}", "error calling gt: incompatible types for comparison"),
        ("{{ range \"text\" }}{{ end }}", "range can't iterate over text"),
        ("{{ 1 2 }}", "can't give argument to non-function 1"),
        ("{{ query \"bad\" }}", "error calling query: no such thing"),
        ("{{ index \"a\" 5 }}", "error calling index: index out of range: 5"),
        ("{{ match \"(\" \"x\" }}", "error calling match: error parsing regexp"),
        ("{{ toUpper 1 }}", "expected string; got int"),
        ("{{ len 1 2 }}", "wrong number of args for len: want 1 got 2"),
    ] {
        let error = expand(text, &Value::Nil).expect_err(text).to_string();
        assert!(error.contains(message), "{text}: {error}");
    }
}

#[test]
fn no_template_takes_more_than_it_may() {
    let nested = "{{ if 1 }}".repeat(200) + &"{{ end }}".repeat(200);
    let parens = format!("{{{{ {}1{} }}}}", "(".repeat(200), ")".repeat(200));
    let elses = "{{ if 0 }}".to_owned() + &"{{ else if 0 }}".repeat(200) + "{{ end }}";
    for (text, message) in [
        ("{{ define \"x\" }}{{ template \"x\" }}{{ end }}{{ template \"x\" }}", "exceeded maximum template depth"),
        ("{{ range 1000000000 }}{{ end }}", "steps"),
        ("{{ range 10000 }}{{ range 10000 }}x{{ end }}{{ end }}", "steps"),
        ("{{ range 10000 }}{{ printf \"%1000d\" . }}{{ end }}", "writes more than"),
        ("{{ $x := \"aaaaaaaa\" }}{{ range 100 }}{{ $x = print $x $x }}{{ end }}", "bytes"),
        ("{{ printf \"%1000000d\" 1 }}", "a width of 1000000"),
        ("{{ $x := args 1 }}{{ range 1000 }}{{ $x = args $x }}{{ end }}", "nested too deep"),
        ("{{ $x := args 1 }}{{ range 60 }}{{ $x = args $x $x }}{{ end }}", "functions are given more than"),
        ("{{ range 1000 }}{{ $x := query \"m\" }}{{ end }}", "more than 100 queries"),
        ("{{ match \"(a{1000}){1000}\" \"a\" }}", "error parsing regexp"),
        (
            "{{ $x := printf \"%9000d\" 1 }}{{ $x = reReplaceAll \".*\" $x $x }}{{ $y := reReplaceAll \" \" \"$0$0$0$0\" $x }}{{ reReplaceAll \".\" $y $y }}",
            "bytes",
        ),
        (&nested, "nested deeper"),
        (&parens, "nested deeper"),
        (&elses, "nested deeper"),
        (&"x".repeat(2 * 1024 * 1024), "bytes: expected at most"),
    ] {
        let error = expand(text, &Value::Nil).expect_err(&text[..text.len().min(100)]).to_string();
        assert!(error.contains(message), "{}: {error}", &text[..text.len().min(100)]);
    }
}

/// What Alertmanager gives its templates.
fn notification() -> Value {
    let alert = |status: &str, instance: &str, severity: &str| {
        Value::fields(
            "template.Alert",
            vec![
                ("Status", Value::text(status)),
                (
                    "Labels",
                    Value::texts(MapKind::Kv, [("alertname", "Down"), ("instance", instance), ("severity", severity)]),
                ),
                ("Annotations", Value::texts(MapKind::Kv, [("summary", "it is down")])),
                ("StartsAt", Value::Time(GoTime::of_ms(NOW_MS))),
                ("GeneratorURL", Value::text("http://g")),
            ],
        )
    };
    let alerts = [alert("firing", "a", "critical"), alert("resolved", "b", "warning")];
    Value::fields(
        "*template.Data",
        vec![
            ("Status", Value::text("firing")),
            ("Receiver", Value::text("team x")),
            ("Alerts", Value::List(ListKind::Alerts, alerts.into())),
            ("GroupLabels", Value::texts(MapKind::Kv, [("job", "api"), ("alertname", "Down")])),
            ("CommonLabels", Value::texts(MapKind::Kv, [("alertname", "Down"), ("job", "api"), ("zone", "z")])),
            ("CommonAnnotations", Value::texts(MapKind::Kv, [("summary", "it is down")])),
            ("ExternalURL", Value::text("http://am")),
        ],
    )
}

fn notify(text: &str, is_html: bool) -> Result<String, TemplateError> {
    let functions = NotificationFunctions {
        now_ms: NOW_MS + 90_000,
        zone: &|name, _| (name == "Europe/Berlin").then(|| (3_600, "CET".to_owned())),
        route_label: &|name| Ok(format!("<{name}>")),
    };
    let mut templates = Templates::default();
    templates.add(
        "default",
        "{{ define \"subject\" }}[{{ .Status | toUpper }}{{ if eq .Status \"firing\" }}:{{ .Alerts.Firing | len }}{{ end }}] \
         {{ .GroupLabels.SortedPairs.Values | join \" \" }} {{ if gt (len .CommonLabels) (len .GroupLabels) }}\
         ({{ with .CommonLabels.Remove .GroupLabels.Names }}{{ .Values | join \" \" }}{{ end }}){{ end }}{{ end }}\
         {{ define \"list\" }}{{ range . }}{{ range .Labels.SortedPairs }} - {{ .Name }} = {{ .Value }}\n{{ end }}{{ end }}{{ end }}",
        &functions,
    )?;
    let data = notification();
    if is_html {
        templates.expand_html("", text, &data, &functions)
    } else {
        templates.expand("", text, &data, &functions)
    }
}

#[test]
fn notifications_are_alertmanager_s() {
    for (text, expected) in [
        ("{{ template \"subject\" . }}", "[FIRING:1] Down api (z)"),
        ("{{ template \"list\" .Alerts.Resolved }}", " - alertname = Down\n - instance = b\n - severity = warning\n"),
        ("{{ .ExternalURL }}/#/alerts?receiver={{ .Receiver | urlquery }}", "http://am/#/alerts?receiver=team+x"),
        ("{{ .GroupLabels }} {{ .GroupLabels.SortedPairs }}", "alertname=Down, job=api alertname=Down, job=api"),
        ("{{ .CommonLabels.Values.Join \",\" }}", "Down,api,z"),
        ("{{ index .CommonLabels \"none\" }}|{{ .CommonLabels.none }}|", "||"),
        ("{{ range .Alerts }}{{ index .Labels \"severity\" }} {{ end }}", "critical warning "),
        ("{{ (index .Alerts 0).StartsAt | tz \"Europe/Berlin\" | date \"15:04:05 MST -0700\" }}", "12:14:12 CET +0100"),
        (
            "{{ since (index .Alerts 0).StartsAt }} {{ humanizeDuration (since (index .Alerts 0).StartsAt) }}",
            "1m30s 1m 30s",
        ),
        (
            "{{ \"a b CC\" | title }} {{ \" x \" | trimSpace }} {{ stringSlice \"a\" \"b\" | join \"-\" }}",
            "A B Cc x a-b",
        ),
        (
            "{{ toJson .CommonAnnotations }} {{ list 1 \"a\" | toJson }} {{ dict \"a\" 1.5 | toJson }}",
            "{\"summary\":\"it is down\"} [1,\"a\"] {\"a\":1.5}",
        ),
        ("{{ base64encode \"a?b\" }} {{ base64decode \"YT9i\" }} {{ urlUnescape \"a+b%21\" }}", "YT9i a?b a b!"),
        ("{{ append (list 1) 2 3 | len }} {{ routeLabels \"team\" }}", "3 <team>"),
        (
            "{{ (toDate \"2006-01-02 15:04\" \"2024-02-29 12:30\").Unix }} {{ (toDate \"2006\" \"x\").IsZero }}",
            "1709209800 true",
        ),
        (
            "{{ (toDate \"Jan _2 2006 3:04PM -0700\" \"Feb  9 2024 1:02PM +0200\").UTC }}",
            "2024-02-09 11:02:00 +0000 UTC",
        ),
    ] {
        assert_eq!(notify(text, false).as_deref(), Ok(expected), "{text}");
    }
    assert_eq!(
        notify("<b>{{ \"<i>&\" }}{{ safeHtml \"<u>\" }}{{ .CommonLabels.none }}</b>", true).as_deref(),
        Ok("<b>&lt;i&gt;&amp;<u></b>")
    );
    for (text, message) in [
        ("{{ .Nothing }}", "can't evaluate field Nothing in type *template.Data"),
        ("{{ tz \"Mars/X\" now }}", "unknown time zone Mars/X"),
        ("{{ mustToDate \"2006\" \"x\" }}", "parsing time \"x\" as \"2006\""),
        ("{{ dict 1 2 }}", "dict keys must be strings"),
    ] {
        let error = notify(text, false).expect_err(text).to_string();
        assert!(error.contains(message), "{text}: {error}");
    }
}

proptest! {
    /// Whatever stands there: a text or an error, and never more than a moment.
    #[test]
    fn any_template_ends(parts in proptest::collection::vec(proptest::sample::select(vec![
        "{{", "}}", "{{-", "-}}", " ", ".", "$x", ":=", "=", "|", "(", ")", "range ", "if ", "end", "else", "with ", "define ", "\"a\"",
        "template ", "block ", "print ", "printf ", "query ", "\"m\"", "1", "1.5", ".Labels", "'", "`", "/*", "*/", "\n", "é", "break", "$", ",",
        "len ", "index ", "args ", "nil", "toTime ",
    ]), 0..40)) {
        let mut text = String::new();
        for part in parts {
            let _ = write!(text, "{part}");
        }
        let _ = expand(&text, &Value::Nil);
    }

    /// What has no braces stays as it is.
    #[test]
    fn plain_text_stays(text in "[^{]*") {
        prop_assert_eq!(expand(&text, &Value::Nil).expect("no template"), text);
    }
}
