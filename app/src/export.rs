//! `vitrine metrics export`: samples of an observatory as Parquet files, for tools that know nothing of it.
//!
//! It asks for one stretch of time after the other, each so short that its answer is small, and writes what comes: whatever the time
//! asked for, it takes bounded memory, here and there.

use std::fs::File;
use std::io::{BufWriter, IsTerminal, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;
use vitrine_kit::clock::{Clock, rfc3339};
use vitrine_kit::percent;
use vitrine_observe_model::{SampleFile, SampleValue};
use vitrine_platform_fetch::{Client, Error as FetchError, Limits};

use crate::Usage;
use crate::cli::ExportArgs;
use crate::promql::{client, get, sample_ms, time_ms};
use crate::say::say;

/// How long an answer may take, and how large it may be: a longer one is asked for in two halves.
const LIMITS: Limits = Limits { within: Duration::from_secs(60), max_response_bytes: 4 << 20 };
/// The stretch of time that is asked for first.
const FIRST_STRETCH_MS: i64 = 600_000;
/// The longest: a day.
const MAX_STRETCH_MS: i64 = 86_400_000;
/// The shortest: what is too much even so is an error.
const MIN_STRETCH_MS: i64 = 1_000;
/// Where no start is given: an hour.
const USUAL_MS: i64 = 3_600_000;
/// Samples of one file of a folder.
const FILE_SAMPLES: u64 = 5_000_000;
/// All series.
const ALL: &str = "{__name__!=\"\"}";
/// Buckets of a histogram in an answer.
const BUCKETS: &str = "buckets";

/// The command.
pub async fn run(args: ExportArgs) -> Result<()> {
    let now_ms = Clock::system().now_ms();
    let end_ms = args.end.as_deref().map_or(Ok(now_ms), |text| time_ms("end", text))?;
    let start_ms = args.start.as_deref().map_or(Ok(end_ms - USUAL_MS), |text| time_ms("start", text))?;
    if start_ms > end_ms {
        return Err(Usage(format!("--start {}: expected a time before --end", rfc3339(start_ms))).into());
    }
    let selector = args.selector.as_deref().unwrap_or(ALL);
    let client = client(&args.observatory)?;
    let mut files = Files::new(&args.parquet)?;
    let progress = Progress::new(start_ms, end_ms);
    // A range leaves out its beginning.
    let (mut from_ms, mut stretch_ms) = (start_ms - 1, FIRST_STRETCH_MS);
    while from_ms < end_ms {
        let to_ms = end_ms.min(from_ms + stretch_ms);
        match ask(&client, &args, selector, (from_ms, to_ms)).await? {
            Ok(answer) => {
                files.write(&answer)?;
                from_ms = to_ms;
                stretch_ms = (stretch_ms * 2).min(MAX_STRETCH_MS);
                progress.show(from_ms, files.samples);
            }
            Err(why) if stretch_ms <= MIN_STRETCH_MS => {
                bail!(
                    "the second before {} is too much for one answer: ask for fewer series with --match ({why})",
                    rfc3339(to_ms)
                )
            }
            Err(_) => stretch_ms = (stretch_ms / 4).max(MIN_STRETCH_MS),
        }
    }
    progress.end();
    let (samples, names) = files.finish()?;
    say!("{samples} {} in {names}", if samples == 1 { "sample" } else { "samples" });
    Ok(())
}

/// The samples of a stretch of time, without its beginning; or why they are too many for one answer.
async fn ask(
    client: &Client,
    args: &ExportArgs,
    selector: &str,
    (from_ms, to_ms): (i64, i64),
) -> Result<std::result::Result<Value, String>> {
    let query = percent::encode(&format!("{selector}[{}ms]", to_ms - from_ms));
    let path = format!("query?query={query}&time={}.{:03}", to_ms.div_euclid(1_000), to_ms.rem_euclid(1_000));
    let body = match get(client, &args.observatory, &path, LIMITS).await {
        Ok(body) => body,
        Err(error) => {
            return match error.downcast_ref() {
                Some(why @ (FetchError::TooLong(_) | FetchError::Late(_))) => Ok(Err(why.to_string())),
                _ => Err(error),
            };
        }
    };
    let answer: Value = serde_json::from_str(&body).context("the answer is not one of an observatory")?;
    if answer["status"] == "success" {
        return Ok(Ok(answer));
    }
    let text = answer["error"].as_str().unwrap_or_default();
    match answer["errorType"].as_str() {
        // It takes more memory, samples or time than a query may.
        Some("execution" | "timeout") => Ok(Err(text.to_owned())),
        kind => Err(anyhow!("{}: {text}", kind.unwrap_or("error"))),
    }
}

/// Where samples are written to: one file, or numbered ones of a folder.
struct Files {
    path: PathBuf,
    is_folder: bool,
    number: usize,
    open: Option<(PathBuf, SampleFile<BufWriter<File>>)>,
    samples: u64,
}

impl Files {
    fn new(path: &Path) -> Result<Self> {
        let is_folder = path.is_dir() || path.as_os_str().to_string_lossy().ends_with('/');
        if is_folder {
            std::fs::create_dir_all(path).with_context(|| format!("the folder {} cannot be made", path.display()))?;
        }
        let mut files = Self { path: path.to_owned(), is_folder, number: 0, open: None, samples: 0 };
        // Before an observatory is asked for much.
        files.begin()?;
        Ok(files)
    }

    /// Begins the next file. It has its name when it is whole.
    fn begin(&mut self) -> Result<()> {
        self.number += 1;
        let path = if self.is_folder {
            self.path.join(format!("samples-{:05}.parquet", self.number))
        } else {
            self.path.clone()
        };
        let partial = partial(&path);
        let file = File::create(&partial).with_context(|| format!("{} cannot be written", partial.display()))?;
        self.open = Some((path, SampleFile::new(BufWriter::new(file))?));
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        let Some((path, file)) = self.open.take() else { return Ok(()) };
        let failed = || format!("{} cannot be written", path.display());
        file.finish().with_context(failed)?;
        std::fs::rename(partial(&path), &path).with_context(failed)
    }

    fn write(&mut self, answer: &Value) -> Result<()> {
        for entry in answer["data"]["result"].as_array().into_iter().flatten() {
            if self.open.as_ref().is_some_and(|(_, file)| self.is_folder && file.rows() >= FILE_SAMPLES) {
                self.end()?;
                self.begin()?;
            }
            let Some((path, file)) = &mut self.open else { continue };
            let failed = || format!("{} cannot be written", path.display());
            let metric = entry["metric"].as_object();
            let labels = || {
                let all = metric.into_iter().flatten();
                all.filter(|(name, _)| *name != "__name__")
                    .filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
            };
            let name = entry["metric"]["__name__"].as_str().unwrap_or_default();
            let number = |value: &Value| value.as_str().and_then(|text| text.parse::<f64>().ok());
            for sample in entry["values"].as_array().into_iter().flatten() {
                let (Some(time), Some(value)) = (sample_ms(sample), number(&sample[1])) else { bail!(NO_ANSWER) };
                file.add(name, labels(), time, SampleValue::Number(value)).with_context(failed)?;
                self.samples += 1;
            }
            for sample in entry["histograms"].as_array().into_iter().flatten() {
                let histogram = &sample[1];
                let (Some(time), Some(count), Some(sum)) =
                    (sample_ms(sample), number(&histogram["count"]), number(&histogram["sum"]))
                else {
                    bail!(NO_ANSWER)
                };
                let buckets = histogram.get(BUCKETS).map_or_else(|| "[]".to_owned(), Value::to_string);
                file.add(name, labels(), time, SampleValue::Histogram(count, sum, &buckets)).with_context(failed)?;
                self.samples += 1;
            }
        }
        Ok(())
    }

    /// Ends the last file. Returns how many samples there are, and where.
    fn finish(mut self) -> Result<(u64, String)> {
        self.end()?;
        let files = if self.number == 1 { "file" } else { "files" };
        let place = if self.is_folder { format!("{} {files} of ", self.number) } else { String::new() };
        Ok((self.samples, format!("{place}{}", self.path.display())))
    }
}

impl Drop for Files {
    /// What is not whole is no file.
    fn drop(&mut self) {
        if let Some((path, _)) = self.open.take() {
            let _ = std::fs::remove_file(partial(&path));
        }
    }
}

const NO_ANSWER: &str = "the answer is not one of an observatory: a sample without a time or a value";

fn partial(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}

/// How far it is, on a terminal.
struct Progress {
    start_ms: i64,
    end_ms: i64,
    is_shown: bool,
}

impl Progress {
    fn new(start_ms: i64, end_ms: i64) -> Self {
        Self { start_ms, end_ms, is_shown: std::io::stderr().is_terminal() }
    }

    fn show(&self, at_ms: i64, samples: u64) {
        if self.is_shown {
            let part = (at_ms - self.start_ms) as f64 / (self.end_ms - self.start_ms).max(1) as f64;
            eprint!("\r\x1b[K{:3.0} %  {samples} samples  up to {}", part.clamp(0.0, 1.0) * 100.0, rfc3339(at_ms));
            // What is shown a moment later does no harm.
            let _ = std::io::stderr().flush();
        }
    }

    fn end(&self) {
        if self.is_shown {
            eprint!("\r\x1b[K");
        }
    }
}
