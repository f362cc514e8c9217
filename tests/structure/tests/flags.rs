//! Every service of the shop declares flags, reads them through a handle of its own, and is among those whose flags the program knows.

use vitrine_tests_structure::root;

/// What is in the shop and is no service.
const NO_SERVICES: &[&str] = &["load", "pictures", "storefront"];

#[test]
fn no_service_forgets_its_flags() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap_or_default();
    let known = read("app/src/shop_flags.rs");
    let folders = std::fs::read_dir(root().join("shop")).expect("the shop").map(|entry| entry.expect("an entry"));
    let names: Vec<String> = folders.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    let mut wrong = Vec::new();
    for name in names.iter().filter(|name| !NO_SERVICES.contains(&name.as_str())) {
        let (flags, front) = (read(&format!("shop/{name}/src/flags.rs")), read(&format!("shop/{name}/src/lib.rs")));
        let constant = name.to_uppercase();
        for (what, holds) in [
            ("declares no flags in flags.rs", flags.contains("flags! {")),
            (
                "does not own what it declares",
                flags.matches("owner:").count() == flags.matches(&format!("owner: {constant},")).count(),
            ),
            (
                "makes no handle of all its flags in build()",
                front.contains(&format!("flags.handle(&host.telemetry({constant}), flags::FLAGS)")),
            ),
            (
                "is not in app/src/shop_flags.rs",
                known.contains(&format!("({constant}, vitrine_shop_{name}::flags::FLAGS)")),
            ),
        ] {
            if !holds {
                wrong.push(format!("shop/{name} {what}"));
            }
        }
    }
    assert!(names.len() > NO_SERVICES.len(), "the shop has services");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
