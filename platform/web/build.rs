//! Has the crate compiled again when `make web` has built other pages. Never starts npm.

fn main() {
    println!("cargo::rerun-if-changed=../../web/dist");
}
