//! Compiles every `.proto` below `proto/` with protox, so that no protoc is needed, and writes down what each method says of
//! itself as `METHODS`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use protox::prost_reflect::{DynamicMessage, MethodDescriptor, Value};

/// The option that a method must have, beside its `idempotency_level`.
const OPTION: &str = "vitrine.options.v1.method";

type Fault = Box<dyn std::error::Error>;

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

/// One method as a line of the table.
fn method(method: &MethodDescriptor) -> Result<String, Fault> {
    let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
    let level = method.method_descriptor_proto().options.as_ref().and_then(|options| options.idempotency_level);
    let level = level.ok_or_else(|| format!("{path} does not say its idempotency_level"))?;
    let extension = method.parent_pool().get_extension_by_name(OPTION).ok_or("options.proto is not there")?;
    let options = method.options();
    if !options.has_extension(&extension) {
        return Err(format!("{path} does not say who may call it: option ({OPTION})").into());
    }
    let said = options.get_extension(&extension);
    let said = said.as_message().ok_or("the option is a message")?;
    let number = |name: &str| field(said, name).and_then(|v| v.as_u32()).unwrap_or_default();
    let is = |name: &str| field(said, name).and_then(|v| v.as_bool()).unwrap_or_default();
    let callers = field(said, "callers");
    let callers: Vec<&str> = callers.iter().filter_map(Value::as_list).flatten().filter_map(Value::as_str).collect();
    Ok(format!(
        "Method {{ path: {path:?}, callers: &{callers:?}, repeatable: {}, deadline_ms: {}, attempts: {}, observed: {}, \
         may_be_faulted: {} }},\n",
        // UNKNOWN is 0, NO_SIDE_EFFECTS and IDEMPOTENT are above.
        level > 0,
        number("deadline_ms"),
        number("attempts"),
        !is("unobserved"),
        !is("never_faulted"),
    ))
}

fn field(message: &DynamicMessage, name: &str) -> Option<Value> {
    message.get_field_by_name(name).map(|value| value.into_owned())
}

fn main() -> Result<(), Fault> {
    println!("cargo::rerun-if-changed=proto");
    let mut files = Vec::new();
    protos(Path::new("proto"), &mut files)?;
    files.sort();
    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler.include_source_info(true).include_imports(true).open_files(&files)?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    // With the options, which a decoded set would lose.
    std::fs::write(out.join("vitrine.bin"), compiler.encode_file_descriptor_set())?;
    let mut table = "&[\n".to_owned();
    for service in compiler.descriptor_pool().services() {
        for of_service in service.methods() {
            write!(table, "{}", method(&of_service)?)?;
        }
    }
    table.push(']');
    std::fs::write(out.join("methods.rs"), table)?;
    let set = compiler.file_descriptor_set();
    tonic_prost_build::configure()
        .build_transport(false)
        .codec_path("crate::codec::SmallCodec")
        .include_file("vitrine.rs")
        .compile_fds(set)?;
    Ok(())
}
