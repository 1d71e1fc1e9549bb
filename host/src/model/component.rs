//! [`with_model()`]: a guest's component with a model inside. No compiler runs: the core
//! module that has the place for a model starts with a larger memory, the model behind
//! what it had there, and the address of it at that place.
//!
//! A guest's allocator takes what `memory.grow` adds, so that nothing else uses those
//! pages; the sections of a module and of a component are the same form: a kind, a size
//! in LEB128, and the content.

use fanout_contract::served::MARKER;

use super::ServedError;
use crate::guest::is_module;

/// Bytes of a page of memory.
const PAGE: usize = 65_536;
/// The most pages of a 32-bit memory. The last is kept free, so that no address behind
/// the model wraps around.
const MAX_PAGES: usize = 65_535;

/// The kinds of sections of a module.
const MEMORY: u8 = 5;
const DATA: u8 = 11;
const DATA_COUNT: u8 = 12;
/// The kind of a component's sections that are core modules.
const CORE_MODULE: u8 = 1;

/// The component with `package` inside, a package of the contract.
///
/// # Errors
/// If the component has no place for it, or no room in its memory.
pub fn with_model(component: &[u8], package: &[u8]) -> Result<Vec<u8>, ServedError> {
    let (header, sections) = sections(component).ok_or(ServedError::Guest)?;
    let has_place =
        |section: &&Section<'_>| section.kind == CORE_MODULE && find(section.content).is_some();
    if is_module(component) || sections.iter().filter(has_place).count() != 1 {
        return Err(ServedError::Guest);
    }
    let mut written = header.to_vec();
    for section in &sections {
        match has_place(&section) {
            true => append(
                &mut written,
                section.kind,
                &module_with(section.content, package)?,
            ),
            false => written.extend_from_slice(section.whole),
        }
    }
    Ok(written)
}

/// The core module with the model in its memory.
fn module_with(module: &[u8], package: &[u8]) -> Result<Vec<u8>, ServedError> {
    let (header, sections) = sections(module).ok_or(ServedError::Guest)?;
    let memories = sections.iter().find(|section| section.kind == MEMORY);
    let memory = memories.and_then(|section| Memory::read(section.content));
    let memory = memory.ok_or(ServedError::Guest)?;
    let pages = memory.pages.saturating_add(package.len().div_ceil(PAGE));
    if pages > memory.most.unwrap_or(MAX_PAGES).min(MAX_PAGES) {
        let bytes = package.len();
        return Err(ServedError::TooLarge { bytes });
    }
    let address = (memory.pages * PAGE) as u32;
    let mut written = header.to_vec();
    for section in &sections {
        match section.kind {
            MEMORY => append(&mut written, MEMORY, &memory.written(pages)),
            DATA_COUNT => {
                let (count, _) = number(section.content).ok_or(ServedError::Guest)?;
                append(&mut written, DATA_COUNT, &leb(count as u64 + 1));
            }
            DATA => {
                let content = data_with(section.content, address, package);
                append(&mut written, DATA, &content.ok_or(ServedError::Guest)?);
            }
            _ => written.extend_from_slice(section.whole),
        }
    }
    Ok(written)
}

/// The data section with the package at `address`, and its place filled in.
fn data_with(content: &[u8], address: u32, package: &[u8]) -> Option<Vec<u8>> {
    let (count, segments) = number(content)?;
    let place = find(segments)? + MARKER.len();
    let (before, rest) = segments.split_at_checked(place)?;
    let (_, after) = rest.split_at_checked(8)?;
    let size = u32::try_from(package.len()).ok()?;
    // An active segment of memory 0, at a constant.
    let offset = [&[0, 0x41][..], &signed_leb(address as i32), &[0x0b]].concat();
    Some(
        [
            &leb(count as u64 + 1)[..],
            before,
            &address.to_le_bytes(),
            &size.to_le_bytes(),
            after,
            &offset,
            &leb(size.into()),
            package,
        ]
        .concat(),
    )
}

/// Where the marker is, if it is there once.
fn find(bytes: &[u8]) -> Option<usize> {
    let mut found = memchr::memmem::find_iter(bytes, &MARKER);
    let place = found.next()?;
    found.next().is_none().then_some(place)
}

/// The only memory of a module, whose addresses have 32 bits.
struct Memory {
    flags: u8,
    pages: usize,
    most: Option<usize>,
}

impl Memory {
    fn read(content: &[u8]) -> Option<Self> {
        let [1, flags @ (0 | 1), limits @ ..] = content else {
            return None;
        };
        let (pages, rest) = number(limits)?;
        let most = match flags {
            0 => None,
            _ => Some(number(rest)?.0),
        };
        Some(Self {
            flags: *flags,
            pages,
            most,
        })
    }

    /// The content of the section, with another minimum.
    fn written(&self, pages: usize) -> Vec<u8> {
        let most = self.most.map(|most| leb(most as u64)).unwrap_or_default();
        [&[1, self.flags][..], &leb(pages as u64), &most].concat()
    }
}

/// A section of a module or of a component.
struct Section<'a> {
    kind: u8,
    content: &'a [u8],
    /// With its kind and its size.
    whole: &'a [u8],
}

/// The first 8 bytes, and the sections after them.
fn sections(bytes: &[u8]) -> Option<(&[u8], Vec<Section<'_>>)> {
    let (header, mut rest) = bytes.split_at_checked(8)?;
    let mut sections = Vec::new();
    while let [kind, after @ ..] = rest {
        let (size, after) = number(after)?;
        let (content, next) = after.split_at_checked(size)?;
        sections.push(Section {
            kind: *kind,
            content,
            whole: &rest[..rest.len() - next.len()],
        });
        rest = next;
    }
    Some((header, sections))
}

fn append(written: &mut Vec<u8>, kind: u8, content: &[u8]) {
    written.push(kind);
    written.extend_from_slice(&leb(content.len() as u64));
    written.extend_from_slice(content);
}

/// A number in LEB128 of at most 32 bits, and what follows it.
fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0_u64;
    for (place, byte) in bytes.iter().enumerate().take(5) {
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            let value = u32::try_from(value).ok()?;
            return Some((value as usize, &bytes[place + 1..]));
        }
    }
    None
}

fn leb(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

fn signed_leb(mut value: i32) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if (value == 0 && low & 0x40 == 0) || (value == -1 && low & 0x40 != 0) {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}
