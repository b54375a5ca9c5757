//! The corpus that fuzzing begins with.

use std::{error::Error, fs, io::Write, path::Path};

use crate::{harness, seeds};

/// Bytes of a capture that is packed: its seeds are to be small.
const PACKED_BYTES_MAX: usize = 2 << 10;

/// Writes seeds made of the captures in one folder into another, a folder for each target,
/// and prints the targets' names.
///
/// # Errors
/// A file that can't be read or written.
pub fn write(captures: &Path, corpus: &Path) -> Result<(), Box<dyn Error>> {
    let captures = captures_in(captures)?;
    let mut seeds = seeds::of(&captures);
    let small = captures.iter().find(|one| one.len() <= PACKED_BYTES_MAX);
    if let Some(small) = small {
        seeds.insert("compressed".to_owned(), packed(small)?);
    }
    for name in harness::names() {
        let folder = corpus.join(&name);
        fs::create_dir_all(&folder)?;
        println!("{name}");
        let seeds = seeds.get(&name).map_or(&[][..], Vec::as_slice);
        for (n, seed) in seeds.iter().enumerate() {
            fs::write(folder.join(format!("seed-{n:02}")), seed)?;
        }
    }
    Ok(())
}

/// In the order of their names.
fn captures_in(folder: &Path) -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        paths.push(entry?.path());
    }
    paths.sort();
    let is_capture = |path: &Path| {
        path.extension()
            .is_some_and(|end| end == "pcap" || end == "pcapng")
    };
    let paths = paths.iter().filter(|path| is_capture(path));
    Ok(paths.map(fs::read).collect::<Result<_, _>>()?)
}

/// With each of the compressions that are unpacked; those that have frames also as two of them, with
/// one to be skipped before each.
fn packed(capture: &[u8]) -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let lz4 = |bytes: &[u8]| -> Result<Vec<u8>, Box<dyn Error>> {
        let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
        lz4.write_all(bytes)?;
        Ok(lz4.finish()?)
    };
    let zstd = |bytes: &[u8]| zstd::encode_all(bytes, 0);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(capture)?;
    let (first, second) = capture.split_at(capture.len() / 2);
    let skipped: &[u8] = b"\x50\x2a\x4d\x18\x02\0\0\0ab";
    Ok(vec![
        gzip.finish()?,
        zstd(capture)?,
        lz4(capture)?,
        [skipped, &zstd(first)?, skipped, &zstd(second)?].concat(),
        [skipped, &lz4(first)?, skipped, &lz4(second)?].concat(),
    ])
}
