//! The components of `guests/examples`, built once a test program.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

use fanout_guest_build::{Compiler, Component, Targets};

/// Each component's bytes, by its name.
pub(crate) fn components() -> &'static BTreeMap<String, Vec<u8>> {
    static COMPONENTS: OnceLock<BTreeMap<String, Vec<u8>>> = OnceLock::new();
    COMPONENTS.get_or_init(|| {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guest");
        let compiler = Compiler::find().unwrap();
        let built = compiler.build(
            &workspace,
            &["hostile-guests"],
            Targets::Examples,
            "hostile",
        );
        let named = |component: Component| (component.name, component.wasm);
        built.unwrap().into_iter().map(named).collect()
    })
}
