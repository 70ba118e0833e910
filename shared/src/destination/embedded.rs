//! The connectors that are built in: every file of `shared/destinations`. A build script lists them; to add one is to
//! add its file.

use std::sync::OnceLock;

use serde::Deserialize;

use super::{
    case::Case,
    descriptor::Connector,
    load::{self, DescriptorError},
};
use crate::nearest::did_you_mean;

/// One file. It is parsed when it is first asked for: a function needs one connector, and starts cold.
struct Embedded {
    slug: &'static str,
    text: &'static str,
    parsed: OnceLock<Result<Connector, DescriptorError>>,
}

/// The tests in one file; the tools ask for them, the functions never.
struct Tests {
    slug: &'static str,
    text: &'static str,
    parsed: OnceLock<Result<Vec<Case>, DescriptorError>>,
}

// `static EMBEDDED: [Embedded; …]` and `static TESTS: [Tests; …]`, sorted by slug.
include!(concat!(env!("OUT_DIR"), "/connectors.rs"));

impl Embedded {
    fn connector(&'static self) -> Result<&'static Connector, ConnectorError> {
        let parsed = self.parsed.get_or_init(|| Connector::parse(&format!("{}.toml", self.slug), self.text));
        parsed.as_ref().map_err(|error| ConnectorError::Broken(error.clone()))
    }
}

impl Connector {
    /// The tests at the end of the connector's own file; none for one that is not built in.
    pub fn tests(&self) -> Result<&'static [Case], DescriptorError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Rest {
            #[serde(default)]
            tests: Vec<Case>,
        }
        let Some(tests) = TESTS.iter().find(|tests| tests.slug == self.slug()) else { return Ok(&[]) };
        let read = || load::read(&format!("{}.toml", tests.slug), tests.text).map(|Rest { tests }| tests);
        tests.parsed.get_or_init(read).as_deref().map_err(Clone::clone)
    }
}

/// There is no such connector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectorError {
    /// No file of that name.
    #[error("there is no connector {slug:?}; {mend}")]
    Unknown {
        /// The name asked for.
        slug: String,
        /// What to write instead.
        mend: String,
    },
    /// Its file is wrong. The tests of this crate parse every file, so this is never seen in a release.
    #[error(transparent)]
    Broken(#[from] DescriptorError),
}

/// The connector of this slug.
pub fn connector(slug: &str) -> Result<&'static Connector, ConnectorError> {
    if let Some(embedded) = EMBEDDED.iter().find(|embedded| embedded.slug == slug) {
        return embedded.connector();
    }
    let slugs = || EMBEDDED.iter().map(|embedded| embedded.slug);
    let mend = did_you_mean(slug, slugs())
        .unwrap_or_else(|| format!("write one of {}", slugs().collect::<Vec<_>>().join(", ")));
    Err(ConnectorError::Unknown { slug: slug.to_owned(), mend })
}

/// All connectors, by slug.
pub fn connectors() -> Result<Vec<&'static Connector>, ConnectorError> {
    EMBEDDED.iter().map(Embedded::connector).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use regex::Regex;

    use super::*;
    use crate::destination::Auth;

    /// A pattern of infra/locals.tf. HCL escapes the backslash and the quote as JSON does.
    fn pattern(locals: &str, name: &str) -> Regex {
        let value = |line: &str| Some(line.trim().strip_prefix(name)?.trim_start().strip_prefix("= ")?.to_owned());
        let literal = locals.lines().find_map(value).unwrap();
        Regex::new(&serde_json::from_str::<String>(&literal).unwrap()).unwrap()
    }

    /// Terraform, which reads no TOML, refuses a missing secret by what patterns find in the files. Its patterns are RE2,
    /// of which this crate has the syntax.
    #[test]
    fn terraform_finds_in_every_file_what_the_connector_says() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
        let locals = fs::read_to_string(format!("{root}/infra/locals.tf")).unwrap();
        let (name, without_secret) = (pattern(&locals, "connector_name"), pattern(&locals, "connector_without_secret"));
        let with_tokens = pattern(&locals, "connector_with_tokens");
        let connectors = connectors().unwrap();
        for connector in &connectors {
            let text = fs::read_to_string(format!("{root}/shared/destinations/{}.toml", connector.slug())).unwrap();
            let found =
                (&name.captures(&text).unwrap()[1], !without_secret.is_match(&text), with_tokens.is_match(&text));
            let renews = matches!(connector.auth, Auth::Oauth(_));
            assert_eq!(found, (connector.name.as_str(), connector.needs_secret(), renews), "{}", connector.slug());
        }
        assert!(connectors.len() >= 5);
    }

    #[test]
    fn a_connector_without_a_secret_says_so_in_its_auth_alone() {
        let locals = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/locals.tf")).unwrap();
        let without_secret = pattern(&locals, "connector_without_secret");
        for (text, expected) in [
            ("summary = \"x\"\nauth = \"none\"\n", true),
            ("[auth.signature]\ncodec = \"standard_webhooks\"\noptional = true\nhelp = \"x\"\n", true),
            ("[auth.signature]\noptional = true\n", true),
            ("[auth.signature]\noptional = false\n", false),
            ("[auth.signature]\ncodec = \"x\"\n\n[other]\noptional = true\n", false),
            ("[auth.bearer]\nhelp = \"x\"\n[other]\noptional = true\n", false),
            ("help = \"with auth = \\\"none\\\"\"\n", false),
        ] {
            assert_eq!(without_secret.is_match(text), expected, "{text}");
        }
    }
}
