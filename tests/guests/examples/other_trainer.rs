//! Exports a trainer's door of another version. It shares no code with the
//! others, since that would bring their doors.

#![cfg(target_family = "wasm")]

wit_bindgen::generate!({
    inline: "
        package fanout:trainer@9.0.0;

        interface trainer {
            describe: func() -> string;
        }

        world guest {
            export trainer;
        }
    ",
});

struct Component;

impl exports::fanout::trainer::trainer::Guest for Component {
    fn describe() -> String {
        "{}".to_owned()
    }
}

export!(Component);
