//! Lists the connectors' files, so that adding one is adding its file.

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

    let mut code = format!("static EMBEDDED: [Embedded; {}] = [\n", files.len());
    for file in files {
        let slug = file.file_stem().ok_or("a file without a name")?.to_string_lossy().into_owned();
        let path = file.to_str().ok_or("the path of this checkout is not UTF-8")?;
        writeln!(code, "Embedded {{ slug: {slug:?}, text: include_str!({path:?}), parsed: OnceLock::new() }},")?;
    }
    code.push_str("];\n");
    fs::write(Path::new(&out).join("connectors.rs"), code)?;
    Ok(())
}
