//! Compiles every `.proto` below `proto/` with protox, so that no protoc is needed, and writes down what each method says of
//! itself as `METHODS`.

mod table;

use std::path::{Path, PathBuf};

use table::Fault;

fn protos(dir: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            protos(&path, found)?;
        } else if path.extension().is_some_and(|e| e == "proto") {
            found.push(path);
        }
    }
    Ok(())
}

fn main() -> Result<(), Fault> {
    println!("cargo::rerun-if-changed=proto");
    println!("cargo::rerun-if-changed=table.rs");
    let mut files = Vec::new();
    protos(Path::new("proto"), &mut files)?;
    files.sort();
    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler.include_source_info(true).include_imports(true).open_files(&files)?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    // With the options, which a decoded set would lose.
    std::fs::write(out.join("vitrine.bin"), compiler.encode_file_descriptor_set())?;
    std::fs::write(out.join("methods.rs"), table::methods(&compiler.descriptor_pool())?)?;
    let set = compiler.file_descriptor_set();
    tonic_prost_build::configure()
        .build_transport(false)
        .codec_path("crate::codec::SmallCodec")
        .include_file("vitrine.rs")
        .compile_fds(set)?;
    Ok(())
}
