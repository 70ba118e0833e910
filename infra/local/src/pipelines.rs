//! Pipelines in files: a TOML file each, in a folder.

pub mod events;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use shared::pipeline::{Known, Outline, Pipeline, PipelineError, Review, review};

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
        let Review { pipeline, problems: wrong, .. } = reviewed(&file, &text, known);
        match pipeline {
            Some(pipeline) if pipelines.iter().any(|other| other.pipeline.name == pipeline.name) => {
                problems.push(same_name(&file, &pipeline.name));
            }
            Some(pipeline) if wrong.is_empty() => pipelines.push(PipelineFile { pipeline, document: text }),
            _ => problems.push(PipelineError { place: file.display().to_string(), problems: wrong }.to_string()),
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

/// The whole check of a file's text, with the events of the files that its tests name.
pub fn reviewed(file: &Path, text: &str, known: &Known) -> Review {
    let source = Outline::of(text).source.unwrap_or_default();
    review(text, known, &|events_file| events::read(file, events_file, &source))
}

/// Files and texts: those that are named, and those of the folders that are, in the order of their names.
pub fn all(paths: &[PathBuf]) -> anyhow::Result<Vec<(PathBuf, String)>> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            files.extend(texts(path)?);
        } else {
            let text = std::fs::read_to_string(path);
            files.push((path.clone(), text.with_context(|| format!("{} cannot be read", path.display()))?));
        }
    }
    if files.is_empty() {
        let named: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
        bail!("there is no pipeline in {}; name a folder of *.toml, or a file", named.join(", "));
    }
    Ok(files)
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

/// The problem of a file whose pipeline has another file's name.
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
}
