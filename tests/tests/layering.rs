//! ARCHITECTURE's invariants, read from the sources: who may know whom, how
//! large files are, who may print, who registers.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a panic is how a test fails, and what it printed is shown then"
)]

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

/// A file does one job: more lines are more jobs.
const LINES_MAX: usize = 300;

/// Tests may list more cases than code has jobs.
const TEST_LINES_MAX: usize = 450;

/// `main` wires; `run` is the program.
const MAIN_LINES_MAX: usize = 40;

/// Names that files below a path must not use.
struct Rule {
    what: &'static str,
    below: &'static [&'static str],
    except: &'static [&'static str],
    names: &'static [&'static str],
}

/// The analysis core: sync, pure and total.
const CORE: &[&str] = &[
    "analyzer-service/src/analysis",
    "analyzer-service/src/record.rs",
    "analyzer-service/src/capture",
    "filter/src",
    "analyzer-service/src/decode",
    "analyzer-service/src/flow",
    "analyzer-service/src/dissect",
    "analyzer-service/src/detect",
    "analyzer-service/src/summary",
];

const ALL: &[&str] = &[
    "ingest-service/src",
    "analyzer-service/src",
    "shared/src",
    "filter/src",
];

const RULES: &[Rule] = &[
    Rule {
        what: "the core is sync and knows no wire",
        below: CORE,
        except: &[],
        names: &[
            "tokio",
            "tonic",
            "prost",
            "futures",
            "async",
            "await",
            "weir_shared",
            "pbjson_types",
        ],
    },
    Rule {
        what: "the core is pure: no clock, no files, no sockets, no threads, no log",
        below: CORE,
        except: &[],
        names: &[
            "std::time::Instant",
            "Instant",
            "SystemTime",
            "std::fs",
            "std::thread",
            "std::env",
            "TcpStream",
            "UdpSocket",
            "tracing",
        ],
    },
    Rule {
        what: "the core does not know its edge",
        below: CORE,
        except: &[],
        names: &[
            "crate::grpc",
            "crate::source",
            "crate::run",
            "crate::config",
        ],
    },
    Rule {
        what: "the source does not know the edge",
        below: &["analyzer-service/src/source"],
        except: &[],
        names: &["crate::grpc", "crate::run", "crate::config", "tonic"],
    },
    Rule {
        what: "domain and catalog know no generated types and no transport",
        below: &["ingest-service/src/domain", "ingest-service/src/catalog"],
        except: &[],
        names: &[
            "tonic",
            "prost",
            "proto",
            "pbjson_types",
            "crate::grpc",
            "crate::broker",
            "crate::run",
            "crate::config",
        ],
    },
    Rule {
        what: "only the broker's edge knows its protocol",
        below: ALL,
        except: &["ingest-service/src/broker"],
        names: &["lapin"],
    },
    Rule {
        what: "the domain knows the catalog's and the store's traits, no backend",
        below: &["ingest-service/src/domain"],
        except: &[],
        names: &[
            "sqlx",
            "object_store",
            "sqlite",
            "postgres",
            "SqliteCatalog",
            "PostgresCatalog",
            "DirectoryStore",
            "S3Store",
        ],
    },
    Rule {
        what: "only the catalog's backends know a database",
        below: ALL,
        except: &["ingest-service/src/catalog"],
        names: &["sqlx"],
    },
    Rule {
        what: "only the store's backends know object_store",
        below: ALL,
        except: &["shared/src/store"],
        names: &["object_store"],
    },
    Rule {
        what: "the edge is below run",
        below: &[
            "ingest-service/src/grpc",
            "ingest-service/src/broker",
            "analyzer-service/src/grpc",
        ],
        except: &[],
        names: &["crate::run", "sqlx", "SqliteCatalog", "PostgresCatalog"],
    },
    Rule {
        what: "no library knows the other service",
        below: &["ingest-service/src", "shared/src", "filter/src"],
        except: &["ingest-service/src/bin/weir"],
        names: &["analyzer_service"],
    },
    Rule {
        what: "no library knows the other service",
        below: &["analyzer-service/src", "shared/src", "filter/src"],
        except: &[],
        names: &["ingest_service"],
    },
    Rule {
        what: "only main and the command's output print",
        below: ALL,
        except: &[
            "ingest-service/src/main.rs",
            "analyzer-service/src/main.rs",
            "ingest-service/src/bin/weir/main.rs",
            "ingest-service/src/bin/weir/output",
            // The last word of a service's process.
            "shared/src/serve/process.rs",
        ],
        names: &["println!", "eprintln!", "print!", "eprint!", "dbg!"],
    },
];

fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap().to_owned()
}

/// Every Rust file of the workspace, by its path from the root.
fn sources() -> Vec<(String, String)> {
    let root = root();
    let mut folders: Vec<PathBuf> = [
        "shared",
        "filter",
        "analyzer-service",
        "ingest-service",
        "tests",
    ]
    .map(|name| root.join(name))
    .into();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&root).unwrap();
                let name = name.to_str().unwrap().to_owned();
                files.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    files.sort();
    files
}

/// Tests may know what they test with: a file of tests, by its name.
fn is_test(name: &str) -> bool {
    name.starts_with("tests/")
        || name
            .split('/')
            .any(|part| matches!(part, "tests" | "tests.rs" | "testing" | "testing.rs"))
        || name.contains("/conformance")
}

/// The code without comments and texts, and without tests at its end.
fn code(source: &str) -> String {
    let mut code = String::new();
    for line in source.lines() {
        code.push_str(&code_of_line(line));
        code.push('\n');
    }
    match code.find("#[cfg(test)]\nmod tests {") {
        Some(end) => code[..end].to_owned(),
        None => code.replace("#[cfg(test)]\nmod tests;", ""),
    }
}

/// Texts over several lines are read as code: none of ours name what rules forbid.
fn code_of_line(line: &str) -> String {
    let mut code = String::new();
    let mut in_text = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if in_text => drop(chars.next()),
            '"' => in_text = !in_text,
            _ if in_text => {}
            // The one character that would begin a text.
            '\'' if chars.peek() == Some(&'"') => drop((chars.next(), chars.next())),
            '/' if chars.peek() == Some(&'/') => break,
            c => code.push(c),
        }
    }
    code
}

/// Whether the code uses the name as a whole.
fn uses(code: &str, name: &str) -> bool {
    let part_of_name = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(name).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + name.len()..].chars().next();
        !before.is_some_and(part_of_name) && !after.is_some_and(part_of_name)
    })
}

impl Rule {
    fn applies_to(&self, name: &str) -> bool {
        let is_below = |folder: &&str| {
            name.strip_prefix(*folder)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '.']))
        };
        !is_test(name) && self.below.iter().any(is_below) && !self.except.iter().any(is_below)
    }

    /// The forbidden names that a file uses.
    fn broken_by(&self, text: &str) -> Vec<&'static str> {
        let code = code(text);
        let names = self.names.iter().copied();
        names.filter(|name| uses(&code, name)).collect()
    }
}

#[test]
fn layers_know_only_what_is_below_them() {
    let sources = sources();
    let mut broken = String::new();
    for rule in RULES {
        let files: Vec<_> = sources.iter().filter(|(n, _)| rule.applies_to(n)).collect();
        for folder in rule.below {
            let covered = files.iter().any(|(name, _)| name.starts_with(folder));
            assert!(covered, "{}: nothing is below {folder}", rule.what);
        }
        for (name, text) in files {
            for used in rule.broken_by(text) {
                writeln!(broken, "{name}: uses {used}: {}", rule.what).unwrap();
            }
        }
    }
    assert!(broken.is_empty(), "\n{broken}");
}

#[test]
fn files_do_one_job() {
    let mut large = String::new();
    for (name, text) in sources() {
        let lines = text.lines().count();
        let lines_max = match name.as_str() {
            "ingest-service/src/main.rs" | "analyzer-service/src/main.rs" => MAIN_LINES_MAX,
            _ if is_test(&name) => TEST_LINES_MAX,
            _ => LINES_MAX,
        };
        if lines > lines_max {
            writeln!(large, "{name}: {lines} lines, at most {lines_max}").unwrap();
        }
    }
    assert!(large.is_empty(), "\n{large}");
}

#[test]
fn every_dissector_registers_itself() {
    let folder = root().join("analyzer-service/src/dissect/protocols");
    let mut dissectors = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let file = if path.is_dir() {
            path.join("mod.rs")
        } else {
            path
        };
        if file.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        assert!(uses(&code(&text), "REGISTRATION"), "{}", file.display());
        dissectors += 1;
    }
    assert!(dissectors > 0);
}

/// The checks see what they are there to see.
#[test]
fn a_broken_rule_is_seen() {
    let rule = &RULES[0];
    assert!(rule.applies_to("analyzer-service/src/flow/mod.rs"));
    assert!(rule.applies_to("analyzer-service/src/analysis.rs"));
    assert!(!rule.applies_to("analyzer-service/src/flow/tests.rs"));
    assert!(!rule.applies_to("analyzer-service/src/grpc/mod.rs"));
    assert_eq!(rule.broken_by("use tokio::sync::mpsc;"), ["tokio"]);
    assert_eq!(rule.broken_by("pub async fn x() {}"), ["async"]);
    assert!(rule.broken_by("// tokio\nlet asynchronous = 1;").is_empty());
    assert!(rule.broken_by(r#"let x = ('"', "a \" tokio");"#).is_empty());
    assert_eq!(rule.broken_by(r#"f("http://x", tokio::x);"#), ["tokio"]);
    let tests = "fn x() {}\n#[cfg(test)]\nmod tests {\n    use tokio::test;\n}\n";
    assert!(rule.broken_by(tests).is_empty());
    let item = "#[cfg(test)]\nmod tests;\nuse tonic::Status;\n";
    assert_eq!(rule.broken_by(item), ["tonic"]);
}
