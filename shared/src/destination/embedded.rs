//! The connectors that are built in: every file of `shared/destinations`. A build script lists them; to add one is to
//! add its file.

use std::sync::OnceLock;

use super::{descriptor::Connector, load::DescriptorError};
use crate::nearest::did_you_mean;

/// One file. It is parsed when it is first asked for: a function needs one connector, and starts cold.
struct Embedded {
    slug: &'static str,
    text: &'static str,
    parsed: OnceLock<Result<Connector, DescriptorError>>,
}

// `static EMBEDDED: [Embedded; …]`, sorted by slug.
include!(concat!(env!("OUT_DIR"), "/connectors.rs"));

impl Embedded {
    fn connector(&'static self) -> Result<&'static Connector, ConnectorError> {
        let parsed = self.parsed.get_or_init(|| Connector::parse(&format!("{}.toml", self.slug), self.text));
        parsed.as_ref().map_err(|error| ConnectorError::Broken(error.clone()))
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
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::*;

    /// Terraform cannot read the descriptors, and refuses an unknown connector or a missing secret by this file.
    #[test]
    fn terraform_knows_every_connector() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/connectors.json");
        let known: BTreeMap<String, Value> = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        let connectors = connectors().unwrap();
        let expected = connectors.iter().map(|connector| {
            (connector.slug().to_owned(), json!({"name": connector.name, "needs_secret": connector.needs_secret()}))
        });
        assert_eq!(known, expected.collect());
    }
}
