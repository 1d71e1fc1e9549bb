//! Components with more memories, tables and core instances than a compiler of
//! Rust can make: core modules appended to a component that keeps the contract.

use std::iter::empty;

use wasm_encoder::{
    BlockType, CodeSection, ComponentSection as _, Function, FunctionSection, HeapType,
    InstanceSection, MemorySection, MemoryType, Module, ModuleArg, ModuleSection, RefType,
    StartSection, TableSection, TableType, TypeSection,
};

/// The component with `module` in it `times` times, each instantiated with the
/// component.
pub(crate) fn appended(component: &[u8], module: &Module, times: u32) -> Vec<u8> {
    let first = core_modules(component);
    let mut component = component.to_vec();
    for index in 0..times {
        ModuleSection(module).append_to_component(&mut component);
        let mut instances = InstanceSection::new();
        instances.instantiate(first + index, empty::<(&str, ModuleArg)>());
        instances.append_to_component(&mut component);
    }
    component
}

/// A module of memories, each of a minimum of `pages` pages.
pub(crate) fn memories(count: usize, pages: u64) -> Module {
    let mut memories = MemorySection::new();
    for _ in 0..count {
        memories.memory(MemoryType {
            minimum: pages,
            maximum: None,
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
    }
    let mut module = Module::new();
    module.section(&memories);
    module
}

/// A module of tables, each of a minimum of `elements` elements.
pub(crate) fn tables(count: usize, elements: u64) -> Module {
    let mut module = Module::new();
    module.section(&table_section(count, elements));
    module
}

/// A module that grows its table by 10,000 elements until it is refused more,
/// when it is instantiated.
pub(crate) fn growing_table() -> Module {
    let mut types = TypeSection::new();
    types.ty().function([], []);
    let mut functions = FunctionSection::new();
    functions.function(0);
    let mut code = CodeSection::new();
    let mut start = Function::new([]);
    start
        .instructions()
        .loop_(BlockType::Empty)
        .ref_null(HeapType::FUNC)
        .i32_const(10_000)
        .table_grow(0)
        .i32_const(-1)
        .i32_ne()
        .br_if(0)
        .end()
        .end();
    code.function(&start);
    let mut module = Module::new();
    module
        .section(&types)
        .section(&functions)
        .section(&table_section(1, 0))
        .section(&StartSection { function_index: 0 })
        .section(&code);
    module
}

fn table_section(count: usize, elements: u64) -> TableSection {
    let mut tables = TableSection::new();
    for _ in 0..count {
        let table = TableType {
            element_type: RefType::FUNCREF,
            table64: false,
            minimum: elements,
            maximum: None,
            shared: false,
        };
        tables.table(table);
    }
    tables
}

/// The number of core modules at the top of a component: its sections of the
/// kind 1. A section is its kind, the length of its content in LEB128, and the
/// content; the first one follows a header of 8 bytes.
fn core_modules(component: &[u8]) -> u32 {
    let (mut modules, mut rest) = (0, &component[8..]);
    while let [kind, after @ ..] = rest {
        modules += u32::from(*kind == 1);
        let (mut length, mut shift, mut after) = (0, 0, after);
        loop {
            length |= usize::from(after[0] & 0x7f) << shift;
            let last = after[0] < 0x80;
            (shift, after) = (shift + 7, &after[1..]);
            if last {
                break;
            }
        }
        rest = &after[length..];
    }
    modules
}
