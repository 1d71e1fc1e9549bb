//! [`Interpreter`]: a core module with an interpreter, and [`Interpreter::snapshot`], the
//! same with another memory, without imports, and with a function that answers requests.
//!
//! Nothing of the interpreter's code is changed: where it imported a function, it has one
//! of [`stubs`](super::stubs) by the same index. Its globals and tables are as they were
//! before it ran, which is right between two calls.

use std::ops::Range;

use wasm_encoder::{Encode, RawSection};
use wasmparser::{CompositeInnerType, DataKind, FuncType, Parser, Payload, TypeRef};

use super::stubs::{Added, CALL, Kept, REALLOC, stub};

/// Zeros of so many bytes are left out of the memory's image.
const BLOCK: usize = 4096;

/// What is wrong with the interpreter's module.
#[derive(Debug, thiserror::Error)]
#[error("the interpreter's module is not the one that this program knows: {0}")]
pub struct ModuleError(String);

impl From<wasmparser::Error> for ModuleError {
    fn from(error: wasmparser::Error) -> Self {
        Self(error.to_string())
    }
}

fn unknown(what: impl Into<String>) -> ModuleError {
    ModuleError(what.into())
}

/// A core module with an interpreter, as its maker ships it.
pub(super) struct Interpreter<'a> {
    module: &'a [u8],
    /// The sections by their number, in order, without those for tools.
    sections: Vec<(u8, Range<usize>)>,
    types: Vec<Option<FuncType>>,
    /// By imported function: module, name, type.
    imports: Vec<(&'a str, &'a str, u32)>,
    functions: u32,
    globals: u32,
    memory: Option<wasmparser::MemoryType>,
    turn: Option<u32>,
    alloc: Option<u32>,
}

impl<'a> Interpreter<'a> {
    /// Reads the module's sections, but no function.
    pub(super) fn read(module: &'a [u8]) -> Result<Self, ModuleError> {
        let mut read = Self {
            module,
            sections: Vec::new(),
            types: Vec::new(),
            imports: Vec::new(),
            functions: 0,
            globals: 0,
            memory: None,
            turn: None,
            alloc: None,
        };
        for payload in Parser::new(0).parse_all(module) {
            let payload = payload?;
            read.note(&payload)?;
            if let Some(section) = payload.as_section().filter(|(id, _)| *id != 0) {
                read.sections.push(section);
            }
        }
        Ok(read)
    }

    fn note(&mut self, payload: &Payload<'a>) -> Result<(), ModuleError> {
        match payload {
            Payload::TypeSection(types) => {
                for group in types.clone() {
                    let group = group?;
                    self.types
                        .extend(group.types().map(|of| match &of.composite_type.inner {
                            CompositeInnerType::Func(function) => Some(function.clone()),
                            _ => None,
                        }));
                }
            }
            Payload::ImportSection(imports) => {
                for import in imports.clone().into_imports() {
                    let import = import?;
                    let TypeRef::Func(of) = import.ty else {
                        return Err(unknown(format!("it imports `{}`", import.name)));
                    };
                    self.imports.push((import.module, import.name, of));
                }
            }
            Payload::FunctionSection(functions) => self.functions = functions.count(),
            Payload::GlobalSection(globals) => self.globals = globals.count(),
            Payload::MemorySection(memories) => {
                let memories: Vec<_> = memories.clone().into_iter().collect::<Result<_, _>>()?;
                let [memory] = memories[..] else {
                    return Err(unknown("it has more than one memory"));
                };
                self.memory = Some(memory);
            }
            Payload::ExportSection(exports) => {
                for export in exports.clone() {
                    let export = export?;
                    match export.name {
                        "turn" => self.turn = Some(export.index),
                        "host_alloc" => self.alloc = Some(export.index),
                        _ => {}
                    }
                }
            }
            Payload::StartSection { .. } => return Err(unknown("it has a start function")),
            Payload::DataSection(data) => {
                for data in data.clone() {
                    if matches!(data?.kind, DataKind::Passive) {
                        return Err(unknown("it has passive data"));
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The module with this memory instead of its own, and of its imports the stubs. It
    /// exports [`CALL`] and [`REALLOC`]; `kept` is what these use of the memory.
    pub(super) fn snapshot(&self, memory: &[u8], kept: Kept) -> Result<Vec<u8>, ModuleError> {
        let missing = |what: &str| unknown(format!("it exports no `{what}`"));
        let imported = self.imports.len() as u32;
        let added = Added {
            turn: self.turn.ok_or_else(|| missing("turn"))?,
            alloc: self.alloc.ok_or_else(|| missing("host_alloc"))?,
            globals: self.globals,
            types: self.types.len() as u32,
            functions: imported + self.functions,
            kept,
        };
        let own = self.memory.ok_or_else(|| unknown("it has no memory"))?;
        let mut stubs = Vec::with_capacity(self.imports.len());
        for (module, name, of) in &self.imports {
            let of = self.types.get(*of as usize).and_then(Option::as_ref);
            let of = of.ok_or_else(|| unknown(format!("`{name}` is no function")))?;
            stubs.push(stub(module, name, of, &added));
        }
        let mut out = wasm_encoder::Module::new();
        let image = image(memory);
        for (id, range) in &self.sections {
            let body = &self.module[range.clone()];
            match *id {
                // Types, functions, globals, exports and code have more at their end.
                1 => append(&mut out, 1, body, &added.type_entries(), 2, &[], 0)?,
                // No import is left.
                2 => {}
                3 => {
                    let mut before = Vec::new();
                    self.imports
                        .iter()
                        .for_each(|(_, _, of)| of.encode(&mut before));
                    let after = added.function_entries();
                    append(&mut out, 3, body, &after, 2, &before, imported)?;
                }
                5 => {
                    let mut memories = wasm_encoder::MemorySection::new();
                    memories.memory(wasm_encoder::MemoryType {
                        minimum: (memory.len() >> 16) as u64,
                        maximum: own.maximum,
                        memory64: own.memory64,
                        shared: own.shared,
                        page_size_log2: own.page_size_log2,
                    });
                    out.section(&memories);
                }
                6 => {
                    let (entries, count) = added.global_entries();
                    append(&mut out, 6, body, &entries, count, &[], 0)?;
                }
                7 => append(&mut out, 7, body, &added.export_entries(), 2, &[], 0)?,
                10 => {
                    let (mut before, mut after) = (Vec::new(), Vec::new());
                    stubs.iter().for_each(|stub| stub.encode(&mut before));
                    added
                        .bodies()
                        .iter()
                        .for_each(|body| body.encode(&mut after));
                    append(&mut out, 10, body, &after, 2, &before, imported)?;
                }
                11 => {
                    let mut data = wasm_encoder::DataSection::new();
                    for range in &image {
                        let offset = wasm_encoder::ConstExpr::i32_const(range.start as i32);
                        data.active(0, &offset, memory[range.clone()].iter().copied());
                    }
                    out.section(&data);
                }
                12 => {
                    let count = image.len() as u32;
                    out.section(&wasm_encoder::DataCountSection { count });
                }
                id => {
                    out.section(&RawSection { id, data: body });
                }
            }
        }
        Ok(out.finish())
    }
}

/// A section with more entries at its end and at its beginning.
fn append(
    out: &mut wasm_encoder::Module,
    id: u8,
    body: &[u8],
    after: &[u8],
    more_after: u32,
    before: &[u8],
    more_before: u32,
) -> Result<(), ModuleError> {
    let mut reader = wasmparser::BinaryReader::new(body, 0);
    let count = reader.read_var_u32()?;
    let rest = &body[reader.original_position()..];
    let mut data = Vec::with_capacity(body.len() + before.len() + after.len() + 8);
    (count + more_before + more_after).encode(&mut data);
    data.extend_from_slice(before);
    data.extend_from_slice(rest);
    data.extend_from_slice(after);
    out.section(&RawSection { id, data: &data });
    Ok(())
}

/// The ranges of a memory that are not all zero, whole blocks.
fn image(memory: &[u8]) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for (number, block) in memory.chunks(BLOCK).enumerate() {
        if block.iter().all(|&byte| byte == 0) {
            continue;
        }
        let start = number * BLOCK;
        match ranges.last_mut() {
            Some(last) if last.end == start => last.end = start + block.len(),
            _ => ranges.push(start..start + block.len()),
        }
    }
    ranges
}

/// Names of the exports that are added, for who encodes a component.
pub(super) const EXPORTS: [&str; 2] = [CALL, REALLOC];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_are_left_out_of_an_image() {
        let mut memory = vec![0; 5 * BLOCK];
        memory[BLOCK] = 1;
        memory[3 * BLOCK - 1] = 1;
        memory[5 * BLOCK - 1] = 1;
        assert_eq!(image(&memory), vec![BLOCK..3 * BLOCK, 4 * BLOCK..5 * BLOCK]);
        assert!(image(&[0; BLOCK]).is_empty());
    }
}
