//! Lists the connectors' files, so that adding one is adding its file. A file's tests stand apart from the rest: a
//! function starts cold, and parses no test.

use std::{env, error::Error, fmt::Write as _, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo hands a build script its settings in the environment.
    #[expect(clippy::disallowed_methods, reason = "a build script has no other way")]
    let (root, out) = (env::var("CARGO_MANIFEST_DIR")?, env::var("OUT_DIR")?);
    let folder = Path::new(&root).join("destinations");
    println!("cargo::rerun-if-changed={}", folder.display());

    let mut files: Vec<_> =
        fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_, std::io::Error>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    files.sort();

    let mut connectors = format!("static EMBEDDED: [Embedded; {}] = [\n", files.len());
    let mut tests = format!("static TESTS: [Tests; {}] = [\n", files.len());
    for file in files {
        let slug = file.file_stem().ok_or("a file without a name")?.to_string_lossy().into_owned();
        let text = fs::read_to_string(&file)?;
        let end = text.find("\n[[tests]]").map_or(text.len(), |at| at + 1);
        let (connector, after) = text.split_at(end);
        // Empty lines in the place of what stands before, so that a message has the line of the file.
        let after = "\n".repeat(connector.matches('\n').count()) + after;
        writeln!(connectors, "Embedded {{ slug: {slug:?}, text: {connector:?}, parsed: OnceLock::new() }},")?;
        writeln!(tests, "Tests {{ slug: {slug:?}, text: {after:?}, parsed: OnceLock::new() }},")?;
    }
    fs::write(Path::new(&out).join("connectors.rs"), connectors + "];\n" + &tests + "];\n")?;
    Ok(())
}
