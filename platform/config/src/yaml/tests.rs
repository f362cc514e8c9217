use std::fmt::Write as _;
use std::time::Duration;

use super::{MAX_DEPTH, MAX_MISTAKES, MAX_NODES, MAX_TEXT, Value, parse, read};

/// A tree in a form that is easy to compare.
fn shown(node: &super::Node) -> String {
    match &node.value {
        Value::Null => "null".to_owned(),
        Value::Scalar { text, plain } => format!("{}{text:?}", if *plain { "" } else { "q" }),
        Value::List(nodes) => format!("[{}]", nodes.iter().map(shown).collect::<Vec<_>>().join(" ")),
        Value::Map(entries) => {
            let entries = entries.iter().map(|(key, node)| format!("{}={}", key.text, shown(node)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(" "))
        }
    }
}

#[test]
fn texts_become_trees() {
    for (text, tree) in [
        ("", "null"),
        ("# nothing but a comment", "null"),
        ("a: 1\nb: 'x'\nc: ~\nd:", r#"{a="1" b=q"x" c=null d=null}"#),
        ("- a\n- [b, {c: d}]", r#"["a" ["b" {c="d"}]]"#),
        ("a: |\n  one\n  two\n", r#"{a=q"one\ntwo\n"}"#),
        ("a: &x {b: 1}\nc: *x", r#"{a={b="1"} c={b="1"}}"#),
        ("a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  b: 3", r#"{a={b="1" c="2"} d={b="3" c="2"}}"#),
        ("a: {<<: [{b: 1}, {b: 2, c: 3}]}", r#"{a={b="1" c="3"}}"#),
        ("a: !!str 5", r#"{a=q"5"}"#),
        ("---\na: 1\n...\n", r#"{a="1"}"#),
    ] {
        assert_eq!(parse(text).map(|node| shown(&node)), Ok(tree.to_owned()), "{text}");
    }
}

#[test]
fn what_is_no_yaml_is_told_with_its_place() {
    let deep = format!("{}{}", "[".repeat(MAX_DEPTH + 1), "]".repeat(MAX_DEPTH + 1));
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let _ = writeln!(laughs, "a{level}: &a{level} [{}]", format!("*a{}, ", level - 1).repeat(10));
    }
    let mut chain = "a0: &a0 [x]\n".to_owned();
    for level in 1..=MAX_DEPTH {
        let _ = writeln!(chain, "a{level}: &a{level} [*a{}]", level - 1);
    }
    for (text, location, message) in [
        ("a: [1, 2", "", "not YAML"),
        ("a: 1\n b: 2", "2:", "not YAML"),
        ("a: 1\na: 2", "2:1", "the key \"a\" stands here a second time, the first is on line 1"),
        ("a: *nowhere", "1:4", "not YAML"),
        ("a: 1\n---\nb: 1", "2:1", "a second document begins here"),
        ("? [a]\n: 1", "1:", "expected a text as a key, not a list"),
        ("a: !thing 5", "1:", "this tag is not known"),
        ("a: {<<: 5}", "1:9", "<<: expected a map"),
        (&deep, "1:", ""),
        (&laughs, "", &format!("more than {MAX_NODES} values")),
        (&chain, "", &format!("deeper than {MAX_DEPTH}")),
        (&"x".repeat(MAX_TEXT + 1), "1:1", "bytes: expected at most"),
    ] {
        let mistakes = parse(text).expect_err(&text[..text.len().min(80)]);
        let told = mistakes[0].to_string();
        assert!(told.starts_with(location) && told.contains(message), "{told}");
    }
}

#[test]
fn all_mistakes_are_told_in_order() {
    let text = "\
name: [a]
every: never
counts: many
on: maybe
names: {a: b}
labels:
  a: [1]
inner:
  unknwn: 1
other: 1
";
    let mistakes = read(text, |root, reader| {
        let mut fields = reader.fields(root)?;
        fields.text("name");
        fields.duration("every");
        fields.number::<u32>("counts");
        fields.flag("on");
        fields.list("names");
        fields.texts("labels");
        fields.fields("inner")?.text("unknown");
        let missing = fields.text("missing");
        fields.required("missing", missing);
        Some(())
    })
    .expect_err("nine mistakes");
    let told: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "1:1: the field \"missing\" is missing",
            "1:7: name: expected a text, not a list",
            "2:8: every: expected a duration such as \"30s\" or \"1h30m\", not \"never\"",
            "3:9: counts: expected a number, not \"many\"",
            "4:5: on: expected true or false, not \"maybe\"",
            "5:8: names: expected a list, not a map",
            "7:6: labels.a: expected a text, not a list",
            "9:3: unknown field \"unknwn\": did you mean \"unknown\"?",
            "10:1: unknown field \"other\"",
        ]
    );
}

#[test]
fn fields_are_read() {
    let text = "name: a\nevery: 1h30m\ncount: 7\non: yes\nnames: [a, 1]\none: x\nlabels: {b: 2, a: x}";
    let value = read(text, |root, reader| {
        let mut fields = reader.fields(root)?;
        assert_eq!(fields.location_of("count").line, 3);
        assert_eq!(fields.text("name").as_deref(), Some("a"));
        assert_eq!(fields.duration("every"), Some(Duration::from_secs(5_400)));
        assert_eq!(fields.number::<u32>("count"), Some(7));
        assert_eq!(fields.flag("on"), Some(true));
        assert_eq!(fields.list_of_texts("names"), ["a", "1"]);
        assert_eq!(fields.list_of_texts("one"), ["x"]);
        let labels = fields.texts("labels");
        assert_eq!(labels, [("a".to_owned(), "x".to_owned()), ("b".to_owned(), "2".to_owned())]);
        assert_eq!(fields.text("absent"), None);
        Some(7)
    });
    assert_eq!(value, Ok(7));
}

#[test]
fn mistakes_are_bounded() {
    let text = (0..2 * MAX_MISTAKES).fold(String::new(), |text, number| text + &format!("k{number}: 1\n"));
    let mistakes = read(&text, |root, reader| reader.fields(root).map(|_| ())).expect_err("many unknown fields");
    assert_eq!(mistakes.len(), MAX_MISTAKES + 1);
    assert!(mistakes[MAX_MISTAKES].message.contains("200 more mistakes"));
}
