//! Which versions a folder of pipelines has seen: those that it was pulled from, or that were pushed from it. So a push
//! notices that somebody else has published since, however long ago the folder was read.
//!
//! It is kept beside the files and out of git: a checkout that never pulled or pushed has seen nothing, and there git is
//! what counts.

use std::{
    collections::BTreeMap,
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use crate::deployed::Deployed;

/// The folder inside the folder. It ignores itself.
const FOLDER: &str = ".freshet";

/// Versions by pipeline.
type Versions = BTreeMap<String, u64>;

/// What a folder has seen of one stack.
#[derive(Debug)]
pub struct Seen {
    folder: PathBuf,
    stack: String,
    /// By stack: a folder may be pushed to several.
    all: BTreeMap<String, Versions>,
}

impl Seen {
    /// Of this folder and stack.
    pub fn read(folder: &Path, deployed: &Deployed) -> anyhow::Result<Self> {
        let folder = folder.join(FOLDER);
        let file = folder.join("seen.json");
        let all = match std::fs::read(&file) {
            Ok(text) => serde_json::from_slice(&text).with_context(|| {
                format!("{} is not what Freshet wrote; remove it, and look at `freshet pipelines diff`", file.display())
            })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error).with_context(|| format!("{} cannot be read", file.display())),
        };
        // A bucket's name is the world's only one; a local stack is another one each time.
        let endpoint = deployed.endpoints.as_ref().and_then(|endpoints| endpoints.dynamodb.as_deref());
        let stack = [Some(deployed.bucket.as_str()), endpoint].into_iter().flatten().collect::<Vec<_>>().join(" at ");
        Ok(Self { folder, stack, all })
    }

    /// The versions that were live when they were seen last; `None` where the folder has nothing of this stack.
    pub fn versions(&self) -> Option<&Versions> {
        self.all.get(&self.stack)
    }

    /// Notes versions of pipelines, and forgets those without one.
    pub fn note<'a>(&mut self, versions: impl IntoIterator<Item = (&'a str, Option<u64>)>) -> anyhow::Result<()> {
        let seen = self.all.entry(self.stack.clone()).or_default();
        for (name, version) in versions {
            match version {
                Some(version) => drop(seen.insert(name.to_owned(), version)),
                None => drop(seen.remove(name)),
            }
        }
        let text = serde_json::to_string_pretty(&self.all)? + "\n";
        self.write(&text).with_context(|| format!("{} cannot be written", self.folder.display()))
    }

    /// In the place of what is there, at once: two may push from one folder.
    fn write(&self, text: &str) -> std::io::Result<()> {
        std::fs::create_dir_all(&self.folder)?;
        std::fs::write(self.folder.join(".gitignore"), "*\n")?;
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(text.as_bytes())?;
        file.persist(self.folder.join("seen.json"))?;
        Ok(())
    }
}
