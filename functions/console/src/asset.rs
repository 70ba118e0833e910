//! The style sheet, the script and the icon, in the binary.
//!
//! A file's digest is in its path, so browsers keep it for ever, and a new one has a new path.

use std::sync::{LazyLock, OnceLock};

use axum::{
    body::Body,
    extract::Path,
    response::{IntoResponse as _, Response},
};
use flate2::Compression;
use http::{HeaderMap, HeaderValue, header};
use shared::digest;

use crate::{gzip, no_page::NoPage};

/// What their paths begin with.
pub const FOLDER: &str = "/assets/";

/// One of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asset {
    /// `console.css`, ours.
    Style,
    /// htmx 4.0.1 of npm's `htmx.org`, as it is there (`dist/htmx.min.js`), under the Zero-Clause BSD licence beside it.
    Script,
    /// `formula.js`, ours: completion in formulas.
    Formula,
    /// `icon.svg`, ours.
    Icon,
}

struct File {
    name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
    digest: LazyLock<String>,
    small: OnceLock<Option<Vec<u8>>>,
}

macro_rules! file {
    ($name:literal, $kind:literal) => {
        File {
            name: $name,
            kind: $kind,
            bytes: include_bytes!(concat!("../assets/", $name)),
            digest: LazyLock::new(|| digest::hex(include_bytes!(concat!("../assets/", $name)))[..16].to_owned()),
            small: OnceLock::new(),
        }
    };
}

static STYLE: File = file!("console.css", "text/css; charset=utf-8");
static SCRIPT: File = file!("htmx-4.0.1.min.js", "text/javascript; charset=utf-8");
static FORMULA: File = file!("formula.js", "text/javascript; charset=utf-8");
static ICON: File = file!("icon.svg", "image/svg+xml");

impl Asset {
    /// All.
    pub const ALL: [Self; 4] = [Self::Style, Self::Script, Self::Formula, Self::Icon];

    fn file(self) -> &'static File {
        match self {
            Self::Style => &STYLE,
            Self::Script => &SCRIPT,
            Self::Formula => &FORMULA,
            Self::Icon => &ICON,
        }
    }

    /// Its path: `/assets/<digest>/<name>`.
    pub fn path(self) -> String {
        let file = self.file();
        format!("{FOLDER}{}/{}", *file.digest, file.name)
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|asset| asset.file().name == name)
    }
}

/// Answers with a file.
pub async fn show(Path((digest, name)): Path<(String, String)>, headers: HeaderMap) -> Result<Response, NoPage> {
    let file = Asset::named(&name).ok_or_else(NoPage::not_found)?.file();
    let small =
        gzip::is_taken(&headers).then(|| file.small.get_or_init(|| gzip::gzip(file.bytes, Compression::best())));
    let small = small.and_then(Option::as_ref);
    let mut response = match small {
        Some(small) => Body::from(small.as_slice()).into_response(),
        None => Body::from(file.bytes).into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.kind));
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if small.is_some() {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    // A page of the release before may still ask by its own digest: it gets what there is, and must not keep it.
    let is_current = digest == *file.digest;
    let lifetime = if is_current { "public, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(lifetime));
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_is_the_one_that_npm_has() {
        // `npm pack htmx.org@4.0.1`, then `sha256sum package/dist/htmx.min.js`.
        assert_eq!(digest::hex(SCRIPT.bytes), "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130");
    }

    #[test]
    fn all_of_them_together_weigh_less_than_a_page_may() {
        let small = |file: &File| gzip::gzip(file.bytes, Compression::best()).unwrap().len();
        assert!(small(&SCRIPT) + small(&FORMULA) < 30_000);
        assert!(Asset::ALL.into_iter().map(|asset| small(asset.file())).sum::<usize>() < 40_000);
    }
}
