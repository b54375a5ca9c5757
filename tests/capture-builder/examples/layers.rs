//! Writes `tests/captures/layers.pcapng`:
//!
//!     cargo run -p weir-capture-builder --example layers FILE

use weir_capture_builder::sample;

fn main() -> std::io::Result<()> {
    let path = std::env::args_os().nth(1);
    let path = path.ok_or_else(|| std::io::Error::other("which file?"))?;
    std::fs::write(path, sample::capture(&sample::layers(), 0))
}
