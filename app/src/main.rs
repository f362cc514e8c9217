//! The binary. Everything is in the library, so that tests can compose the shop as the binary does.

fn main() -> std::process::ExitCode {
    vitrine::run()
}
