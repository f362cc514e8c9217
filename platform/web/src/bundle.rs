//! Files that were built, with what they were compressed to beforehand.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use vitrine_platform_http::ETag;

/// Where files of a site lie whose names hold a hash of what is in them: they never change.
const IMMUTABLE: &str = "assets/";
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// For how long others are good without asking.
const A_WHILE: HeaderValue = HeaderValue::from_static("public, max-age=3600");
/// What compressed forms are called, best first: the end of the file's name, and the encoding.
const ENCODINGS: [(&str, &str); 2] = [(".br", "br"), (".gz", "gzip")];

#[derive(rust_embed::RustEmbed)]
#[folder = "../../web/dist"]
struct Dist;

/// A folder of built pages that cannot be read.
#[derive(Debug)]
pub struct Error {
    path: PathBuf,
    source: io::Error,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot be read as a folder of built pages: expected what `make web` makes", self.path.display())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// What was built. Empty where `make web` has not run.
#[derive(Clone, Debug, Default)]
pub struct Bundle {
    files: BTreeMap<String, Bytes>,
    /// The folder of files that browsers may have, with a slash behind it; all else is for the server alone.
    public: String,
}

impl Bundle {
    /// What is in the program; browsers may have what is in the folder of a site: `public` is the storefront's, `console` the console's.
    pub fn embedded(site: &str) -> Self {
        let bytes = |name: &str| {
            Dist::get(name).map(|file| match file.data {
                Cow::Borrowed(bytes) => Bytes::from_static(bytes),
                Cow::Owned(bytes) => bytes.into(),
            })
        };
        let files = Dist::iter().filter_map(|name| Some((name.to_string(), bytes(&name)?))).collect();
        Self { files, public: format!("{site}/") }
    }

    /// The same of what is in a folder now.
    pub fn open(folder: &Path, site: &str) -> Result<Self, Error> {
        let mut files = BTreeMap::new();
        read(folder, "", &mut files)?;
        Ok(Self { files, public: format!("{site}/") })
    }

    /// The text of a file that is for the server.
    pub fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.files.get(name)?).ok()
    }

    /// Paths of all that browsers may have, each with a slash before it.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        let site = self.public.trim_end_matches('/');
        let names = self
            .files
            .keys()
            .filter(|name| name.starts_with(&self.public))
            .filter_map(move |name| name.strip_prefix(site));
        names.filter(|name| ENCODINGS.iter().all(|(end, _)| !name.ends_with(end)))
    }

    /// The answer to a browser that wants the file at a path: in the best form that it takes, with an `ETag`. None where there is no such file.
    pub fn response(&self, path: &str, asked: &HeaderMap) -> Option<Response> {
        let path = path.trim_start_matches('/');
        let name = format!("{}{path}", self.public);
        let plain = self.files.get(&name)?;
        let accepted = asked.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let packed = ENCODINGS
            .iter()
            .filter(|(_, encoding)| accepts_encoding(accepted, encoding))
            .find_map(|(end, encoding)| Some((self.files.get(&format!("{name}{end}"))?, *encoding)));
        let body = packed.map_or(plain, |(bytes, _)| bytes);
        let lasting = if path.starts_with(IMMUTABLE) { FOR_EVER } else { A_WHILE };
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(&name)));
        headers.insert(header::CACHE_CONTROL, lasting);
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        headers.insert(header::ETAG, ETag::of_content(body).header());
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Some((_, encoding)) = packed {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        Some((headers, body.clone()).into_response())
    }
}

/// Whether a browser takes an encoding, by its `Accept-Encoding`: named, and not with a weight of nought.
pub fn accepts_encoding(accepted: &str, encoding: &str) -> bool {
    accepted.split(',').any(|item| {
        let (name, weight) = item.split_once(';').unwrap_or((item, ""));
        name.trim().eq_ignore_ascii_case(encoding) && !matches!(weight.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000")
    })
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        Some("json") => "application/json",
        _ => "application/octet-stream",
    }
}

fn read(folder: &Path, below: &str, files: &mut BTreeMap<String, Bytes>) -> Result<(), Error> {
    let wrong = |source| Error { path: folder.to_owned(), source };
    for entry in std::fs::read_dir(folder).map_err(wrong)? {
        let entry = entry.map_err(wrong)?;
        let name = format!("{below}{}", entry.file_name().to_string_lossy());
        if entry.file_type().map_err(wrong)?.is_dir() {
            read(&entry.path(), &format!("{name}/"), files)?;
        } else {
            files.insert(name, std::fs::read(entry.path()).map_err(wrong)?.into());
        }
    }
    Ok(())
}
