//! Programs that read a capture file, and what each makes of it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::measure::{Cost, cost};

/// In the arguments: the capture, and a folder for results.
const FILE: &str = "FILE";
const FOLDER: &str = "FOLDER";

/// First argument of this program when it is to analyze the file behind it, on as many
/// threads as the last one says.
pub const ANALYZE: &str = "--analyze";

/// One that is measured.
#[derive(Debug)]
pub struct Analyzer {
    pub name: &'static str,
    arguments: &'static [&'static str],
    pub computes: &'static str,
    /// It prints a number behind this text, perhaps several times: of what.
    count: Option<(&'static str, &'static str)>,
}

/// This program's own.
pub const WEIR: &str = "weir";

/// The first one is what others are compared with.
pub static ALL: [Analyzer; 9] = [
    Analyzer {
        name: "tcpdump",
        arguments: &["-r", FILE, "-w", "/dev/null"],
        computes: "a copy",
        count: None,
    },
    Analyzer {
        name: "capinfos",
        arguments: &["-M", "-c", FILE],
        computes: "a count",
        count: Some(("Number of packets:", "packets")),
    },
    Analyzer {
        name: WEIR,
        arguments: &[ANALYZE, FILE, "2"],
        computes: "all records, on two threads",
        count: Some(("flows:", "flows")),
    },
    Analyzer {
        name: WEIR,
        arguments: &[ANALYZE, FILE, "1"],
        computes: "the same, on one",
        count: Some(("flows:", "flows")),
    },
    Analyzer {
        name: "nfpcapd",
        arguments: &["-r", FILE, "-w", FOLDER],
        computes: "flows in one direction, to files",
        count: Some(("Flows:", "flows")),
    },
    Analyzer {
        name: "argus",
        arguments: &["-r", FILE, "-w", "FOLDER/argus"],
        computes: "flows with TCP states, to a file",
        count: None,
    },
    Analyzer {
        name: "ndpiReader",
        arguments: &["-i", FILE],
        computes: "flows, their protocols and names",
        count: Some(("Unique flows:", "flows")),
    },
    Analyzer {
        name: "tshark",
        arguments: &["-r", FILE, "-q", "-z", "conv,tcp", "-z", "conv,udp"],
        computes: "dissection, TCP and UDP conversations",
        count: None,
    },
    Analyzer {
        name: "suricata",
        arguments: &["-r", FILE, "-l", FOLDER, "-k", "none", "-S", "/dev/null"],
        computes: "flows, protocols, TLS, HTTP and DNS logs",
        count: None,
    },
];

impl Analyzer {
    /// As it is called.
    #[must_use]
    pub fn line(&self) -> String {
        format!("{} {}", self.name, self.arguments.join(" "))
    }

    /// Where its program is, if it is installed.
    #[must_use]
    pub fn program(&self) -> Option<PathBuf> {
        if self.name == WEIR {
            return std::env::current_exe().ok();
        }
        // Where Debian has servers may not be on the path of who is not root.
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
        let mut programs = folders.map(|folder| folder.join(self.name));
        programs.find(|program| program.is_file())
    }

    /// Runs it on a capture; results go to `folder`, which is emptied.
    ///
    /// # Panics
    /// When it fails.
    #[must_use]
    pub fn run(&self, program: &Path, file: &Path, folder: &Path) -> Cost {
        if folder.exists() {
            fs::remove_dir_all(folder).unwrap();
        }
        fs::create_dir_all(folder).unwrap();
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let arguments = self.arguments.iter().map(|argument| {
            let argument = argument.replace(FOLDER, &text(folder));
            argument.replace(FILE, &text(file))
        });
        let command: Vec<String> = [text(program)].into_iter().chain(arguments).collect();
        let writes = self.arguments.iter().any(|one| one.contains(FOLDER));
        cost(&command, writes.then_some(folder))
    }

    /// What it computed, with the number that it told.
    #[must_use]
    pub fn result(&self, cost: &Cost) -> String {
        let Some((before, what)) = self.count else {
            return self.computes.to_owned();
        };
        let told = cost.text.split(before).skip(1);
        let numbers = told.filter_map(|text| {
            let text = text.trim_start();
            let end = text.find(|c: char| !c.is_ascii_digit());
            text[..end.unwrap_or(text.len())].parse::<u64>().ok()
        });
        format!("{} ({} {what})", self.computes, numbers.sum::<u64>())
    }
}
