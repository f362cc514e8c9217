//! `vitrine rules`: checks rule files and runs their tests. Files, verdicts and exit codes are promtool's; all mistakes of a file are told.

use std::fmt::Display;
use std::io::{IsTerminal, Read as _};
use std::path::Path;
use std::process::ExitCode;

use regex::RegexSet;
use vitrine_observe_rules::unit_test::TestFile;
use vitrine_observe_rules::{Query, RuleFile};
use vitrine_platform_config::glob;
use vitrine_platform_config::yaml::{MAX_TEXT, Mistake};

use crate::EX_USAGE;
use crate::cli::{RulesArgs, RulesCheckArgs, RulesCommand, RulesTestArgs};
use crate::say::say;

/// The exit code where rules are there twice and that is fatal; promtool's.
const EXIT_LINT: u8 = 3;

const GREEN: &str = "\x1b[32m";
const RED: &str = "\x1b[31m";
const YELLOW: &str = "\x1b[33m";
const BOLD: &str = "\x1b[1m";
const PLAIN: &str = "\x1b[0m";

/// Rules of the shop itself.
pub const SHOP: &str = include_str!("rules/shop.yml");

/// Text in colours, where someone looks.
struct Paint {
    is_on: bool,
}

impl Paint {
    fn new() -> Self {
        Self { is_on: std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() }
    }

    fn paint(&self, colour: &str, text: impl Display) -> String {
        if self.is_on { format!("{colour}{text}{PLAIN}") } else { text.to_string() }
    }
}

/// The command.
pub fn run(args: &RulesArgs) -> ExitCode {
    match &args.command {
        RulesCommand::Check(args) => check(args),
        RulesCommand::Test(args) => test(args),
        // It needs a runtime, and has its own file.
        RulesCommand::Replay(_) => ExitCode::SUCCESS,
        RulesCommand::Shop => {
            say!("{}", SHOP.trim_end());
            ExitCode::SUCCESS
        }
    }
}

/// A file's text.
fn read(path: &Path) -> Result<String, String> {
    let told = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut text = String::new();
    let limit = u64::try_from(MAX_TEXT).unwrap_or(u64::MAX) + 1;
    let file = std::fs::File::open(path).map_err(told)?;
    file.take(limit).read_to_string(&mut text).map_err(told)?;
    Ok(text)
}

/// A rule file, or what is wrong with it, with where that stands.
pub(crate) fn read_file(path: &Path) -> Result<RuleFile, Vec<String>> {
    let text = read(path).map_err(|error| vec![error])?;
    parse(&text).map_err(|mistakes| lines(&path.display().to_string(), &mistakes))
}

/// Mistakes as lines: `FILE:LINE:COLUMN: what`.
fn lines(name: &str, mistakes: &[Mistake]) -> Vec<String> {
    mistakes.iter().map(|mistake| format!("{name}:{mistake}")).collect()
}

/// A rule file, its statements in SQL read, too.
fn parse(text: &str) -> Result<RuleFile, Vec<Mistake>> {
    let file = RuleFile::parse(text)?;
    let mut mistakes = Vec::new();
    for (group, rule) in file.groups.iter().flat_map(|group| group.rules.iter().map(move |rule| (group, rule))) {
        let Query::Sql(_) = &rule.query else { continue };
        if let Err(error) = vitrine_observe_sql::check(&rule.query.at(0, 0)) {
            let message = format!("group {:?}, {:?}: could not parse statement: {error}", group.name, rule.name());
            mistakes.push(Mistake { location: rule.location, message });
        }
    }
    if mistakes.is_empty() { Ok(file) } else { Err(mistakes) }
}

fn check(args: &RulesCheckArgs) -> ExitCode {
    let paint = Paint::new();
    let mut has_failed = false;
    let mut has_duplicates = false;
    let files: Vec<(String, Result<String, String>)> = if args.files.is_empty() {
        let mut text = String::new();
        let limit = u64::try_from(MAX_TEXT).unwrap_or(u64::MAX) + 1;
        let read = std::io::stdin().lock().take(limit).read_to_string(&mut text);
        vec![("standard input".to_owned(), read.map(|_| text).map_err(|error| error.to_string()))]
    } else {
        args.files.iter().map(|path| (path.display().to_string(), read(path))).collect()
    };
    for (name, text) in files {
        say!("Checking {}", paint.paint(BOLD, &name));
        let parsed =
            text.map_err(|error| vec![error]).and_then(|text| parse(&text).map_err(|mistakes| lines(&name, &mistakes)));
        match parsed {
            Err(mistakes) => {
                has_failed = true;
                say!("  {}", paint.paint(RED, "FAILED:"));
                mistakes.iter().for_each(|mistake| say!("{mistake}"));
            }
            Ok(file) => {
                say!("  {} {} rules found", paint.paint(GREEN, "SUCCESS:"), file.rules());
                for rule in file.duplicates() {
                    has_duplicates = true;
                    let warning = paint.paint(YELLOW, "DUPLICATE:");
                    let (location, rule) = (rule.location, rule.name());
                    say!(
                        "  {warning} {name}:{location}: {rule} is there before with the same labels; their results stand in each other's way"
                    );
                }
            }
        }
        say!("");
    }
    match (has_failed, has_duplicates && args.lint_fatal) {
        (true, _) => ExitCode::FAILURE,
        (false, true) => ExitCode::from(EXIT_LINT),
        (false, false) => ExitCode::SUCCESS,
    }
}

fn test(args: &RulesTestArgs) -> ExitCode {
    let chosen = match RegexSet::new(&args.run) {
        Ok(chosen) => chosen,
        Err(error) => {
            eprintln!("vitrine: --run: expected a regular expression: {error}");
            return ExitCode::from(EX_USAGE);
        }
    };
    let paint = Paint::new();
    let mut has_failed = false;
    for path in &args.files {
        say!("Unit Testing: {}", paint.paint(BOLD, path.display()));
        match test_file(path, &chosen) {
            Ok(count) => say!("  {} {count} tests", paint.paint(GREEN, "SUCCESS:")),
            Err(failures) => {
                has_failed = true;
                say!("  {}", paint.paint(RED, "FAILED:"));
                failures.iter().for_each(|failure| say!("{failure}\n"));
            }
        }
        say!("");
    }
    if has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Runs the tests of a file: how many there were, or what failed.
fn test_file(path: &Path, chosen: &RegexSet) -> Result<usize, Vec<String>> {
    let name = path.display().to_string();
    let text = read(path).map_err(|error| vec![error])?;
    let file = TestFile::parse(&text).map_err(|mistakes| lines(&name, &mistakes))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut failures = Vec::new();
    let mut rules = Vec::new();
    for pattern in &file.rule_files {
        let found = glob(pattern, folder).map_err(|error| vec![format!("{name}: rule_files: {error}")])?;
        if found.is_empty() {
            say!("  WARNING: no file match pattern {}", folder.join(pattern).display());
        }
        for path in found {
            let name = path.display().to_string();
            match read(&path)
                .map_err(|error| vec![error])
                .and_then(|text| RuleFile::parse(&text).map_err(|mistakes| lines(&name, &mistakes)))
            {
                Ok(file) => rules.push((name, file)),
                Err(mistakes) => failures.extend(mistakes),
            }
        }
    }
    if !failures.is_empty() {
        return Err(failures);
    }
    let results = file.run(&rules, &|name| chosen.is_empty() || chosen.is_match(name));
    let count = results.len();
    failures.extend(results.into_iter().flat_map(|result| result.failures));
    if failures.is_empty() { Ok(count) } else { Err(failures) }
}
