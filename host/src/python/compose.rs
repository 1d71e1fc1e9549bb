//! [`compose`]: the adapter with an interpreter inside, one component that imports what
//! any guest does.
//!
//! The adapter's component imports an instance, the interpreter. In its place stand the
//! interpreter's component and an instance of that, so that the instance keeps its index.

use std::convert::Infallible;

use wasm_encoder::reencode::{Error, Reencode, ReencodeComponent};
use wasm_encoder::{
    CanonicalOption, Component, ComponentBuilder, ComponentExportKind, ComponentInstanceSection,
    ComponentSectionId, ComponentValType, Encode, ExportKind, PrimitiveValType, RawSection,
};
use wasmparser::{
    BinaryReader, ComponentImportSectionReader, ComponentInstanceSectionReader, ComponentTypeRef,
};

use super::snapshot::EXPORTS;

/// The import that the interpreter replaces.
const INTERPRETER: &str = "fanout:python/interpreter@0.1.0";

/// Why two components don't fit together.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    /// The adapter is damaged.
    #[error("the adapter can't be read")]
    Adapter(#[source] wasmparser::Error),
    /// It is no adapter.
    #[error("the adapter imports no `{INTERPRETER}`")]
    NoImport,
}

impl From<wasmparser::Error> for ComposeError {
    fn from(error: wasmparser::Error) -> Self {
        Self::Adapter(error)
    }
}

impl From<Error<Infallible>> for ComposeError {
    fn from(error: Error<Infallible>) -> Self {
        match error {
            Error::ParseError(error) => Self::Adapter(error),
            _ => Self::NoImport,
        }
    }
}

/// The component of a core module that has the [`EXPORTS`] and no import: it exports
/// `call: func(request: list<u8>) -> list<u8>`.
fn interpreter(module: &[u8]) -> Vec<u8> {
    let mut component = ComponentBuilder::default();
    let module = component.core_module_raw(None, module);
    let instance =
        component.core_instantiate::<[(&str, wasm_encoder::ModuleArg); 0]>(None, module, []);
    let mut export = |name, kind| component.core_alias_export(None, instance, name, kind);
    let memory = export("memory", ExportKind::Memory);
    let [call, realloc] = EXPORTS.map(|name| export(name, ExportKind::Func));
    let (bytes, defined) = component.type_defined(None);
    defined.list(ComponentValType::Primitive(PrimitiveValType::U8));
    let bytes = ComponentValType::Type(bytes);
    let (of, mut function) = component.type_function(None);
    function
        .async_(false)
        .params([("request", bytes)])
        .result(Some(bytes));
    let options = [
        CanonicalOption::Memory(memory),
        CanonicalOption::Realloc(realloc),
    ];
    let call = component.lift_func(None, call, of, options);
    component.export("call", ComponentExportKind::Func, call, None);
    component.finish()
}

/// Moves the components from `first` on by one.
struct Moved {
    first: u32,
}

impl Reencode for Moved {
    type Error = Infallible;
}

impl ReencodeComponent for Moved {
    fn component_index(&mut self, index: u32) -> u32 {
        index + u32::from(index >= self.first)
    }
}

/// The sections of a component: the number of each and its content.
fn sections(component: &[u8]) -> Result<Vec<(u8, &[u8])>, wasmparser::Error> {
    const HEADER: usize = 8;
    let mut sections = Vec::new();
    let mut reader = BinaryReader::new(component.get(HEADER..).unwrap_or_default(), 0);
    while !reader.eof() {
        let id = reader.read_u8()?;
        let length = reader.read_var_u32()? as usize;
        sections.push((id, reader.read_bytes(length)?));
    }
    Ok(sections)
}

/// The adapter's component with an interpreter, a core module of
/// [`Interpreter::snapshot`](super::snapshot::Interpreter::snapshot).
pub(super) fn compose(adapter: &[u8], module: &[u8]) -> Result<Vec<u8>, ComposeError> {
    const INSTANCE: u8 = ComponentSectionId::Instance as u8;
    const IMPORT: u8 = ComponentSectionId::Import as u8;
    const COMPONENT: u8 = ComponentSectionId::Component as u8;
    const CUSTOM: u8 = 0;
    let inner = interpreter(module);
    let mut out = Component::new();
    let (mut components, mut moved) = (0, None);
    for (id, data) in sections(adapter)? {
        match id {
            CUSTOM => {}
            IMPORT => {
                let found = divided(data)?;
                let Some([before, after]) = found else {
                    out.section(&RawSection { id, data });
                    continue;
                };
                if moved.is_some() {
                    return Err(ComposeError::NoImport);
                }
                out.section(&RawSection { id, data: &before });
                out.section(&RawSection {
                    id: COMPONENT,
                    data: &inner,
                });
                let mut instances = ComponentInstanceSection::new();
                let no: [(&str, ComponentExportKind, u32); 0] = [];
                instances.instantiate(components, no);
                out.section(&instances);
                out.section(&RawSection { id, data: &after });
                moved = Some(Moved { first: components });
            }
            INSTANCE if moved.is_some() => {
                let moved = moved.as_mut().expect("it is some");
                let mut instances = ComponentInstanceSection::new();
                let reader = ComponentInstanceSectionReader::new(BinaryReader::new(data, 0))?;
                moved.parse_component_instance_section(&mut instances, reader)?;
                out.section(&instances);
            }
            _ => {
                components += u32::from(id == COMPONENT);
                out.section(&RawSection { id, data });
            }
        }
    }
    match moved {
        Some(_) => Ok(out.finish()),
        None => Err(ComposeError::NoImport),
    }
}

/// The imports of a section before the interpreter and behind it, as two sections.
fn divided(data: &[u8]) -> Result<Option<[Vec<u8>; 2]>, wasmparser::Error> {
    let reader = ComponentImportSectionReader::new(BinaryReader::new(data, 0))?;
    let count = reader.count();
    let mut items = Vec::new();
    for item in reader.into_iter_with_offsets() {
        let (at, import) = item?;
        let is_it =
            import.name.name == INTERPRETER && matches!(import.ty, ComponentTypeRef::Instance(_));
        items.push((at, is_it));
    }
    let Some(place) = items.iter().position(|(_, is_it)| *is_it) else {
        return Ok(None);
    };
    let end = |at: usize| items.get(at).map_or(data.len(), |(offset, _)| *offset);
    let part = |count: u32, items: &[u8]| {
        let mut part = Vec::new();
        count.encode(&mut part);
        part.extend_from_slice(items);
        part
    };
    let before = part(place as u32, &data[end(0)..end(place)]);
    let after = part(count - place as u32 - 1, &data[end(place + 1)..]);
    Ok(Some([before, after]))
}
