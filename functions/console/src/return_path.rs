//! Where a person goes after signing in: to a page of the console, and nowhere else.

use url::Url;

/// A path and query of the console's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnPath(String);

impl ReturnPath {
    /// What was asked for, if it is one of our own; the first page, if not.
    ///
    /// A browser reads `//host`, `/\host` and `/<tab>/host` as another host, so what a browser would make of it is
    /// looked at (WHATWG URL), and not the text.
    pub fn of(asked: Option<&str>) -> Self {
        let own = |path: &str| {
            let base = Url::parse("https://console.invalid/").ok()?;
            let url = base.join(path).ok()?;
            let stays = path.starts_with('/')
                && url.origin() == base.origin()
                && !path.contains(|character: char| character.is_control() || character == '\\');
            let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
            stays.then(|| format!("{}{query}", url.path())).filter(|path| !path.starts_with("//"))
        };
        Self(asked.and_then(own).unwrap_or_else(|| "/".to_owned()))
    }

    /// The path and query.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_paths_are_kept() {
        for path in ["/", "/audit", "/audit?before=2026-07-01T09:30:00.250Z%23a", "/pipelines/a/mapping"] {
            assert_eq!(ReturnPath::of(Some(path)).as_str(), path);
        }
    }

    #[test]
    fn everything_else_is_the_first_page() {
        assert_eq!(ReturnPath::of(None).as_str(), "/");
        for path in [
            "",
            "audit",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "/\n//evil.example",
            "https://evil.example",
            "https:evil.example",
            "//evil.example/..",
            "/..//evil.example",
            "/.//evil.example",
            "javascript:alert(1)",
            "data:text/html,x",
            "/audit\r\nset-cookie: a=b",
            "@evil.example",
            "/a/..//evil.example",
        ] {
            assert_eq!(ReturnPath::of(Some(path)).as_str(), "/", "{path:?}");
        }
    }
}
