//! The guest as a native program: `native_linfa DATASET SPLITS TASK...` prints what
//! [`fanout_sdk::native::evaluate`] returns.

#![expect(clippy::print_stdout, reason = "a program whose output is its result")]

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let paths = std::env::args().skip(1);
    let found = fanout_sdk::native::evaluate::<fanout_linfa::Component>(paths)?;
    println!("{found}");
    Ok(())
}
