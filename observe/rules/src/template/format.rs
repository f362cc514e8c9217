//! `print`, `println`, `printf` as Go's package `fmt` has them.

use vitrine_observe_promql::{go_float, go_float_digits, go_quote};

use super::run::MAX_VALUE;
use super::value::Value;

/// Most characters of width or precision. Go's bound is a million; ours is below what Rust's own formatting takes.
const MAX_WIDTH: usize = 10_000;

/// Values one after the other, with a blank between two of which none is a text.
pub(super) fn print(args: &[Value]) -> String {
    let mut text = String::new();
    let is_text = |value: &Value| matches!(value, Value::Text(_) | Value::Html(_));
    for (at, value) in args.iter().enumerate() {
        if at > 0 && !is_text(value) && !is_text(&args[at - 1]) {
            text.push(' ');
        }
        text.push_str(&shown(value));
    }
    text
}

/// Values with blanks between them, and a new line.
pub(super) fn println(args: &[Value]) -> String {
    let mut text = args.iter().map(shown).collect::<Vec<_>>().join(" ");
    text.push('\n');
    text
}

/// `%v`.
fn shown(value: &Value) -> String {
    if matches!(value, Value::Nil) { "<nil>".to_owned() } else { value.to_string() }
}

/// What stands between `%` and the verb.
#[derive(Default, Clone)]
struct Spec {
    minus: bool,
    plus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// As `fmt.Sprintf`. Mistakes stand in the text, as Go has it: `%!d(string=x)`. An error only for absurd widths.
pub(super) fn printf(format: &str, args: &[Value]) -> Result<String, String> {
    let mut text = String::new();
    let mut next = 0;
    let mut reordered = false;
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        text.push_str(&rest[..at]);
        let mut parser = Verb { text: &rest[at + 1..], next, args, reordered: false };
        let (spec, verb) = parser.read()?;
        (rest, next, reordered) = (parser.text, parser.next, reordered || parser.reordered);
        match verb {
            None => text.push_str("%!(NOVERB)"),
            Some('%') => text.push('%'),
            Some(verb) => match args.get(next) {
                None if reordered => text.push_str(&format!("%!{verb}(BADINDEX)")),
                None => text.push_str(&format!("%!{verb}(MISSING)")),
                Some(value) => {
                    text.push_str(&one(&spec, verb, value));
                    next += 1;
                    if text.len() > MAX_VALUE {
                        return Err(format!("the text becomes longer than {MAX_VALUE} bytes"));
                    }
                }
            },
        }
    }
    text.push_str(rest);
    if !reordered && next < args.len() {
        let extra = args[next..].iter().map(|value| match value {
            Value::Nil => "<nil>".to_owned(),
            value => format!("{}={}", value.type_name(), shown(value)),
        });
        text.push_str(&format!("%!(EXTRA {})", extra.collect::<Vec<_>>().join(", ")));
    }
    Ok(text)
}

struct Verb<'a> {
    text: &'a str,
    next: usize,
    args: &'a [Value],
    reordered: bool,
}

impl Verb<'_> {
    fn read(&mut self) -> Result<(Spec, Option<char>), String> {
        let mut spec = Spec::default();
        while let Some(c) = self.text.chars().next() {
            match c {
                '-' => spec.minus = true,
                '+' => spec.plus = true,
                '#' => spec.sharp = true,
                ' ' => spec.space = true,
                '0' => spec.zero = true,
                _ => break,
            }
            self.text = &self.text[1..];
        }
        self.index();
        let width = self.number()?;
        if let Some(width) = width {
            spec.minus |= width < 0;
            spec.width = Some(usize::try_from(width.unsigned_abs()).unwrap_or(MAX_WIDTH));
        }
        if let Some(tail) = self.text.strip_prefix('.') {
            self.text = tail;
            self.index();
            spec.precision = Some(self.number()?.map_or(0, |number| usize::try_from(number).unwrap_or(0)));
        }
        self.index();
        let verb = self.text.chars().next();
        self.text = &self.text[verb.map_or(0, char::len_utf8)..];
        Ok((spec, verb))
    }

    /// `[2]`: the second argument comes next.
    fn index(&mut self) {
        let Some(tail) = self.text.strip_prefix('[') else { return };
        let Some((number, tail)) = tail.split_once(']') else { return };
        self.text = tail;
        self.reordered = true;
        self.next = number.parse::<usize>().ok().and_then(|number| number.checked_sub(1)).unwrap_or(usize::MAX);
    }

    /// A number, or `*` for that of an argument.
    fn number(&mut self) -> Result<Option<i64>, String> {
        let number = if let Some(tail) = self.text.strip_prefix('*') {
            self.text = tail;
            let value = self.args.get(self.next);
            self.next = self.next.saturating_add(1);
            match value {
                Some(Value::Int(number)) => *number,
                _ => return Err("expected a whole number as a width".to_owned()),
            }
        } else {
            let len = self.text.bytes().take_while(u8::is_ascii_digit).count();
            if len == 0 {
                return Ok(None);
            }
            let number = self.text[..len].parse().unwrap_or(i64::MAX);
            self.text = &self.text[len..];
            number
        };
        if usize::try_from(number.unsigned_abs()).map_or(true, |width| width > MAX_WIDTH) {
            return Err(format!("a width of {number}: expected at most {MAX_WIDTH}"));
        }
        Ok(Some(number))
    }
}

/// One value by one verb.
fn one(spec: &Spec, verb: char, value: &Value) -> String {
    match (verb, value) {
        ('T', value) => pad(spec, value.type_name().to_owned()),
        ('v', Value::Nil) => pad(spec, "<nil>".to_owned()),
        ('v', Value::Text(text)) if spec.sharp => pad(spec, go_quote(text)),
        ('v', Value::Float(number)) => pad_number(spec, signed(spec, go_float(*number), !number.is_sign_negative())),
        ('v' | 'd', Value::Int(number)) => integer(spec, *number, 10, false),
        ('v', value) => pad(spec, value.to_string()),
        ('t', Value::Bool(value)) => pad(spec, value.to_string()),
        ('d', Value::Duration(duration)) => integer(spec, duration.nanos, 10, false),
        ('b', Value::Int(number)) => integer(spec, *number, 2, false),
        ('o', Value::Int(number)) => integer(spec, *number, 8, false),
        ('x', Value::Int(number)) => integer(spec, *number, 16, false),
        ('X', Value::Int(number)) => integer(spec, *number, 16, true),
        ('c', Value::Int(number)) => {
            pad(spec, u32::try_from(*number).ok().and_then(char::from_u32).unwrap_or('\u{fffd}').to_string())
        }
        ('U', Value::Int(number)) => pad(spec, format!("U+{number:04X}")),
        ('q', Value::Int(number)) => {
            let c = u32::try_from(*number).ok().and_then(char::from_u32).unwrap_or('\u{fffd}');
            pad(spec, format!("'{c}'"))
        }
        ('e' | 'E' | 'f' | 'F' | 'g' | 'G', Value::Float(number)) => float(spec, verb, *number),
        ('s', Value::Text(text) | Value::Html(text)) => pad(spec, cut(spec, text)),
        ('q', Value::Text(text) | Value::Html(text)) => pad(spec, go_quote(&cut(spec, text))),
        ('x', Value::Text(text) | Value::Html(text)) => {
            pad(spec, text.bytes().map(|byte| format!("{byte:02x}")).collect())
        }
        ('X', Value::Text(text) | Value::Html(text)) => {
            pad(spec, text.bytes().map(|byte| format!("{byte:02X}")).collect())
        }
        ('s', Value::Time(_) | Value::Duration(_)) => pad(spec, value.to_string()),
        ('s' | 'q' | 'd' | 'f' | 'e' | 'g' | 'x' | 't', Value::List(_, values)) => {
            let each: Vec<String> = values.iter().map(|value| one(spec, verb, value)).collect();
            format!("[{}]", each.join(" "))
        }
        ('s' | 'q' | 'd' | 'f', Value::Map(super::value::MapKind::Any | super::value::MapKind::Texts, entries)) => {
            let each: Vec<String> = entries
                .iter()
                .map(|(key, value)| {
                    format!("{}:{}", one(spec, verb, &Value::Text(key.clone())), one(spec, verb, value))
                })
                .collect();
            format!("map[{}]", each.join(" "))
        }
        ('s', Value::Map(..) | Value::Struct(_)) => pad(spec, value.to_string()),
        (verb, Value::Nil) => format!("%!{verb}(<nil>)"),
        (verb, value) => format!("%!{verb}({}={})", value.type_name(), shown(value)),
    }
}

fn cut(spec: &Spec, text: &str) -> String {
    spec.precision.map_or_else(|| text.to_owned(), |most| text.chars().take(most).collect())
}

fn signed(spec: &Spec, text: String, is_positive: bool) -> String {
    let has_sign = text.starts_with(['+', '-']);
    match (spec.plus, spec.space) {
        (true, _) if is_positive && !has_sign => format!("+{text}"),
        (false, true) if is_positive && !has_sign => format!(" {text}"),
        _ => text,
    }
}

fn integer(spec: &Spec, number: i64, radix: u32, upper: bool) -> String {
    let size = number.unsigned_abs();
    let (digits, prefix) = match (radix, upper) {
        (2, _) => (format!("{size:b}"), "0b"),
        (8, _) => (format!("{size:o}"), "0"),
        (16, false) => (format!("{size:x}"), "0x"),
        (16, true) => (format!("{size:X}"), "0X"),
        _ => (size.to_string(), ""),
    };
    let digits = match spec.precision {
        Some(least) => format!("{digits:0>least$}"),
        None => digits,
    };
    let prefix = if spec.sharp { prefix } else { "" };
    let sign = if number < 0 { "-" } else { "" };
    pad_number(spec, signed(spec, format!("{sign}{prefix}{digits}"), number >= 0))
}

fn float(spec: &Spec, verb: char, number: f64) -> String {
    if !number.is_finite() {
        return pad(spec, go_float(number));
    }
    let text = match verb.to_ascii_lowercase() {
        'f' => format!("{number:.*}", spec.precision.unwrap_or(6)),
        'e' => exponent(number, spec.precision.unwrap_or(6)),
        _ => spec.precision.map_or_else(|| go_float(number), |digits| go_float_digits(number, digits)),
    };
    let text = if verb.is_ascii_uppercase() { text.to_uppercase() } else { text };
    pad_number(spec, signed(spec, text, !number.is_sign_negative()))
}

fn exponent(number: f64, precision: usize) -> String {
    let text = format!("{number:.precision$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    format!("{mantissa}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.unsigned_abs())
}

/// Blanks up to the width.
fn pad(spec: &Spec, text: String) -> String {
    let Some(width) = spec.width else { return text };
    if spec.minus { format!("{text:<width$}") } else { format!("{text:>width$}") }
}

/// Blanks, or zeros behind the sign, up to the width.
fn pad_number(spec: &Spec, text: String) -> String {
    let Some(width) = spec.width.filter(|_| spec.zero && !spec.minus) else { return pad(spec, text) };
    let (sign, digits) = text.split_at(usize::from(text.starts_with(['+', '-', ' '])));
    let width = width.saturating_sub(sign.len());
    format!("{sign}{digits:0>width$}")
}
