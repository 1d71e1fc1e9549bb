//! [`stub`]: what an interpreter has in a task for each function that it imported, and
//! [`Added`], the function that answers requests.
//!
//! There is no file, no socket, no thread and nothing to wait for; the clock stands still,
//! and random numbers are a fixed sequence. Of `host::call`, by which the interpreter
//! speaks with its host, an empty message takes the request, and any other is the answer.

use wasm_encoder::{BlockType, Encode, Function, Instruction as I, MemArg, ValType};
use wasmparser::FuncType;

/// The function that answers a request.
pub(super) const CALL: &str = "fanout_call";
/// The function that makes room for a request.
pub(super) const REALLOC: &str = "fanout_realloc";

/// The time of all clocks, in nanoseconds: the first second of 2026.
pub(super) const NOW: u64 = 1_767_225_600_000_000_000;

/// Errors of WASI.
pub(super) const BADF: i32 = 8;
pub(super) const NOENT: i32 = 44;
pub(super) const NOSYS: i32 = 52;

/// What [`CALL`] uses of the interpreter's memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    /// The place and the length of the text that is run for a request.
    pub(super) code: (u32, u32),
    /// 8 bytes for the place and the length of an answer.
    pub(super) answer: u32,
}

/// What is added to an interpreter's module, and the indices of what it uses.
pub(super) struct Added {
    /// The function that runs a text.
    pub(super) turn: u32,
    /// The function that allocates.
    pub(super) alloc: u32,
    /// The number of globals of the interpreter.
    pub(super) globals: u32,
    /// The number of its types.
    pub(super) types: u32,
    /// The number of its functions.
    pub(super) functions: u32,
    pub(super) kept: Kept,
}

/// The globals that are added, by their place behind the interpreter's.
#[derive(Clone, Copy)]
enum Global {
    Random,
    Request,
    RequestLength,
    Answer,
    AnswerLength,
}

const GLOBALS: u32 = 5;

fn at(offset: u64, align: u32) -> MemArg {
    MemArg {
        offset,
        align,
        memory_index: 0,
    }
}

impl Added {
    fn global(&self, global: Global) -> u32 {
        self.globals + global as u32
    }

    /// The types of [`CALL`] and of [`REALLOC`].
    pub(super) fn type_entries(&self) -> Vec<u8> {
        let mut entries = Vec::new();
        for params in [2, 4] {
            entries.push(0x60);
            vec![ValType::I32; params].as_slice().encode(&mut entries);
            [ValType::I32].as_slice().encode(&mut entries);
        }
        entries
    }

    pub(super) fn function_entries(&self) -> Vec<u8> {
        let mut entries = Vec::new();
        self.types.encode(&mut entries);
        (self.types + 1).encode(&mut entries);
        entries
    }

    /// The globals, and how many there are.
    pub(super) fn global_entries(&self) -> (Vec<u8>, u32) {
        let mut entries = Vec::new();
        let mut global = |of: ValType, value: I<'_>| {
            of.encode(&mut entries);
            entries.push(1);
            value.encode(&mut entries);
            I::End.encode(&mut entries);
        };
        global(ValType::I64, I::I64Const(1));
        for _ in 1..GLOBALS {
            global(ValType::I32, I::I32Const(0));
        }
        (entries, GLOBALS)
    }

    pub(super) fn export_entries(&self) -> Vec<u8> {
        let mut entries = Vec::new();
        for (name, index) in [(CALL, self.functions), (REALLOC, self.functions + 1)] {
            name.encode(&mut entries);
            entries.push(0);
            index.encode(&mut entries);
        }
        entries
    }

    /// The bodies of [`CALL`] and of [`REALLOC`].
    pub(super) fn bodies(&self) -> [Function; 2] {
        let (code, length) = self.kept.code;
        let answer = self.kept.answer as i32;
        // The interpreter frees the text that it runs: each call has a copy.
        let text = 2;
        let call = body(
            &[ValType::I32],
            &[
                I::I32Const(length as i32),
                I::Call(self.alloc),
                I::LocalTee(text),
                I::I32Const(code as i32),
                I::I32Const(length as i32),
                I::MemoryCopy {
                    src_mem: 0,
                    dst_mem: 0,
                },
                I::LocalGet(0),
                I::GlobalSet(self.global(Global::Request)),
                I::LocalGet(1),
                I::GlobalSet(self.global(Global::RequestLength)),
                I::I32Const(0),
                I::GlobalSet(self.global(Global::AnswerLength)),
                I::LocalGet(text),
                I::I32Const(length as i32),
                I::Call(self.turn),
                I::Drop,
                I::I32Const(answer),
                I::GlobalGet(self.global(Global::Answer)),
                I::I32Store(at(0, 2)),
                I::I32Const(answer),
                I::GlobalGet(self.global(Global::AnswerLength)),
                I::I32Store(at(4, 2)),
                I::I32Const(answer),
            ],
        );
        // Only ever a new place: nothing grows.
        let realloc = body(&[], &[I::LocalGet(3), I::Call(self.alloc)]);
        [call, realloc]
    }
}

fn body(locals: &[ValType], instructions: &[I<'_>]) -> Function {
    let mut function = Function::new(locals.iter().map(|local| (1, *local)));
    for instruction in instructions {
        function.instruction(instruction);
    }
    function.instruction(&I::End);
    function
}

/// A function that says `code`.
fn says(code: i32) -> Function {
    body(&[], &[I::I32Const(code)])
}

/// The function in place of an import of the type `of`.
pub(super) fn stub(module: &str, name: &str, of: &FuncType, added: &Added) -> Function {
    let store =
        |address: u32, value: I<'static>, store: I<'static>| [I::LocalGet(address), value, store];
    let i32_store = I::I32Store(at(0, 2));
    let i64_store = I::I64Store(at(0, 3));
    let then_ok = |stores: &[[I<'static>; 3]]| {
        let mut instructions = stores.concat();
        instructions.push(I::I32Const(0));
        body(&[], &instructions)
    };
    if module == "host" && name == "call" {
        return door(added);
    }
    match name {
        "args_get" | "environ_get" | "sched_yield" => says(0),
        "args_sizes_get" | "environ_sizes_get" => then_ok(&[
            store(0, I::I32Const(0), i32_store.clone()),
            store(1, I::I32Const(0), i32_store),
        ]),
        "clock_res_get" => then_ok(&[store(1, I::I64Const(1), i64_store)]),
        "clock_time_get" => then_ok(&[store(2, I::I64Const(NOW as i64), i64_store)]),
        "fd_fdstat_get" => body(
            &[],
            &[
                I::LocalGet(0),
                I::I32Const(2),
                I::I32GtU,
                I::If(BlockType::Empty),
                I::I32Const(BADF),
                I::Return,
                I::End,
                // A character device, with all rights.
                I::LocalGet(1),
                I::I64Const(2),
                i64_store,
                I::LocalGet(1),
                I::I64Const(-1),
                I::I64Store(at(8, 3)),
                I::LocalGet(1),
                I::I64Const(-1),
                I::I64Store(at(16, 3)),
                I::I32Const(0),
            ],
        ),
        "fd_prestat_get" | "fd_prestat_dir_name" => says(BADF),
        // The standard input is empty.
        "fd_read" => then_ok(&[store(3, I::I32Const(0), i32_store)]),
        "fd_write" => discards(),
        "path_open" | "path_filestat_get" => says(NOENT),
        "random_get" => random(added),
        _ if of.results().is_empty() => body(&[], &[I::Unreachable]),
        _ => says(NOSYS),
    }
}

/// `fd_write`: takes everything, and keeps nothing.
fn discards() -> Function {
    let (list, count, out, sum) = (1, 2, 3, 4);
    body(
        &[ValType::I32],
        &[
            I::Block(BlockType::Empty),
            I::Loop(BlockType::Empty),
            I::LocalGet(count),
            I::I32Eqz,
            I::BrIf(1),
            I::LocalGet(sum),
            I::LocalGet(list),
            I::I32Load(at(4, 2)),
            I::I32Add,
            I::LocalSet(sum),
            I::LocalGet(list),
            I::I32Const(8),
            I::I32Add,
            I::LocalSet(list),
            I::LocalGet(count),
            I::I32Const(1),
            I::I32Sub,
            I::LocalSet(count),
            I::Br(0),
            I::End,
            I::End,
            I::LocalGet(out),
            I::LocalGet(sum),
            I::I32Store(at(0, 2)),
            I::I32Const(0),
        ],
    )
}

/// `random_get`: the high bytes of a linear congruential generator (Knuth's MMIX).
fn random(added: &Added) -> Function {
    let (place, length) = (0, 1);
    let state = added.global(Global::Random);
    body(
        &[],
        &[
            I::Block(BlockType::Empty),
            I::Loop(BlockType::Empty),
            I::LocalGet(length),
            I::I32Eqz,
            I::BrIf(1),
            I::GlobalGet(state),
            I::I64Const(6_364_136_223_846_793_005),
            I::I64Mul,
            I::I64Const(1_442_695_040_888_963_407),
            I::I64Add,
            I::GlobalSet(state),
            I::LocalGet(place),
            I::GlobalGet(state),
            I::I64Const(56),
            I::I64ShrU,
            I::I32WrapI64,
            I::I32Store8(at(0, 0)),
            I::LocalGet(place),
            I::I32Const(1),
            I::I32Add,
            I::LocalSet(place),
            I::LocalGet(length),
            I::I32Const(1),
            I::I32Sub,
            I::LocalSet(length),
            I::Br(0),
            I::End,
            I::End,
            I::I32Const(0),
        ],
    )
}

/// `host::call(message, length, answer, answer_length)`: writes the place and the length
/// of an allocated answer, which the caller frees.
fn door(added: &Added) -> Function {
    let (message, length, answer, answer_length, place) = (0, 1, 2, 3, 4);
    let global = |of| added.global(of);
    body(
        &[ValType::I32],
        &[
            I::LocalGet(length),
            I::I32Eqz,
            I::If(BlockType::Empty),
            // The request, once.
            I::LocalGet(answer_length),
            I::GlobalGet(global(Global::RequestLength)),
            I::I32Store(at(0, 2)),
            I::LocalGet(answer),
            I::GlobalGet(global(Global::RequestLength)),
            I::If(BlockType::Result(ValType::I32)),
            I::GlobalGet(global(Global::Request)),
            I::Else,
            I::I32Const(1),
            I::Call(added.alloc),
            I::End,
            I::I32Store(at(0, 2)),
            I::I32Const(0),
            I::GlobalSet(global(Global::RequestLength)),
            I::I32Const(0),
            I::Return,
            I::End,
            // The answer: a copy, since the interpreter frees its own.
            I::LocalGet(length),
            I::Call(added.alloc),
            I::LocalTee(place),
            I::I32Eqz,
            I::If(BlockType::Empty),
            I::I32Const(-2),
            I::Return,
            I::End,
            I::LocalGet(place),
            I::LocalGet(message),
            I::LocalGet(length),
            I::MemoryCopy {
                src_mem: 0,
                dst_mem: 0,
            },
            I::LocalGet(place),
            I::GlobalSet(global(Global::Answer)),
            I::LocalGet(length),
            I::GlobalSet(global(Global::AnswerLength)),
            I::LocalGet(answer_length),
            I::I32Const(0),
            I::I32Store(at(0, 2)),
            I::LocalGet(answer),
            I::I32Const(1),
            I::Call(added.alloc),
            I::I32Store(at(0, 2)),
            I::I32Const(0),
        ],
    )
}
