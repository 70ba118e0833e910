//! What a folder says otherwise than what is live.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::{Path, PathBuf},
};

use shared::ports::{Publishing as _, StoredPipeline};
use similar::TextDiff;

use crate::{deployed::Connection, pipelines};

/// What a push of the folder would change, as a unified diff; empty where it would change nothing.
pub async fn diff(stack: &Connection<'_>, folder: &Path) -> anyhow::Result<String> {
    let files = pipelines::by_name(folder)?;
    Ok(between(&stack.pipelines().live().await?, &files))
}

fn between(live: &[StoredPipeline], files: &BTreeMap<String, (PathBuf, String)>) -> String {
    let live: BTreeMap<&str, &StoredPipeline> = live.iter().map(|live| (live.name.as_str(), live)).collect();
    let names: BTreeSet<&str> = live.keys().copied().chain(files.keys().map(String::as_str)).collect();
    let mut differences = String::new();
    for name in names {
        let (before, after) = (live.get(name), files.get(name));
        let (old, new) =
            (before.map_or("", |live| live.document.as_str()), after.map_or("", |(_, text)| text.as_str()));
        if before.is_some() && after.is_some() && old == new {
            continue;
        }
        let from = before.map_or("/dev/null".to_owned(), |live| format!("live/{name} version {}", live.version));
        let to = after.map_or("/dev/null".to_owned(), |(file, _)| file.display().to_string());
        if after.is_none() {
            // Writing to a string cannot fail.
            let _ = writeln!(
                differences,
                "{name} is live and not in the folder: a push leaves it, and a push with --prune takes it out of service"
            );
        }
        let _ = write!(differences, "{}", TextDiff::from_lines(old, new).unified_diff().header(&from, &to));
    }
    differences
}

#[cfg(test)]
mod tests {
    use shared::{pipeline::state::PipelineState, time::Timestamp};

    use super::*;

    fn live(name: &str, version: u64, document: &str) -> StoredPipeline {
        StoredPipeline {
            name: name.to_owned(),
            edit: version,
            version,
            document: document.to_owned(),
            by: "ada".to_owned(),
            at: Timestamp::default(),
            state: PipelineState::default(),
        }
    }

    fn file(name: &str, document: &str) -> (String, (PathBuf, String)) {
        (name.to_owned(), (PathBuf::from(format!("pipelines/{name}.toml")), document.to_owned()))
    }

    #[test]
    fn what_is_the_same_is_left_out() {
        let files = BTreeMap::from([file("a", "x = 1\n")]);
        assert_eq!(between(&[live("a", 3, "x = 1\n")], &files), "");
    }

    #[test]
    fn each_kind_of_difference_is_shown() {
        let files = BTreeMap::from([file("changed", "a = 1\nb = 3\n"), file("new", "n = 1\n")]);
        let live = [live("changed", 3, "a = 1\nb = 2\n"), live("gone", 1, "g = 1\n")];
        let expected = "\
--- live/changed version 3
+++ pipelines/changed.toml
@@ -1,2 +1,2 @@
 a = 1
-b = 2
+b = 3
gone is live and not in the folder: a push leaves it, and a push with --prune takes it out of service
--- live/gone version 1
+++ /dev/null
@@ -1 +0,0 @@
-g = 1
--- /dev/null
+++ pipelines/new.toml
@@ -0,0 +1 @@
+n = 1
";
        assert_eq!(between(&live, &files), expected);
    }
}
