//! [`linker`]: what a guest in this process gets for its imports, which is
//! nothing.
//!
//! A guest imports `wasi:io` and `wasi:http` because the same file also serves
//! requests on a platform of functions. A task serves none and may send none,
//! so every imported function traps when it is called. No host function waits
//! for anything, which neither a time limit nor [`Cancel`] would interrupt, and
//! none keeps anything in the host's memory.
//!
//! [`Cancel`]: crate::task::Cancel

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, ResourceType};
use wasmtime::{Engine, format_err};

use super::limits::State;

/// The type of every imported resource. There are no values of it.
enum Nothing {}

/// A linker with all functions and resources of the interfaces that `component`
/// imports.
pub(super) fn linker(engine: &Engine, component: &Component) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    for (interface, import) in component.component_type().imports(engine) {
        // Anything but an interface stays undefined, and the guest does not link.
        let ComponentItem::ComponentInstance(exports) = import.ty else {
            continue;
        };
        let mut instance = linker.instance(interface)?;
        for (name, export) in exports.exports(engine) {
            match export.ty {
                ComponentItem::ComponentFunc(_) => {
                    let function = format!("{interface}#{name}");
                    instance.func_new(name, move |_, _, _, _| {
                        Err(format_err!(
                            "it called `{function}`, but a task can't use the host's functions"
                        ))
                    })?;
                }
                ComponentItem::Resource(_) => {
                    let nothing = ResourceType::host::<Nothing>();
                    instance.resource(name, nothing, |_, _| Ok(()))?;
                }
                _ => {}
            }
        }
    }
    Ok(linker)
}
