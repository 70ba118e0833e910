//! `freshet test`: the tests beside pipelines.

mod differences;

use std::{
    collections::BTreeSet,
    fmt::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::bail;
use clap::Args;
use shared::{
    config::Environment,
    pipeline::{
        Known, Outline, Pipeline,
        case::{self, Bench, Case, Mismatch},
    },
};

use super::{
    against::{Against, Choice, Stacks},
    lint::count,
};
use crate::pipelines::{self, events};

/// The arguments of `freshet test`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The pipelines' files, or folders of *.toml
    #[arg(default_value = "pipelines")]
    paths: Vec<PathBuf>,
    /// Only tests that have this in their name or in their pipeline's
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    #[command(flatten)]
    choice: Choice,
}

/// Prints what failed, and how many passed; exits with 1 where any failed.
pub fn command(arguments: &Arguments, environment: &dyn Environment) -> anyhow::Result<ExitCode> {
    let report = test(&arguments.paths, arguments.filter.as_deref(), &arguments.choice, environment)?;
    print!("{report}");
    Ok(if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What came of some pipelines' tests.
#[derive(Debug)]
pub struct Report {
    pipelines: Vec<Tested>,
    against: BTreeSet<Against>,
}

#[derive(Debug)]
struct Tested {
    /// The pipeline's name, or its file where that cannot be read.
    name: String,
    path: String,
    /// What keeps its tests from being run.
    broken: Option<String>,
    passed: usize,
    failed: Vec<(Case, Vec<Mismatch>)>,
}

/// Runs the tests beside the pipelines of files and folders; of those the ones with the filter in their name. That there
/// are none is an error.
pub fn test(
    paths: &[PathBuf],
    filter: Option<&str>,
    choice: &Choice,
    environment: &dyn Environment,
) -> anyhow::Result<Report> {
    let mut stacks = Stacks::new(choice, environment);
    let mut report = Report { pipelines: Vec::new(), against: BTreeSet::new() };
    for (file, text) in pipelines::all(paths)? {
        let (against, known) = stacks.of(&file, &text)?;
        let tested = of_file(&file, &text, filter, &known);
        if filter.is_none() || tested.tests() > 0 || tested.broken.is_some() {
            report.against.insert(against);
            report.pipelines.push(tested);
        }
    }
    let tests: usize = report.pipelines.iter().map(Tested::tests).sum();
    if tests == 0 && report.pipelines.iter().all(|tested| tested.broken.is_none()) {
        match filter {
            Some(filter) => bail!("no test and no pipeline has {filter:?} in its name; `freshet test` runs all"),
            None => bail!(
                "no pipeline has a test; write one at the end of its file:\n\n[[tests]]\nname = \"what it shows\"\nevent = \
                 {{ after = {{ email = \"ada@example.com\" }} }}\nfields = {{ email = \"ada@example.com\" }}"
            ),
        }
    }
    Ok(report)
}

fn of_file(file: &Path, text: &str, filter: Option<&str>, known: &Known) -> Tested {
    let path = file.display().to_string();
    let name = Outline::of(text).name.unwrap_or_else(|| path.clone());
    let mut tested = Tested { name, path, broken: None, passed: 0, failed: Vec::new() };
    let (pipeline, cases) = match (Pipeline::parse(&tested.path, text, 0, known), case::cases(&tested.path, text)) {
        (Ok(pipeline), Ok(cases)) => (pipeline, cases),
        (pipeline, cases) => {
            let (mut problems, of_cases) = (pipeline.err(), cases.err());
            // What is no TOML is told by both.
            if let (Some(problems), Some(others)) = (&mut problems, &of_cases) {
                problems.problems.extend(others.problems.iter().cloned());
                problems.problems.sort();
                problems.problems.dedup();
            }
            tested.broken = problems.or(of_cases).map(|problems| problems.to_string());
            return tested;
        }
    };
    let bench = match Bench::new(&pipeline, known) {
        Ok(bench) => bench,
        Err(reason) => {
            tested.broken = Some(reason);
            return tested;
        }
    };
    let is_meant = |text: &str| filter.is_none_or(|filter| text.contains(filter));
    for case in cases.into_iter().filter(|case| is_meant(&pipeline.name) || is_meant(&case.name)) {
        let mismatches = bench.run(&case, |of_case| events::read(file, of_case, &pipeline.source));
        if mismatches.is_empty() {
            tested.passed += 1;
        } else {
            tested.failed.push((case, mismatches));
        }
    }
    tested
}

impl Tested {
    fn tests(&self) -> usize {
        self.passed + self.failed.len()
    }

    fn line(&self) -> String {
        match (&self.broken, self.passed, self.failed.len()) {
            (Some(_), ..) => "cannot be tested".to_owned(),
            (None, 0, 0) => "has no tests".to_owned(),
            (None, passed, 0) => format!("{passed} passed"),
            (None, passed, failed) => format!("{passed} passed, {failed} failed"),
        }
    }
}

impl Report {
    /// Whether every test passed, and every pipeline could be read.
    pub fn is_good(&self) -> bool {
        self.pipelines.iter().all(|tested| tested.broken.is_none() && tested.failed.is_empty())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widest = self.pipelines.iter().map(|tested| tested.name.len()).max().unwrap_or(0);
        for tested in &self.pipelines {
            writeln!(out, "{:<widest$}  {}", tested.name, tested.line())?;
            for line in tested.broken.iter().flat_map(|broken| broken.lines()) {
                writeln!(out, "  {line}")?;
            }
            for (case, mismatches) in &tested.failed {
                writeln!(out, "  {} ({}:{})", case.name, tested.path, case.line)?;
                for mismatch in mismatches {
                    for line in differences::of(mismatch).lines() {
                        writeln!(out, "    {line}")?;
                    }
                }
            }
        }
        let (passed, failed) = self
            .pipelines
            .iter()
            .fold((0, 0), |(passed, failed), tested| (passed + tested.passed, failed + tested.failed.len()));
        let mut total =
            format!("{}, {}: {passed} passed", count(self.pipelines.len(), "pipeline"), count(passed + failed, "test"));
        if failed > 0 {
            write!(total, ", {failed} failed")?;
        }
        let broken = self.pipelines.iter().filter(|tested| tested.broken.is_some()).count();
        if broken > 0 {
            write!(total, ", {} that cannot be tested", count(broken, "pipeline"))?;
        }
        let against: Vec<_> = self.against.iter().map(ToString::to_string).collect();
        writeln!(out, "{total} ({})", against.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pages_example_is_right() {
        const PAGE: &str = include_str!("../../../../shared/PIPELINES.md");
        let (_, example) = PAGE.split_once("```toml\n").unwrap();
        let (example, _) = example.split_once("```\n").unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("customers-to-hubspot.toml"), example).unwrap();
        let report = test(&[folder.path().to_owned()], None, &Choice::default(), &|_: &str| None).unwrap();
        assert!(report.is_good(), "{report}");
        assert!(report.to_string().contains("1 pipeline, 2 tests: 2 passed"), "{report}");
    }
}
