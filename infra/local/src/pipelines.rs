//! A folder of pipelines: a TOML file each.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use shared::pipeline::{Known, Pipeline};

/// A pipeline's file.
#[derive(Debug)]
pub struct PipelineFile {
    /// What it says.
    pub pipeline: Pipeline,
    /// Its text.
    pub document: String,
}

/// Reads a folder's `*.toml`, in the order of their names. Every mistake of every file is reported at once.
pub fn read(folder: &Path, known: &Known) -> anyhow::Result<Vec<PipelineFile>> {
    let mut pipelines: Vec<PipelineFile> = Vec::new();
    let mut problems = Vec::new();
    for (file, text) in texts(folder)? {
        match Pipeline::parse(&file.display().to_string(), &text, 0, known) {
            Ok(pipeline) if pipelines.iter().any(|other| other.pipeline.name == pipeline.name) => {
                problems.push(same_name(&file, &pipeline.name));
            }
            Ok(pipeline) => pipelines.push(PipelineFile { pipeline, document: text }),
            Err(error) => problems.push(error.to_string()),
        }
    }
    if !problems.is_empty() {
        bail!("{}", problems.join("\n"));
    }
    if pipelines.is_empty() {
        bail!("there is no pipeline in {}: put a file such as customers-to-crm.toml there", folder.display());
    }
    Ok(pipelines)
}

/// A folder's files and texts by the name of the pipeline in each, whatever else they say. A folder that is not there
/// is empty.
pub fn by_name(folder: &Path) -> anyhow::Result<BTreeMap<String, (PathBuf, String)>> {
    if !folder.exists() {
        return Ok(BTreeMap::new());
    }
    let mut files = BTreeMap::new();
    for (file, text) in texts(folder)? {
        let Some(name) = Outline::of(&text).name else {
            bail!("{} is no pipeline with a name; mend it first, or take it out of the folder", file.display());
        };
        if files.contains_key(&name) {
            bail!("{}", same_name(&file, &name));
        }
        files.insert(name, (file, text));
    }
    Ok(files)
}

/// What a document says of itself, as far as it can be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is named for its line in the document")]
pub struct Outline {
    pub name: Option<String>,
    pub source: Option<String>,
    pub destination: Option<String>,
    pub action: Option<String>,
}

impl Outline {
    /// Of a document.
    pub fn of(document: &str) -> Self {
        let document: toml::Table = toml::from_str(document).unwrap_or_default();
        let text = |name: &str| document.get(name).and_then(|value| value.as_str()).map(str::to_owned);
        Self { name: text("name"), source: text("source"), destination: text("destination"), action: text("action") }
    }
}

fn texts(folder: &Path) -> anyhow::Result<Vec<(PathBuf, String)>> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .with_context(|| format!("the folder of pipelines {} cannot be read", folder.display()))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    files
        .into_iter()
        .map(|file| {
            let text = std::fs::read_to_string(&file);
            text.with_context(|| format!("{} cannot be read", file.display())).map(|text| (file, text))
        })
        .collect()
}

fn same_name(file: &Path, name: &str) -> String {
    format!(
        "{}: another file of the folder has the pipeline `{name}` too; give one of them another name",
        file.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_by_the_name_inside() {
        let folder = tempfile::tempdir().unwrap();
        assert!(by_name(&folder.path().join("not there")).unwrap().is_empty());
        let write = |file: &str, text: &str| std::fs::write(folder.path().join(file), text).unwrap();
        write("a.toml", "name = \"one\"\nsource = 7");
        write("b.toml", "name = \"two\"");
        write("notes.md", "name");
        let files = by_name(folder.path()).unwrap();
        assert_eq!(files.keys().collect::<Vec<_>>(), ["one", "two"]);
        assert_eq!(files["one"].0, folder.path().join("a.toml"));
        write("c.toml", "name = \"one\"");
        assert!(
            by_name(folder.path()).unwrap_err().to_string().ends_with(
                "c.toml: another file of the folder has the pipeline `one` too; give one of them another name"
            )
        );
        write("c.toml", "nam = \"one\"");
        assert!(by_name(folder.path()).unwrap_err().to_string().contains("c.toml is no pipeline with a name"));
    }

    #[test]
    fn an_outline_is_what_can_be_read() {
        let outline = Outline::of("name = \"a\"\nsource = \"s\"\nmore = 1");
        assert_eq!((outline.name.as_deref(), outline.source.as_deref()), (Some("a"), Some("s")));
        assert_eq!(Outline::of("name = "), Outline::default());
    }
}
