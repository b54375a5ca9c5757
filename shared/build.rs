//! Compiles `proto/` without protoc: protox parses, tonic-prost-build writes
//! the services, pbjson-build writes canonical proto3 JSON.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message as _;

const ROOT: &str = "../proto";
const FILES: [&str; 3] = [
    "weir/analyzer/v1/records.proto",
    "weir/analyzer/v1/analyzer_service.proto",
    "weir/ingest/v1/ingest_service.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={ROOT}");
    let out = PathBuf::from(env::var("OUT_DIR")?);

    let mut compiler = protox::Compiler::new([ROOT])?;
    compiler
        .include_imports(true)
        .include_source_info(true)
        .open_files(FILES)?;
    // Reflection serves this one: it has the comments.
    let descriptors = compiler.encode_file_descriptor_set();
    fs::write(out.join("weir_descriptor.bin"), &descriptors)?;

    tonic_prost_build::configure()
        .bytes(".")
        .extern_path(".google.protobuf", "::pbjson_types")
        .compile_well_known_types(true)
        .compile_fds(prost_types_set(&descriptors)?)?;

    pbjson_build::Builder::new()
        .register_descriptors(&descriptors)?
        .build(&[".weir"])?;
    Ok(())
}

fn prost_types_set(
    descriptors: &[u8],
) -> Result<prost_types::FileDescriptorSet, prost::DecodeError> {
    prost_types::FileDescriptorSet::decode(descriptors)
}
