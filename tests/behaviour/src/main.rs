//! The binary as users run it, for the tests of this package.

fn main() -> std::process::ExitCode {
    vitrine::run()
}
