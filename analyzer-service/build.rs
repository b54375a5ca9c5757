//! Collects the dissectors: every `src/dissect/protocols/NAME.rs` or
//! `NAME/mod.rs` becomes a module and a row of the table. So a new protocol is
//! one new file and no line elsewhere.

use std::{env, error::Error, fmt::Write, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("src/dissect/protocols");
    // The folder itself: a file that comes or goes counts too.
    println!("cargo::rerun-if-changed={}", folder.display());

    let mut modules = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        let source = if path.is_dir() {
            path.join("mod.rs")
        } else {
            path.clone()
        };
        let name = path.file_stem().and_then(|stem| stem.to_str());
        let (Some(name), true) = (name, source.extension().is_some_and(|e| e == "rs")) else {
            continue;
        };
        modules.push((name.to_owned(), source));
    }
    // The table's order must not depend on the file system.
    modules.sort();

    let mut code = String::new();
    for (name, source) in &modules {
        writeln!(code, "#[path = {source:?}]\nmod {name};")?;
    }
    writeln!(code, "pub(super) static TABLE: &[super::Registration] = &[")?;
    for (name, _) in &modules {
        writeln!(code, "    {name}::REGISTRATION,")?;
    }
    writeln!(code, "];")?;
    fs::write(Path::new(&env::var("OUT_DIR")?).join("protocols.rs"), code)?;
    Ok(())
}
