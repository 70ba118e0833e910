//! The raw payloads under `events/`, for the tests that name them.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The folder of payloads.
#[derive(Clone, Debug)]
pub struct Corpus(PathBuf);

impl Corpus {
    /// The corpus at this path.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The bytes of a file.
    pub fn read(&self, file: &str) -> io::Result<Vec<u8>> {
        fs::read(self.0.join(file))
    }

    /// What is expected of a payload, a line each: the golden file of the same path.
    pub fn golden(&self, file: &str) -> io::Result<String> {
        fs::read_to_string(self.0.join("golden").join(Path::new(file).with_extension("ndjson")))
    }

    /// Those of `files` that the folder's `README.md` does not name.
    pub fn undescribed<'a>(&self, files: &[&'a str]) -> io::Result<Vec<&'a str>> {
        let readme = fs::read_to_string(self.0.join("README.md"))?;
        Ok(files.iter().copied().filter(|file| !readme.contains(&format!("| `{file}` |"))).collect())
    }

    /// The payloads in these folders, sorted, each with its folder; folders inside them are not looked into.
    pub fn payloads(&self, folders: &[&str]) -> io::Result<Vec<String>> {
        let mut files = Vec::new();
        for folder in folders {
            for entry in fs::read_dir(self.0.join(folder))? {
                let entry = entry?;
                if entry.file_type()?.is_file() {
                    files.push(format!("{folder}/{}", entry.file_name().to_string_lossy()));
                }
            }
        }
        files.sort_unstable();
        Ok(files)
    }

    /// The raw records of a payload that was written with one record a line, between a first and a last line.
    pub fn record_lines(payload: &[u8]) -> Vec<&[u8]> {
        let lines: Vec<&[u8]> = payload.trim_ascii_end().split(|byte| *byte == b'\n').collect();
        let records = lines.get(1..lines.len().saturating_sub(1)).unwrap_or_default();
        records.iter().map(|line| line.strip_suffix(b",").unwrap_or(line)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_told_by_their_lines() {
        let payload = b"{\"Records\":[\n{\"a\":1},\n\"\xff\",\n[]\n]}\n";
        assert_eq!(Corpus::record_lines(payload), [&b"{\"a\":1}"[..], b"\"\xff\"", b"[]"]);
        assert!(Corpus::record_lines(b"{\"Records\":[]}\n").is_empty());
    }
}
