//! All targets in one program: `WEIR_FUZZ_TARGET` names the one that runs. With
//! `WEIR_FUZZ_CAPTURES` it writes the seeds of all of them into `WEIR_FUZZ_CORPUS` instead:
//! what is instrumented can be linked with libFuzzer only.
#![no_main]

use std::{env, path::Path, process, sync::OnceLock};

use libfuzzer_sys::fuzz_target;
use weir_fuzz::{corpus, harness};

fn target() -> &'static str {
    static TARGET: OnceLock<String> = OnceLock::new();
    TARGET.get_or_init(|| {
        let name = env::var("WEIR_FUZZ_TARGET").unwrap_or_default();
        let names = harness::names();
        assert!(
            names.contains(&name),
            "WEIR_FUZZ_TARGET is one of {}",
            names.join(" ")
        );
        name
    })
}

fn begin() {
    let folders = (env::var("WEIR_FUZZ_CAPTURES"), env::var("WEIR_FUZZ_CORPUS"));
    let (Ok(captures), Ok(seeds)) = folders else {
        return;
    };
    let written = corpus::write(Path::new(&captures), Path::new(&seeds));
    written.expect("the seeds can be written");
    process::exit(0);
}

fuzz_target!(init: begin(), |data: &[u8]| {
    harness::run(target(), data);
});
