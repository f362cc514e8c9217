//! A reader of the part of Gherkin that flagd's scenarios use.

/// What a text of several lines begins and ends with.
const TEXT: &str = "\"\"\"";

/// A scenario with the values of one example in it.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its name, with the values of its example.
    pub name: String,
    /// Its tags, those of its feature and its examples among them.
    pub tags: Vec<String>,
    /// The steps, and the rows of the tables under them.
    pub steps: Vec<(String, Vec<Vec<String>>)>,
}

fn cells(line: &str) -> Vec<String> {
    let inner = line.trim().trim_start_matches('|').trim_end_matches('|');
    inner.split('|').map(|cell| cell.trim().replace("\\\"", "\"")).collect()
}

#[derive(Default)]
struct Scenario {
    name: String,
    tags: Vec<String>,
    steps: Vec<(String, Vec<Vec<String>>)>,
    /// Tags and rows of each table of examples, the names first.
    examples: Vec<(Vec<String>, Vec<Vec<String>>)>,
}

/// The scenarios of a feature, each example one of its own.
pub fn scenarios(text: &str) -> Vec<Case> {
    let mut background = Vec::new();
    let mut feature_tags = Vec::new();
    let mut tags: Vec<String> = Vec::new();
    let mut found: Vec<Scenario> = Vec::new();
    let (mut in_background, mut in_text) = (false, false);
    for line in text.lines().map(str::trim) {
        if line.starts_with(TEXT) {
            in_text = !in_text;
        } else if in_text {
            // A description.
        } else if line.starts_with('@') {
            tags.extend(line.split_whitespace().map(str::to_owned));
        } else if line.starts_with("Feature:") {
            feature_tags = std::mem::take(&mut tags);
        } else if line.starts_with("Background:") {
            in_background = true;
        } else if line.starts_with("Examples:") || line.starts_with("Scenarios:") {
            found.last_mut().expect("a scenario").examples.push((std::mem::take(&mut tags), Vec::new()));
        } else if line.starts_with("Scenario") {
            in_background = false;
            let name = line.split_once(':').map_or("", |(_, name)| name.trim()).to_owned();
            found.push(Scenario { name, tags: std::mem::take(&mut tags), ..Scenario::default() });
        } else if line.starts_with('|') {
            let scenario = found.last_mut().expect("a scenario");
            match scenario.examples.last_mut() {
                Some((_, rows)) => rows.push(cells(line)),
                None => scenario.steps.last_mut().expect("a step").1.push(cells(line)),
            }
        } else if let Some((_, step)) =
            line.split_once(' ').filter(|(word, _)| ["Given", "When", "Then", "And"].contains(word))
        {
            match found.last_mut() {
                Some(scenario) if !in_background => scenario.steps.push((step.to_owned(), Vec::new())),
                _ => background.push((step.to_owned(), Vec::new())),
            }
        }
    }
    found.into_iter().flat_map(|scenario| unfold(scenario, &background, &feature_tags)).collect()
}

fn unfold(scenario: Scenario, background: &[(String, Vec<Vec<String>>)], feature_tags: &[String]) -> Vec<Case> {
    let mut steps = background.to_vec();
    steps.extend(scenario.steps);
    let tags = [feature_tags, &scenario.tags].concat();
    if scenario.examples.is_empty() {
        return vec![Case { name: scenario.name, tags, steps }];
    }
    let mut cases = Vec::new();
    for (own, rows) in scenario.examples {
        let (names, rows) = rows.split_first().expect("names of the examples");
        for row in rows {
            let fill = |step: &String| {
                names
                    .iter()
                    .zip(row)
                    .fold(step.clone(), |step, (name, value)| step.replace(&format!("<{name}>"), value))
            };
            let steps = steps.iter().map(|(step, table)| (fill(step), table.clone())).collect();
            cases.push(Case { name: format!("{} {row:?}", scenario.name), tags: [&tags[..], &own].concat(), steps });
        }
    }
    cases
}

/// The texts in quotes of a step. A value is the last of them, and may hold quotes itself.
pub fn quoted(step: &str, count: usize) -> Vec<String> {
    let mut parts = step.splitn(2 * count, '"').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    if let Some(last) = parts.last_mut() {
        *last = last.trim_end_matches('"').replace("\\\"", "\"");
    }
    parts
}
