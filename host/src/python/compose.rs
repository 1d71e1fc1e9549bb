//! [`compose`]: the adapter and an interpreter as one component, which imports what any
//! guest does.

use wasm_encoder::{
    Alias, CanonicalOption, Component, ComponentAliasSection, ComponentBuilder,
    ComponentExportKind, ComponentExportSection, ComponentInstanceSection, ComponentSectionId,
    ComponentValType, Encode, ExportKind, PrimitiveValType, RawSection,
};
use wasmparser::{
    BinaryReader, ComponentExportSectionReader, ComponentImportSectionReader, ComponentTypeRef,
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

/// The adapter's component beside an interpreter, a core module of
/// [`Interpreter::snapshot`](super::snapshot::Interpreter::snapshot), in one component.
///
/// Its imports are those of the adapter, copied with the types that they use. In the place
/// of the interpreter's stand its component and an instance of that, so that all other
/// instances keep their numbers. The adapter does not contain the interpreter: a component
/// may not call what is inside of it.
pub(super) fn compose(adapter: &[u8], module: &[u8]) -> Result<Vec<u8>, ComposeError> {
    const TYPE: u8 = ComponentSectionId::Type as u8;
    const ALIAS: u8 = ComponentSectionId::Alias as u8;
    const IMPORT: u8 = ComponentSectionId::Import as u8;
    const EXPORT: u8 = ComponentSectionId::Export as u8;
    const COMPONENT: u8 = ComponentSectionId::Component as u8;
    let sections = sections(adapter)?;
    let inner = interpreter(module);
    let mut out = Component::new();
    // The names of the instances that the adapter imports, by their number.
    let mut instances: Vec<&str> = Vec::new();
    let last = sections.iter().rposition(|(id, _)| *id == IMPORT);
    for &(id, data) in &sections[..last.map_or(0, |last| last + 1)] {
        match id {
            IMPORT => {
                let names = imported(data)?;
                match names.iter().position(|name| *name == INTERPRETER) {
                    None => {
                        out.section(&RawSection { id, data });
                    }
                    Some(_) => {
                        let [before, after] = divided(data)?;
                        out.section(&RawSection { id, data: &before });
                        out.section(&RawSection {
                            id: COMPONENT,
                            data: &inner,
                        });
                        let mut instances = ComponentInstanceSection::new();
                        let no: [(&str, ComponentExportKind, u32); 0] = [];
                        instances.instantiate(0, no);
                        out.section(&instances);
                        out.section(&RawSection { id, data: &after });
                    }
                }
                instances.extend(names);
            }
            TYPE | ALIAS => {
                out.section(&RawSection { id, data });
            }
            _ => {}
        }
    }
    if !instances.contains(&INTERPRETER) {
        return Err(ComposeError::NoImport);
    }
    out.section(&RawSection {
        id: COMPONENT,
        data: adapter,
    });
    let adapter = instances.len() as u32;
    let given = instances.iter().zip(0..);
    let given: Vec<(&str, ComponentExportKind, u32)> = given
        .map(|(name, number)| (*name, ComponentExportKind::Instance, number))
        .collect();
    let mut instance = ComponentInstanceSection::new();
    instance.instantiate(1, given);
    out.section(&instance);
    let (mut aliases, mut exports) = (ComponentAliasSection::new(), ComponentExportSection::new());
    let of_adapter = sections.iter().filter(|(id, _)| *id == EXPORT);
    let mut number = adapter;
    for (_, data) in of_adapter {
        for export in ComponentExportSectionReader::new(BinaryReader::new(data, 0))? {
            let name = export?.name.name;
            number += 1;
            aliases.alias(Alias::InstanceExport {
                instance: adapter,
                kind: ComponentExportKind::Instance,
                name,
            });
            exports.export(name, ComponentExportKind::Instance, number, None);
        }
    }
    out.section(&aliases);
    out.section(&exports);
    Ok(out.finish())
}

/// The names of the instances that a section imports.
fn imported(data: &[u8]) -> Result<Vec<&str>, wasmparser::Error> {
    let imports = ComponentImportSectionReader::new(BinaryReader::new(data, 0))?;
    let imports: Vec<_> = imports.into_iter().collect::<Result<_, _>>()?;
    let imports = imports.into_iter();
    let instances = imports.filter(|it| matches!(it.ty, ComponentTypeRef::Instance(_)));
    Ok(instances.map(|import| import.name.name).collect())
}

/// The imports of a section before the interpreter and behind it, as two sections.
fn divided(data: &[u8]) -> Result<[Vec<u8>; 2], wasmparser::Error> {
    let reader = ComponentImportSectionReader::new(BinaryReader::new(data, 0))?;
    let count = reader.count();
    let mut items = Vec::new();
    for item in reader.into_iter_with_offsets() {
        let (at, import) = item?;
        items.push((at, import.name.name == INTERPRETER));
    }
    let place = items.iter().position(|(_, is_it)| *is_it);
    let place = place.unwrap_or(items.len());
    let end = |at: usize| items.get(at).map_or(data.len(), |(offset, _)| *offset);
    let part = |count: u32, items: &[u8]| {
        let mut part = Vec::new();
        count.encode(&mut part);
        part.extend_from_slice(items);
        part
    };
    let before = part(place as u32, &data[end(0)..end(place)]);
    let after = part(
        count.saturating_sub(place as u32 + 1),
        &data[end(place + 1)..],
    );
    Ok([before, after])
}
