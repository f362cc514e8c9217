//! What each method says of itself, read from its descriptor: for the build, and for the test that it refuses what says nothing.

use protox::prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor, Value};

/// The option that a method must have, beside its `idempotency_level`.
const OPTION: &str = "vitrine.options.v1.method";

/// Why there is no table.
pub type Fault = Box<dyn std::error::Error>;

/// Every method of every service, as the source of `METHODS`. The error names the first one that does not say all that it must.
pub fn methods(pool: &DescriptorPool) -> Result<String, Fault> {
    let mut table = "&[\n".to_owned();
    for service in pool.services() {
        for of_service in service.methods() {
            table.push_str(&method(&of_service)?);
        }
    }
    table.push(']');
    Ok(table)
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
