//! Imports what no host has.

#![cfg(target_family = "wasm")]

use hostile_guests::contract::Task;
use hostile_guests::{Fault, Guest, answer, export};

wit_bindgen::generate!({
    inline: "
        package hostile:host;

        interface shell {
            run: func(command: string) -> string;
        }

        world wish {
            import shell;
        }
    ",
    world: "wish",
});

struct Component;

impl Guest for Component {
    fn evaluate(task: &Task) -> Result<String, Fault> {
        match hostile::host::shell::run("whoami").as_str() {
            "root" => Ok(answer(task)),
            other => Err(Fault::Failed(other.to_owned())),
        }
    }
}

export!(Component);
