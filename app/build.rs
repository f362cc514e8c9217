//! How the program is linked.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let target = |name: &str| std::env::var(format!("CARGO_CFG_TARGET_{name}")).unwrap_or_default();
    // A program of this size has a quarter of a million addresses that are worked out when it starts. Packed, they take 150 KiB instead of 6 MiB, which
    // otherwise are read, and resident, in each process. glibc knows them from 2.36 on.
    if target("OS") == "linux" && target("ENV") == "gnu" {
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}
