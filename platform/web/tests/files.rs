//! Built files, as browsers get them.

use std::fs;
use std::path::Path;

use axum::http::{HeaderMap, header};
use axum::response::Response;
use vitrine_platform_web::Bundle;

const SCRIPT: &str = "public/assets/entry-1a2b.js";

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let put = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    };
    put(SCRIPT, "plain");
    put("public/assets/entry-1a2b.js.br", "brotli");
    put("public/assets/entry-1a2b.js.gz", "gzip");
    put("public/icon.svg", "<svg/>");
    put("server/routes.json", "[]");
    folder
}

fn asking(encodings: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT_ENCODING, encodings.parse().expect("a header"));
    headers
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers().get(name).map(|value| value.to_str().expect("text"))
}

#[tokio::test]
async fn a_browser_gets_the_best_form_that_it_takes() {
    let folder = folder();
    let bundle = Bundle::open(folder.path(), "public").expect("readable");
    let path = "/assets/entry-1a2b.js";
    let mut tags = Vec::new();
    for (encodings, expected, body) in [
        ("gzip, deflate, br", Some("br"), "brotli"),
        ("gzip;q=0.5, br;q=0", Some("gzip"), "gzip"),
        ("identity", None, "plain"),
    ] {
        let response = bundle.response(path, &asking(encodings)).expect("it is there");
        assert_eq!(header(&response, "content-encoding"), expected, "{encodings}");
        assert_eq!(header(&response, "cache-control"), Some("public, max-age=31536000, immutable"));
        assert_eq!(header(&response, "content-type"), Some("text/javascript; charset=utf-8"));
        assert_eq!(header(&response, "vary"), Some("accept-encoding"));
        tags.push(header(&response, "etag").expect("a tag").to_owned());
        let bytes = axum::body::to_bytes(response.into_body(), 100).await.expect("a body");
        assert_eq!(bytes, body.as_bytes());
    }
    tags.dedup();
    assert_eq!(tags.len(), 3, "each form has a tag of its own: {tags:?}");
}

#[test]
fn what_is_for_the_server_is_not_served() {
    let folder = folder();
    let bundle = Bundle::open(folder.path(), "public").expect("readable");
    assert_eq!(bundle.text("server/routes.json"), Some("[]"));
    assert_eq!(bundle.paths().collect::<Vec<_>>(), ["/assets/entry-1a2b.js", "/icon.svg"]);
    for path in ["/server/routes.json", "/../server/routes.json", "/assets/none.js", "/"] {
        assert!(bundle.response(path, &HeaderMap::new()).is_none(), "{path}");
    }
    let icon = bundle.response("/icon.svg", &HeaderMap::new()).expect("it is there");
    assert_eq!(header(&icon, "cache-control"), Some("public, max-age=3600"));
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let error = Bundle::open(Path::new("/nowhere/at-all"), "public").expect_err("not there");
    assert_eq!(
        error.to_string(),
        "/nowhere/at-all cannot be read as a folder of built pages: expected what `make web` makes"
    );
}
