//! [`World`]: all that an interpreter sees while it is warmed up, WASI's preview 1 in
//! memory: one file, the standard library, which can be read; a clock that stands still;
//! random numbers of a fixed sequence. Two warm-ups give the same memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use wasmtime::{Caller, Extern, FuncType, Linker, Memory, Module, Val, format_err};

use super::stubs::{BADF, NOENT, NOSYS, NOW};

/// Errors of WASI.
const OK: i32 = 0;
const INVALID: i32 = 28;
const IS_DIRECTORY: i32 = 31;
const READ_ONLY: i32 = 69;
const NO_SEEK: i32 = 70;

/// The first descriptor that is no standard stream: the root of all files.
const ROOT: i32 = 3;

/// Kinds of files.
const DIRECTORY: u8 = 3;
const REGULAR: u8 = 4;
const CHARACTERS: u8 = 2;

/// The most characters of what the interpreter printed that are kept.
const PRINTED: usize = 16 << 10;

/// What an interpreter sees.
pub(super) struct World {
    /// The folder that is preopened, and what is in it.
    root: &'static str,
    files: BTreeMap<String, Arc<Vec<u8>>>,
    environment: Vec<Vec<u8>>,
    open: BTreeMap<i32, Open>,
    random: u64,
    /// What the next empty message takes.
    pub(super) request: Vec<u8>,
    /// The last other message.
    pub(super) answer: Vec<u8>,
    /// What it printed, the last of it.
    pub(super) printed: Vec<u8>,
}

struct Open {
    path: String,
    position: usize,
}

impl World {
    /// A world with files in the folder `root`, by name.
    pub(super) fn new(
        root: &'static str,
        files: impl IntoIterator<Item = (&'static str, Arc<Vec<u8>>)>,
        environment: &[(&str, &str)],
    ) -> Self {
        let files = files.into_iter();
        let environment = environment.iter();
        let of_root = Open {
            path: root.to_owned(),
            position: 0,
        };
        Self {
            root,
            files: files
                .map(|(name, file)| (format!("{root}/{name}"), file))
                .collect(),
            environment: environment
                .map(|(name, value)| format!("{name}={value}\0").into_bytes())
                .collect(),
            open: [(ROOT, of_root)].into(),
            random: 1,
            request: Vec::new(),
            answer: Vec::new(),
            printed: Vec::new(),
        }
    }

    /// The path of a file that is named relative to an open folder.
    fn resolve(&self, folder: i32, name: &[u8]) -> Option<String> {
        let folder = &self.open.get(&folder)?.path;
        let name = std::str::from_utf8(name).ok()?;
        let mut parts: Vec<&str> = Vec::new();
        for part in name.split('/').filter(|part| !matches!(*part, "" | ".")) {
            match part {
                ".." => parts.pop().map(drop)?,
                part => parts.push(part),
            }
        }
        parts.insert(0, folder);
        Some(parts.join("/"))
    }

    /// The kind and the size of what is at a path.
    fn stat(&self, path: &str) -> Option<(u8, u64)> {
        let file = self
            .files
            .get(path)
            .map(|file| (REGULAR, file.len() as u64));
        file.or_else(|| (path == self.root).then_some((DIRECTORY, 0)))
    }

    fn random(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            self.random = self
                .random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            *byte = (self.random >> 56) as u8;
        }
    }

    fn print(&mut self, text: &[u8]) {
        self.printed.extend_from_slice(text);
        let over = self.printed.len().saturating_sub(PRINTED);
        self.printed.drain(..over);
    }
}

/// The memory of an interpreter, with its world.
struct Mem<'a> {
    bytes: &'a mut [u8],
    world: &'a mut World,
}

/// A place outside of the memory.
const OUTSIDE: i32 = 21;

type Done = Result<(), i32>;

impl Mem<'_> {
    fn slice(&mut self, at: i32, length: usize) -> Result<&mut [u8], i32> {
        let at = at as u32 as usize;
        let end = at.checked_add(length).ok_or(OUTSIDE)?;
        self.bytes.get_mut(at..end).ok_or(OUTSIDE)
    }

    fn put(&mut self, at: i32, bytes: &[u8]) -> Done {
        self.slice(at, bytes.len())?.copy_from_slice(bytes);
        Ok(())
    }

    fn put_u32(&mut self, at: i32, value: u32) -> Done {
        self.put(at, &value.to_le_bytes())
    }

    fn put_u64(&mut self, at: i32, value: u64) -> Done {
        self.put(at, &value.to_le_bytes())
    }

    fn u32(&mut self, at: i32) -> Result<u32, i32> {
        let bytes = self.slice(at, 4)?;
        Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    fn name(&mut self, at: i32, length: i32) -> Result<Vec<u8>, i32> {
        Ok(self.slice(at, length as u32 as usize)?.to_vec())
    }

    /// The places and lengths of a list of buffers.
    fn buffers(&mut self, at: i32, count: i32) -> Result<Vec<(i32, usize)>, i32> {
        let each = (0..count).map(|number| {
            let at = at.wrapping_add(8 * number);
            Ok((self.u32(at)? as i32, self.u32(at.wrapping_add(4))? as usize))
        });
        each.collect()
    }

    /// Copies from `position` of a file into buffers, and says how much.
    fn read(&mut self, path: &str, position: usize, at: i32, count: i32) -> Result<usize, i32> {
        let file = self.world.files.get(path).ok_or(IS_DIRECTORY)?.clone();
        let mut rest = file.get(position..).unwrap_or_default();
        let mut read = 0;
        for (at, length) in self.buffers(at, count)? {
            let (now, later) = rest.split_at(length.min(rest.len()));
            self.put(at, now)?;
            read += now.len();
            rest = later;
        }
        Ok(read)
    }

    fn put_stat(&mut self, at: i32, (kind, size): (u8, u64)) -> Done {
        let mut stat = [0; 64];
        stat[0] = 1;
        stat[8] = kind;
        stat[16] = kind;
        stat[24] = 1;
        stat[32..40].copy_from_slice(&size.to_le_bytes());
        for time in [40, 48, 56] {
            stat[time..time + 8].copy_from_slice(&NOW.to_le_bytes());
        }
        self.put(at, &stat)
    }
}

fn memory(caller: &mut Caller<'_, World>) -> wasmtime::Result<Memory> {
    let memory = caller.get_export("memory").and_then(Extern::into_memory);
    memory.ok_or_else(|| format_err!("the interpreter exports no memory"))
}

/// Defines a function of WASI whose body may fail with an error of WASI.
macro_rules! wasi {
    ($linker:ident, $name:literal, |$mem:ident $(, $arg:ident: $of:ty)*| $body:block) => {
        $linker.func_wrap(
            "wasi_snapshot_preview1",
            $name,
            |mut caller: Caller<'_, World> $(, $arg: $of)*| -> wasmtime::Result<i32> {
                let memory = memory(&mut caller)?;
                let (bytes, world) = memory.data_and_store_mut(&mut caller);
                let run = |$mem: &mut Mem<'_>| -> Done { $body };
                Ok(run(&mut Mem { bytes, world }).err().unwrap_or(OK))
            },
        )?;
    };
}

/// A linker with all that the interpreter's module imports.
pub(super) fn linker(module: &Module) -> wasmtime::Result<Linker<World>> {
    let mut linker = Linker::new(module.engine());
    files(&mut linker)?;
    rest(&mut linker)?;
    // What is not there is not supported.
    for import in module.imports() {
        let of = import.ty().func().cloned();
        let of: FuncType = of.ok_or_else(|| format_err!("it imports `{}`", import.name()))?;
        linker.allow_shadowing(false);
        let name = import.name().to_owned();
        let known = linker.func_new(import.module(), &name.clone(), of, move |_, _, results| {
            match results.first_mut() {
                Some(result) => *result = Val::I32(NOSYS),
                None => return Err(format_err!("the interpreter called `{name}`")),
            }
            Ok(())
        });
        // It is defined already.
        drop(known);
    }
    Ok(linker)
}

/// The functions of files.
fn files(linker: &mut Linker<World>) -> wasmtime::Result<()> {
    wasi!(linker, "fd_prestat_get", |mem, fd: i32, at: i32| {
        if fd != ROOT {
            return Err(BADF);
        }
        let length = mem.world.root.len() as u32;
        mem.put_u32(at, 0)?;
        mem.put_u32(at + 4, length)
    });
    wasi!(
        linker,
        "fd_prestat_dir_name",
        |mem, fd: i32, at: i32, length: i32| {
            let name = mem.world.root.as_bytes();
            match fd == ROOT && name.len() <= length as usize {
                true => mem.put(at, name),
                false => Err(BADF),
            }
        }
    );
    wasi!(linker, "fd_fdstat_get", |mem, fd: i32, at: i32| {
        let kind = match mem.world.open.get(&fd) {
            Some(open) => mem.world.stat(&open.path).ok_or(BADF)?.0,
            None if fd < ROOT => CHARACTERS,
            None => return Err(BADF),
        };
        let mut stat = [0xff; 24];
        stat[..8].copy_from_slice(&[kind, 0, 0, 0, 0, 0, 0, 0]);
        mem.put(at, &stat)
    });
    wasi!(
        linker,
        "fd_fdstat_set_flags",
        |_mem, _fd: i32, _flags: i32| { Ok(()) }
    );
    wasi!(linker, "fd_filestat_get", |mem, fd: i32, at: i32| {
        let stat = match mem.world.open.get(&fd) {
            Some(open) => mem.world.stat(&open.path).ok_or(BADF)?,
            None if fd < ROOT => (CHARACTERS, 0),
            None => return Err(BADF),
        };
        mem.put_stat(at, stat)
    });
    wasi!(
        linker,
        "path_filestat_get",
        |mem, fd: i32, _flags: i32, name: i32, length: i32, at: i32| {
            let name = mem.name(name, length)?;
            let path = mem.world.resolve(fd, &name).ok_or(NOENT)?;
            let stat = mem.world.stat(&path).ok_or(NOENT)?;
            mem.put_stat(at, stat)
        }
    );
    wasi!(
        linker,
        "path_open",
        |mem,
         fd: i32,
         _lookup: i32,
         name: i32,
         length: i32,
         flags: i32,
         _rights: i64,
         _inherited: i64,
         _fd_flags: i32,
         at: i32| {
            let name = mem.name(name, length)?;
            let path = mem.world.resolve(fd, &name).ok_or(NOENT)?;
            // Nothing is created or cut short.
            let writes = flags & 0b1001 != 0;
            mem.world
                .stat(&path)
                .ok_or(if writes { READ_ONLY } else { NOENT })?;
            if writes {
                return Err(READ_ONLY);
            }
            let new = (ROOT..)
                .find(|fd| !mem.world.open.contains_key(fd))
                .expect("some number is free");
            mem.world.open.insert(new, Open { path, position: 0 });
            mem.put_u32(at, new as u32)
        }
    );
    wasi!(linker, "fd_close", |mem, fd: i32| {
        match fd < ROOT || mem.world.open.remove(&fd).is_some() {
            true => Ok(()),
            false => Err(BADF),
        }
    });
    wasi!(linker, "fd_read", |mem,
                              fd: i32,
                              at: i32,
                              count: i32,
                              out: i32| {
        if fd == 0 {
            return mem.put_u32(out, 0);
        }
        let open = mem.world.open.get(&fd).ok_or(BADF)?;
        let (path, position) = (open.path.clone(), open.position);
        let read = mem.read(&path, position, at, count)?;
        mem.world.open.get_mut(&fd).ok_or(BADF)?.position += read;
        mem.put_u32(out, read as u32)
    });
    wasi!(
        linker,
        "fd_pread",
        |mem, fd: i32, at: i32, count: i32, position: i64, out: i32| {
            let path = mem.world.open.get(&fd).ok_or(BADF)?.path.clone();
            let read = mem.read(&path, position as usize, at, count)?;
            mem.put_u32(out, read as u32)
        }
    );
    wasi!(linker, "fd_seek", |mem,
                              fd: i32,
                              by: i64,
                              whence: i32,
                              out: i32| {
        if fd < ROOT {
            return Err(NO_SEEK);
        }
        let open = mem.world.open.get(&fd).ok_or(BADF)?;
        let size = mem.world.stat(&open.path).ok_or(BADF)?.1;
        let from = match whence {
            0 => 0,
            1 => open.position as u64,
            2 => size,
            _ => return Err(INVALID),
        };
        let to = from.checked_add_signed(by).ok_or(INVALID)?;
        mem.world.open.get_mut(&fd).ok_or(BADF)?.position = to as usize;
        mem.put_u64(out, to)
    });
    wasi!(linker, "fd_tell", |mem, fd: i32, out: i32| {
        let position = mem.world.open.get(&fd).ok_or(BADF)?.position;
        mem.put_u64(out, position as u64)
    });
    wasi!(
        linker,
        "fd_readdir",
        |mem, fd: i32, at: i32, size: i32, cookie: i64, used: i32| {
            let folder = mem.world.open.get(&fd).ok_or(BADF)?.path.clone();
            let mut entries = Vec::new();
            let files = mem.world.files.keys().zip(1u64..);
            for (path, number) in files.skip(cookie as usize) {
                let Some(name) = path.strip_prefix(&format!("{folder}/")) else {
                    continue;
                };
                entries.extend_from_slice(&number.to_le_bytes());
                entries.extend_from_slice(&number.to_le_bytes());
                entries.extend_from_slice(&(name.len() as u32).to_le_bytes());
                entries.extend_from_slice(&[REGULAR, 0, 0, 0]);
                entries.extend_from_slice(name.as_bytes());
            }
            entries.truncate(size as usize);
            mem.put(at, &entries)?;
            mem.put_u32(used, entries.len() as u32)
        }
    );
    Ok(())
}

/// The other functions.
fn rest(linker: &mut Linker<World>) -> wasmtime::Result<()> {
    wasi!(linker, "args_sizes_get", |mem, count: i32, bytes: i32| {
        mem.put_u32(count, 0)?;
        mem.put_u32(bytes, 0)
    });
    wasi!(linker, "args_get", |_mem, _list: i32, _bytes: i32| {
        Ok(())
    });
    wasi!(
        linker,
        "environ_sizes_get",
        |mem, count: i32, bytes: i32| {
            let all = &mem.world.environment;
            let (number, length) = (all.len(), all.iter().map(Vec::len).sum::<usize>());
            mem.put_u32(count, number as u32)?;
            mem.put_u32(bytes, length as u32)
        }
    );
    wasi!(linker, "environ_get", |mem, list: i32, bytes: i32| {
        let (mut list, mut bytes) = (list, bytes);
        for variable in mem.world.environment.clone() {
            mem.put_u32(list, bytes as u32)?;
            mem.put(bytes, &variable)?;
            (list, bytes) = (list + 4, bytes + variable.len() as i32);
        }
        Ok(())
    });
    wasi!(linker, "clock_res_get", |mem, _clock: i32, at: i32| {
        mem.put_u64(at, 1)
    });
    wasi!(
        linker,
        "clock_time_get",
        |mem, _clock: i32, _precision: i64, at: i32| { mem.put_u64(at, NOW) }
    );
    wasi!(linker, "random_get", |mem, at: i32, length: i32| {
        let mut bytes = vec![0; length as u32 as usize];
        mem.world.random(&mut bytes);
        mem.put(at, &bytes)
    });
    wasi!(linker, "sched_yield", |_mem| { Ok(()) });
    wasi!(
        linker,
        "fd_advise",
        |_mem, _fd: i32, _at: i64, _length: i64, _advice: i32| { Ok(()) }
    );
    wasi!(
        linker,
        "fd_write",
        |mem, fd: i32, at: i32, count: i32, out: i32| {
            if !(1..ROOT).contains(&fd) {
                return Err(BADF);
            }
            let mut written = 0;
            for (at, length) in mem.buffers(at, count)? {
                let text = mem.slice(at, length)?.to_vec();
                mem.world.print(&text);
                written += length;
            }
            mem.put_u32(out, written as u32)
        }
    );
    linker.func_wrap("host", "call", door)?;
    Ok(())
}

/// The message of the interpreter to its host: an empty one takes the request, any other
/// is the answer.
fn door(
    mut caller: Caller<'_, World>,
    message: i32,
    length: i32,
    answer: i32,
    answer_length: i32,
) -> wasmtime::Result<i32> {
    let memory = memory(&mut caller)?;
    let reply = match length {
        0 => std::mem::take(&mut caller.data_mut().request),
        length => {
            let (bytes, world) = memory.data_and_store_mut(&mut caller);
            let message = Mem { bytes, world }.name(message, length);
            let message = message.map_err(|_| format_err!("a message is outside of the memory"))?;
            caller.data_mut().answer = message;
            Vec::new()
        }
    };
    let place = allocate(&mut caller, reply.len().max(1))?;
    let (bytes, world) = memory.data_and_store_mut(&mut caller);
    let mut mem = Mem { bytes, world };
    let put = mem
        .put(place, &reply)
        .and_then(|()| mem.put_u32(answer, place as u32))
        .and_then(|()| mem.put_u32(answer_length, reply.len() as u32));
    put.map_err(|_| format_err!("the interpreter's allocator gave a place outside of its memory"))?;
    Ok(OK)
}

fn allocate(caller: &mut Caller<'_, World>, length: usize) -> wasmtime::Result<i32> {
    let alloc = caller.get_export("host_alloc").and_then(Extern::into_func);
    let alloc = alloc.ok_or_else(|| format_err!("the interpreter exports no `host_alloc`"))?;
    let alloc = alloc.typed::<i32, i32>(&*caller)?;
    match alloc.call(caller, length as i32)? {
        0 => Err(format_err!("the interpreter has no memory left")),
        place => Ok(place),
    }
}
