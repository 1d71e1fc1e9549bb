//! An interpreter of a few instructions in the place of Python: what is made of it keeps
//! the contract.

use serde_json::{Value, json};
use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, EntityType, ExportKind, ExportSection, Function,
    FunctionSection, GlobalSection, GlobalType, ImportSection, Instruction as I, MemorySection,
    MemoryType, Module, TypeSection, ValType,
};

use super::compose::{ComposeError, compose};
use super::snapshot::Interpreter;
use super::stubs::Kept;
use crate::digest::Digest;
use crate::sandbox::Sandbox;

/// Where the interpreter keeps its only answer.
const ANSWER: i32 = 1024;

/// A message as `guest/python/src/message.rs` has it.
fn message(head: &Value) -> Vec<u8> {
    let head = head.to_string();
    let mut message = (head.len() as u64).to_le_bytes().to_vec();
    message.extend_from_slice(head.as_bytes());
    message.resize(message.len().next_multiple_of(8), 0);
    message
}

/// A module that imports as an interpreter does; `turn` takes the request, and answers with
/// so many bytes at [`ANSWER`].
fn module(length: usize) -> Vec<u8> {
    let i32s = |count| vec![ValType::I32; count];
    let mut types = TypeSection::new();
    types.ty().function(i32s(4), i32s(1));
    types.ty().function(i32s(2), i32s(1));
    types.ty().function(i32s(1), i32s(1));
    types.ty().function(i32s(1), []);
    let mut imports = ImportSection::new();
    for (module, name, of) in [
        ("wasi_snapshot_preview1", "random_get", 1),
        ("host", "call", 0),
        ("wasi_snapshot_preview1", "fd_write", 0),
        ("wasi_snapshot_preview1", "proc_exit", 3),
    ] {
        imports.import(module, name, EntityType::Function(of));
    }
    let mut functions = FunctionSection::new();
    functions.function(2).function(1);
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: 1,
        maximum: Some(64),
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let mut globals = GlobalSection::new();
    let next = GlobalType {
        val_type: ValType::I32,
        mutable: true,
        shared: false,
    };
    globals.global(next, &ConstExpr::i32_const(1 << 16));
    let mut exports = ExportSection::new();
    exports
        .export("memory", ExportKind::Memory, 0)
        .export("host_alloc", ExportKind::Func, 4)
        .export("turn", ExportKind::Func, 5);
    let function = |instructions: &[I<'_>]| {
        let mut function = Function::new([]);
        for instruction in instructions {
            function.instruction(instruction);
        }
        function.instruction(&I::End);
        function
    };
    let mut code = CodeSection::new();
    // Gives what is behind the last, and the memory has room for few requests.
    code.function(&function(&[
        I::GlobalGet(0),
        I::GlobalGet(0),
        I::LocalGet(0),
        I::I32Add,
        I::GlobalSet(0),
    ]));
    code.function(&function(&[
        I::I32Const(0),
        I::I32Const(0),
        I::I32Const(16),
        I::I32Const(20),
        I::Call(1),
        I::Drop,
        I::I32Const(ANSWER),
        I::I32Const(length as i32),
        I::I32Const(24),
        I::I32Const(28),
        I::Call(1),
    ]));
    let mut data = DataSection::new();
    data.active(0, &ConstExpr::i32_const(8), *b"replaced");
    let mut module = Module::new();
    module
        .section(&types)
        .section(&imports)
        .section(&functions)
        .section(&memories)
        .section(&globals)
        .section(&exports)
        .section(&code)
        .section(&data);
    module.finish()
}

fn component(head: &Value) -> Vec<u8> {
    let answer = message(head);
    let mut memory = vec![0; 4 << 16];
    memory[ANSWER as usize..][..answer.len()].copy_from_slice(&answer);
    let kept = Kept {
        code: (32, 0),
        answer: 64,
    };
    let module = module(answer.len());
    let interpreter = Interpreter::read(&module).unwrap();
    let snapshot = interpreter.snapshot(&memory, kept).unwrap();
    compose(fanout_guests::PYTHON_ADAPTER, &snapshot).unwrap()
}

#[test]
fn an_interpreter_and_the_adapter_are_a_guest() {
    let param = json!({"name": "C", "kinds": [{"kind": "any"}], "default": 1.0, "meaning": "A."});
    let trainer = json!({
        "name": "sklearn.svm.SVC", "summary": "A.", "tasks": ["binary"], "params": [param],
    });
    let wasm = component(&json!({"trainers": [trainer], "steps": []}));
    assert_eq!(
        wasm,
        component(&json!({"trainers": [trainer], "steps": []}))
    );
    let sandbox = Sandbox::new(1, None).unwrap();
    let guest = sandbox.load(&wasm, Digest::of(&wasm)).unwrap();
    let imports = &guest.interfaces().imports;
    assert!(
        imports
            .iter()
            .all(|name| name.starts_with("wasi:io/") || name.starts_with("wasi:http/")),
        "{imports:?}"
    );
    let description = guest.describe().unwrap();
    assert_eq!(description.instances, fanout_contract::Instances::OneTask);
    let names: Vec<&str> = description
        .trainers
        .iter()
        .map(|it| it.name.as_str())
        .collect();
    assert_eq!(names, ["sklearn.svm.SVC", "dummy", "dummy"]);
    // The request was freed by nobody, and the next instance has none of it.
    assert_eq!(guest.describe().unwrap(), description);
}

#[test]
fn what_is_no_adapter_is_refused() {
    let no_adapter = wasm_encoder::Component::new().finish();
    let refused = compose(&no_adapter, &[]).unwrap_err();
    assert!(matches!(refused, ComposeError::NoImport));
}
