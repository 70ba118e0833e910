//! Every pipeline of `tests/pipelines` is wrong, and gets exactly the words that stand beside it: `<name>.toml` those in
//! `<name>.txt`. Those in `alone` are checked without a stack, as in a folder that has nothing else.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use freshet::commands::{against::Choice, lint::lint};

/// The pipelines of a folder of the corpus, each with its golden text.
fn corpus(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pipelines").join(folder);
    let files: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let (goldens, rest): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| file.extension().unwrap() == "txt");
    for golden in goldens {
        assert!(golden.with_extension("toml").is_file(), "{} has no pipeline", golden.display());
    }
    let mut pipelines: Vec<_> = rest.into_iter().filter(|file| file.extension().unwrap() == "toml").collect();
    pipelines.sort();
    pipelines
}

/// What the command says of a file, with its name alone.
async fn said(file: &Path) -> String {
    let report = lint(&[file.to_owned()], &Choice::default(), &|_: &str| None).await.unwrap();
    let folder = format!("{}/", file.parent().unwrap().display());
    report.findings().to_string().replace(&folder, "")
}

#[tokio::test]
async fn each_gets_the_words_beside_it() {
    let mut wrong = Vec::new();
    let files = [corpus("wrong"), corpus("alone")].concat();
    for file in &files {
        let said = said(file).await;
        let golden = fs::read_to_string(file.with_extension("txt")).unwrap_or_default();
        assert!(said.lines().all(|line| line.starts_with(&*file.file_name().unwrap().to_string_lossy())), "{said}");
        if golden.is_empty() || said != golden {
            wrong.push(format!("{}\nshould get:\n{golden}and gets:\n{said}", file.display()));
        }
    }
    println!("{} wrong pipelines", files.len());
    assert!(files.len() >= 40 && wrong.is_empty(), "{}", wrong.join("\n"));
}
