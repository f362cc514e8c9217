//! How well a name fits what somebody types.
//!
//! The sources are prometheus/prometheus `web/api/v1/search_filters.go`, `util/strutil/subsequence.go` and
//! `util/strutil/jarowinkler.go`; scores are the same to the last bit but for the order in which numbers are added.

/// What the score of a name that is not the text itself is multiplied with, so that it stays below 1.
const NOT_EXACT: f64 = 0.999;
/// What a text that stands in the middle of a name loses at most.
const PLACE_WEIGHT: f64 = 0.9;
/// Characters of a common beginning that raise a score, and by how much each.
const WINKLER_CHARS: usize = 4;
const WINKLER_WEIGHT: f64 = 0.1;

/// How names are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    /// All characters of the text, in their order.
    Subsequence,
    /// The text as it is; else similar names by Jaro and Winkler.
    JaroWinkler,
}

/// What names are compared with.
#[derive(Debug)]
pub(super) struct Terms {
    texts: Vec<(String, Vec<char>)>,
    algorithm: Algorithm,
    threshold: f64,
    is_exact: bool,
}

impl Terms {
    /// Texts of which one is enough; none if all of them are empty. `threshold` is 0 to 1.
    pub(super) fn new(texts: &[&str], algorithm: Algorithm, threshold: f64, is_exact: bool) -> Option<Self> {
        let texts: Vec<(String, Vec<char>)> = texts
            .iter()
            .filter(|text| !text.is_empty())
            .map(|text| if is_exact { (*text).to_owned() } else { text.to_lowercase() })
            .map(|text| (text.clone(), text.chars().collect()))
            .collect();
        (!texts.is_empty()).then_some(Self { texts, algorithm, threshold, is_exact })
    }

    /// The best score of a name; none if it does not fit.
    pub(super) fn score(&self, name: &str) -> Option<f64> {
        let lower;
        let name = if self.is_exact {
            name
        } else {
            lower = name.to_lowercase();
            &lower
        };
        let chars: Vec<char> = name.chars().collect();
        self.texts.iter().filter_map(|(text, term)| self.score_of(text, term, name, &chars)).max_by(f64::total_cmp)
    }

    fn score_of(&self, text: &str, term: &[char], name: &str, chars: &[char]) -> Option<f64> {
        match self.algorithm {
            Algorithm::Subsequence if name.starts_with(text) => Some(1.0),
            Algorithm::Subsequence => {
                let score = subsequence(term, chars);
                (score > 0.0 && score >= self.threshold).then_some(score)
            }
            Algorithm::JaroWinkler => substring(text, term, name, chars).or_else(|| {
                let score = if self.threshold > 0.0 { jaro_winkler(term, chars) } else { return None };
                (score >= self.threshold).then_some(score)
            }),
        }
    }
}

/// 1 for a name that begins with the text, less the further behind it stands.
fn substring(text: &str, term: &[char], name: &str, chars: &[char]) -> Option<f64> {
    let place = name.find(text)?;
    let last = chars.len() - term.len();
    if place == 0 || last == 0 {
        return Some(1.0);
    }
    let before = name[..place].chars().count();
    Some(1.0 - PLACE_WEIGHT * before as f64 / last as f64)
}

/// 0 if the characters of the term are not in the name in their order; longer runs of them are better than gaps.
fn subsequence(term: &[char], name: &[char]) -> f64 {
    if term == name {
        return 1.0;
    }
    if term.len() > name.len() {
        return 0.0;
    }
    let mut best = -1.0;
    for start in 0..=name.len() - term.len() {
        if name[start] != term[0] {
            continue;
        }
        // What does not fit from here does not fit from a later place either.
        let Some(score) = runs(term, name, start) else { break };
        best = f64::max(best, score);
    }
    if best < 0.0 { 0.0 } else { best / (term.len() * term.len()) as f64 * NOT_EXACT }
}

/// The sum of the squares of the runs, less what the gaps between them cost.
fn runs(term: &[char], name: &[char], start: usize) -> Option<f64> {
    let share = 1.0 / name.len() as f64;
    let (mut score, mut at, mut matched, mut end) = (0.0, start, 0, 0);
    while matched < term.len() {
        at += name.get(at..)?.iter().position(|c| *c == term[matched])?;
        let run = name[at..].iter().zip(&term[matched..]).take_while(|(a, b)| a == b).count();
        score -= (at - end) as f64 * share;
        score += (run * run) as f64;
        at += run;
        matched += run;
        end = at;
    }
    Some(score - (name.len() - end) as f64 * share * 0.5)
}

/// The similarity of two texts by Jaro and Winkler.
fn jaro_winkler(a: &[char], b: &[char]) -> f64 {
    if a == b {
        return 1.0;
    }
    let (a, b) = if a.len() > b.len() { (b, a) } else { (a, b) };
    if a.is_empty() {
        return 0.0;
    }
    let distance = (b.len() / 2).saturating_sub(1);
    let (mut in_a, mut in_b) = (vec![false; a.len()], vec![false; b.len()]);
    for (place, c) in a.iter().enumerate() {
        let near = place.saturating_sub(distance)..(place + distance + 1).min(b.len());
        if let Some(other) = near.into_iter().find(|other| !in_b[*other] && b[*other] == *c) {
            (in_a[place], in_b[other]) = (true, true);
        }
    }
    let of = |chars: &[char], matched: &[bool]| -> Vec<char> {
        chars.iter().zip(matched).filter(|(_, matched)| **matched).map(|(c, _)| *c).collect()
    };
    let (matched, others) = (of(a, &in_a), of(b, &in_b));
    if matched.is_empty() {
        return 0.0;
    }
    let matches = matched.len() as f64;
    let moved = matched.iter().zip(&others).filter(|(a, b)| a != b).count() as f64;
    let (share_a, share_b) = (1.0 / a.len() as f64, 1.0 / b.len() as f64);
    let jaro = (matches * share_a + matches * share_b + (matches - moved * 0.5) / matches) / 3.0;
    let common = a.iter().zip(b).take(WINKLER_CHARS).take_while(|(a, b)| a == b).count() as f64;
    jaro + common * WINKLER_WEIGHT * (1.0 - jaro)
}

#[cfg(test)]
mod tests {
    use super::{Algorithm, Terms, jaro_winkler, subsequence};

    fn chars(text: &str) -> Vec<char> {
        text.chars().collect()
    }

    #[test]
    fn runs_count_more_than_gaps() {
        for (term, name, wanted) in [
            ("my awesome text", "my awesome text", 1.0),
            ("abc", "", 0.0),
            // A run of 2 and 13 characters behind it.
            ("my", "my awesome text", (4.0 - 13.0 / 30.0) / 4.0 * 0.999),
            // One character, six before the other, two behind.
            ("ac", "abbbbbbcdd", (1.0 - 0.6 + 1.0 - 0.1) / 4.0 * 0.999),
            // The better of two places to begin.
            ("ab", "axab", (4.0 - 0.5) / 4.0 * 0.999),
            ("ba", "ab", 0.0),
            ("é", "aé", (1.0 - 0.5) * 0.999),
        ] {
            let score = subsequence(&chars(term), &chars(name));
            assert!((score - wanted).abs() < 1e-12, "{term} in {name}: {score} instead of {wanted}");
        }
    }

    #[test]
    fn similar_texts_score_as_jaro_and_winkler_have_it() {
        for (a, b, wanted) in [
            ("martha", "marhta", 0.9611),
            ("dwayne", "duane", 0.84),
            ("dixon", "dicksonx", 0.8133),
            ("abc", "xyz", 0.0),
            ("", "abc", 0.0),
            ("café", "cafe", 0.8833),
        ] {
            for (a, b) in [(a, b), (b, a)] {
                let score = jaro_winkler(&chars(a), &chars(b));
                assert!((score - wanted).abs() < 1e-3, "{a} and {b}: {score} instead of {wanted}");
            }
        }
    }

    #[test]
    fn names_fit_or_do_not() {
        let score = |texts: &[&str], algorithm, threshold, exact, name: &str| {
            Terms::new(texts, algorithm, threshold, exact).expect("a text").score(name)
        };
        let (runs, similar) = (Algorithm::Subsequence, Algorithm::JaroWinkler);
        assert_eq!(score(&["http"], runs, 1.0, true, "http_requests_total"), Some(1.0));
        assert_eq!(score(&["HTTP"], runs, 0.0, true, "http_requests_total"), None);
        assert_eq!(score(&["HTTP"], runs, 0.0, false, "Http_requests_total"), Some(1.0));
        assert_eq!(score(&["x", "req"], runs, 0.0, true, "requests"), Some(1.0));
        assert!(score(&["hrt"], runs, 0.0, true, "http_requests_total").is_some_and(|score| score < 0.5));
        assert_eq!(score(&["hrt"], runs, 0.9, true, "http_requests_total"), None);
        assert_eq!(score(&["b"], similar, 0.0, true, "aab"), Some(1.0 - 0.9 * 2.0 / 2.0));
        assert_eq!(score(&["requets"], similar, 0.0, true, "requests"), None);
        assert!(score(&["requets"], similar, 0.9, true, "requests").is_some());
        assert!(Terms::new(&["", ""], runs, 0.0, true).is_none());
    }
}
