//! `freshet lint`: everything that can be told of pipelines without running them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use clap::Args;
use shared::{
    config::Environment,
    pipeline::{FieldsFrom, Known, KnownFields, Problem},
};

use super::against::{Against, Choice, Stacks};
use crate::pipelines;

/// The arguments of `freshet lint`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The pipelines' files, or folders of *.toml
    #[arg(default_value = "pipelines")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    choice: Choice,
}

/// Prints what is wrong; exits with 1 where anything is. Warnings do not count.
pub async fn command(arguments: &Arguments, environment: &dyn Environment) -> anyhow::Result<ExitCode> {
    let report = lint(&arguments.paths, &arguments.choice, environment).await?;
    print!("{report}");
    Ok(if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What is wrong with some pipelines.
#[derive(Debug)]
pub struct Report {
    files: Vec<File>,
}

#[derive(Debug)]
struct File {
    path: String,
    against: Against,
    /// Without a stack: the destination, and the connector that it is taken for.
    taken: Option<(String, String)>,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
    fields_from: FieldsFrom,
}

/// Checks files and folders of pipelines.
pub async fn lint(paths: &[PathBuf], choice: &Choice, environment: &dyn Environment) -> anyhow::Result<Report> {
    let mut stacks = Stacks::new(choice, environment);
    let learned = learned(choice, environment).await;
    let mut files = Vec::new();
    let mut names: BTreeMap<(Against, String), String> = BTreeMap::new();
    for (file, text) in pipelines::all(paths)? {
        let (against, mut known) = stacks.of(&file, &text)?;
        if matches!(against, Against::Outputs(_)) {
            known.fields.clone_from(&learned);
        }
        let mut review = pipelines::reviewed(&file, &text, &known);
        let path = file.display().to_string();
        if let Some(pipeline) = &review.pipeline {
            let first = names.entry((against.clone(), pipeline.name.clone())).or_insert_with(|| path.clone());
            if *first != path {
                let message =
                    format!("{first} has the pipeline `{}` too; give one of them another name", pipeline.name);
                review.problems.insert(0, Problem { line: review.name_line, message });
            }
        }
        files.push(File {
            taken: (against == Against::Nothing).then(|| taken(known)).flatten(),
            path,
            against,
            problems: review.problems,
            warnings: review.warnings,
            fields_from: review.fields_from,
        });
    }
    Ok(Report { files })
}

/// What fields the sources of the stack that is named have had. Without its credentials all else can be checked.
async fn learned(choice: &Choice, environment: &dyn Environment) -> BTreeMap<String, KnownFields> {
    if choice.stack.is_some() || !choice.deployed.is_named(environment) {
        return BTreeMap::new();
    }
    let known = async { anyhow::Ok(choice.deployed.connect(environment)?.known().await?) };
    known.await.map_or_else(
        |error| {
            eprintln!("freshet: what fields the sources have had cannot be read, so only tests tell them: {error:#}");
            BTreeMap::new()
        },
        |known| known.fields,
    )
}

fn taken(known: Known) -> Option<(String, String)> {
    let destination = known.destinations.into_iter().next()?;
    Some((destination.name, destination.connector))
}

impl Report {
    /// Whether nothing is wrong; warnings do not count.
    pub fn is_good(&self) -> bool {
        self.files.iter().all(|file| file.problems.is_empty())
    }

    /// The problems and warnings, a line each.
    pub fn findings(&self) -> impl fmt::Display {
        let mut text = String::new();
        for File { path, problems, warnings, .. } in &self.files {
            let problems = problems.iter().map(|problem| (problem, ""));
            let warnings = warnings.iter().map(|warning| (warning, "warning: "));
            let mut lines: Vec<_> = problems.chain(warnings).collect();
            lines.sort_by_key(|(problem, _)| problem.line);
            for (Problem { line, message }, kind) in lines {
                // Writing to a string cannot fail.
                let _ = writeln!(text, "{path}:{line}: {kind}{message}");
            }
        }
        text
    }

    /// What was checked, and what could not be.
    fn summary(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let against: BTreeSet<&Against> = self.files.iter().map(|file| &file.against).collect();
        for against in against {
            let files: Vec<_> = self.files.iter().filter(|file| file.against == *against).collect();
            let problems = files.iter().map(|file| file.problems.len()).sum();
            let warnings = files.iter().map(|file| file.warnings.len()).sum();
            write!(out, "{} checked {against}: {}", count(files.len(), "pipeline"), count(problems, "problem"))?;
            if warnings > 0 {
                write!(out, ", {}", count(warnings, "warning"))?;
            }
            writeln!(out)?;
        }
        let taken: BTreeSet<_> = self.files.iter().filter_map(|file| file.taken.as_ref()).collect();
        let taken: Vec<_> = taken.iter().map(|(name, slug)| format!("`{name}` was taken for {slug}")).collect();
        if !taken.is_empty() {
            writeln!(
                out,
                "Without a stack the names of sources and destinations cannot be checked, and {} with its default \
                 settings; name one with --stack or --outputs.",
                taken.join(", ")
            )?;
        }
        let is_blind = |file: &&File| file.fields_from == FieldsFrom::Nothing && file.problems.is_empty();
        let blind: Vec<_> = self.files.iter().filter(is_blind).map(|file| file.path.as_str()).collect();
        if !blind.is_empty() {
            writeln!(
                out,
                "Nothing tells which fields the rows of the source have, so what is read of them was not checked: {}; add \
                 [[tests]] with an event.",
                blind.join(", ")
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.findings())?;
        self.summary(out)
    }
}

/// A number of things: "no problem", "1 problem", "2 problems".
pub(super) fn count(number: usize, thing: &str) -> String {
    match number {
        0 => format!("no {thing}"),
        1 => format!("1 {thing}"),
        _ => format!("{number} {thing}s"),
    }
}
