//! What a caught panic said.

use std::any::Any;

/// Its message, when it has one.
pub fn text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("not a text")
}

#[cfg(test)]
mod tests {
    #[test]
    fn messages_are_found() {
        let said = std::panic::catch_unwind(|| panic!("at {}", 1)).expect_err("it panics");
        assert_eq!(super::text(&*said), "at 1");
        assert_eq!(super::text(&5), "not a text");
    }
}
