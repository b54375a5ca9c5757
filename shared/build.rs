//! Compiles `proto/` without protoc: protox parses, tonic-prost-build writes
//! the services, pbjson-build writes canonical proto3 JSON.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message as _;
use prost_types::FileDescriptorSet;

const ROOT: &str = "../proto";
const FILES: [&str; 7] = [
    "weir/analyzer/v1/records.proto",
    "weir/analyzer/v1/analyzer_service.proto",
    "weir/event/v1/event.proto",
    "weir/ingest/v1/ingest_service.proto",
    "weir/ingest/v1/analyses_service.proto",
    "weir/ingest/v1/events_service.proto",
    "weir/ingest/v1/search_service.proto",
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

    // Error details are packed into `Any` by their type URL.
    let mut config = tonic_prost_build::Config::new();
    config
        .enable_type_names()
        .type_name_domain(["."], "type.googleapis.com");
    tonic_prost_build::configure()
        .bytes(".")
        .extern_path(".google.protobuf.Timestamp", "crate::proto::Timestamp")
        .extern_path(".google.protobuf.Duration", "::pbjson_types::Duration")
        .compile_well_known_types(true)
        .compile_fds_with_config(FileDescriptorSet::decode(&*descriptors)?, config)?;

    pbjson_build::Builder::new()
        .register_descriptors(&descriptors)?
        .build(&[".weir"])?;
    Ok(())
}
