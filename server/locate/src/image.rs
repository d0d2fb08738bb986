//! An executable or a library of the program, read where it lies in the cell. What it says is the program's word.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::OnceLock;

use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use object::{CompressedData, CompressionFormat};

use crate::headers::{At, Headers, long, word};

/// No file that is larger is looked into.
const LARGEST: u64 = 1 << 30;

/// No table of symbols that is larger is read.
const LARGEST_TABLE: u64 = 64 << 20;

/// A file's identity, with what changes when it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FileId {
    device: u64,
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

/// Pieces of the file: never mapped, because whoever may shorten it could end us by a bus error.
struct Pieces<'a>(&'a File);

impl At for Pieces<'_> {
    fn fill(&self, buffer: &mut [u8], offset: u64) -> Option<()> {
        self.0.read_exact_at(buffer, offset).ok()
    }
}

/// Where the files of all processes are, if it is not to be found out from them: see [`crate::look_in`].
static ROOT: OnceLock<OwnedFd> = OnceLock::new();

/// From now on the files of all processes are looked for below `root`.
pub(crate) fn look_in(root: OwnedFd) {
    let _ = ROOT.set(root);
}

/// An ELF file.
#[derive(Debug)]
pub(crate) struct Image {
    /// Which file it is.
    pub id: FileId,
    /// Nothing if it is no 64-bit ELF file.
    headers: Option<Headers>,
    file: File,
}

impl Image {
    /// Opens what process `pid` sees at `path`. Links lead where they lead in the cell, and nothing that is opened can
    /// hold us up.
    pub fn of_process(pid: i32, path: &Path) -> io::Result<Image> {
        let root = match ROOT.get() {
            Some(root) => root.try_clone()?,
            None => File::open(format!("/proc/{pid}/root"))?.into(),
        };
        let below = path.strip_prefix("/").unwrap_or(path);
        let name = CString::new(below.as_os_str().as_bytes())?;
        let how = OpenHow::new()
            .flags(OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC)
            .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
        Image::of_file(File::from(openat2(root.as_fd(), name.as_c_str(), how)?))
    }

    /// The program that process `pid` runs.
    pub fn of_executable(pid: i32) -> io::Result<Image> {
        Image::of_file(File::open(format!("/proc/{pid}/exe"))?)
    }

    /// A file that is open already.
    pub fn of_file(file: File) -> io::Result<Image> {
        let facts = file.metadata()?;
        if !facts.is_file() || facts.len() > LARGEST {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let id = FileId {
            device: facts.dev(),
            inode: facts.ino(),
            size: facts.len(),
            changed: (facts.ctime(), facts.ctime_nsec()),
        };
        let headers = Headers::read(&Pieces(&file));
        Ok(Image { id, headers, file })
    }

    /// Addresses, before loading, of some symbols; in the order of `names`. Both symbol tables are looked through.
    pub fn symbols(&self, names: &[&str]) -> Vec<Option<u64>> {
        let mut found = vec![None; names.len()];
        for (symbols, texts) in [(".dynsym", ".dynstr"), (".symtab", ".strtab")] {
            // Whole tables at once: asked for one by one, tens of thousands of names take a hundred times as long.
            let read = |name| self.section(name, LARGEST_TABLE);
            if let (Some(symbols), Some(texts)) = (read(symbols), read(texts)) {
                find_symbols(&symbols, &texts, names, &mut found);
            }
            if found.iter().all(Option::is_some) {
                break;
            }
        }
        found
    }

    /// The address, before loading, at which the piece of the file at `offset` lies.
    pub fn address_of(&self, offset: u64) -> Option<u64> {
        let segments = &self.headers.as_ref()?.segments;
        segments.iter().find_map(|segment| {
            let inside = offset
                .checked_sub(segment.offset)
                .filter(|inside| *inside < segment.size)?;
            segment.address.checked_add(inside)
        })
    }

    /// The address, before loading, of the code that a mapping of the file at `offset` begins with. Mappings begin at
    /// whole pages, so they may begin before the segment does.
    pub fn code_address_of(&self, offset: u64) -> Option<u64> {
        const PAGE: u64 = 4096;
        let segments = &self.headers.as_ref()?.segments;
        let code = segments.iter().filter(|segment| segment.is_code);
        code.into_iter().find_map(|segment| {
            let first = segment.offset & !(PAGE - 1);
            (first..segment.offset.checked_add(segment.size)?)
                .contains(&offset)
                .then_some(())?;
            Some(
                segment
                    .address
                    .wrapping_add(offset)
                    .wrapping_sub(segment.offset),
            )
        })
    }

    /// The address, before loading, of a section; nothing if there is none.
    pub fn section_address(&self, name: &str) -> Option<u64> {
        Some(self.headers.as_ref()?.section(name)?.address)
    }

    /// The size that a section takes in the file; nothing if there is none.
    pub fn section_size(&self, name: &str) -> Option<u64> {
        Some(self.headers.as_ref()?.section(name)?.size)
    }

    /// A section's bytes, unpacked if need be; nothing if there is none or it is larger than `largest`.
    pub fn section(&self, name: &str, largest: u64) -> Option<Vec<u8>> {
        /// Kind (4 bytes), nothing (4 bytes), size when unpacked, alignment.
        const PACKED: usize = 24;
        let section = self.headers.as_ref()?.section(name)?;
        if section.is_empty {
            return Some(Vec::new());
        }
        (section.size <= largest).then_some(())?;
        let mut bytes = vec![0; usize::try_from(section.size).ok()?];
        self.file.read_exact_at(&mut bytes, section.offset).ok()?;
        if !section.is_compressed {
            return Some(bytes);
        }
        let uncompressed_size = long(&bytes, 8)?;
        (uncompressed_size <= largest).then_some(())?;
        let format = match word(&bytes, 0)? {
            object::elf::ELFCOMPRESS_ZLIB => CompressionFormat::Zlib,
            object::elf::ELFCOMPRESS_ZSTD => CompressionFormat::Zstandard,
            _ => return None,
        };
        let data = CompressedData {
            format,
            data: bytes.get(PACKED..)?,
            uncompressed_size,
        };
        data.decompress().ok().map(std::borrow::Cow::into_owned)
    }

    /// The first bytes of the file, whatever it is.
    pub fn beginning(&self, most: u64) -> Option<Vec<u8>> {
        let size = self.id.size.min(most);
        let mut bytes = vec![0; usize::try_from(size).ok()?];
        self.file.read_exact_at(&mut bytes, 0).ok()?;
        Some(bytes)
    }

    /// Whether this is code for the machine that we run on.
    pub fn is_native(&self) -> bool {
        let machine = if cfg!(target_arch = "aarch64") {
            object::elf::EM_AARCH64
        } else {
            object::elf::EM_X86_64
        };
        self.headers
            .as_ref()
            .is_some_and(|headers| headers.machine == machine)
    }
}

/// Looks for `names` in a table of `Elf64_Sym`, whose names lie in `texts`.
fn find_symbols(symbols: &[u8], texts: &[u8], names: &[&str], found: &mut [Option<u64>]) {
    /// Name (4 bytes), kind, visibility, section (2 bytes), address (8 bytes), size.
    const SIZE: usize = 24;
    for symbol in symbols.chunks_exact(SIZE) {
        let [a, b, c, d, _, _, section_low, section_high, address @ ..] = symbol else {
            continue;
        };
        let address = address
            .first_chunk()
            .map(|address| u64::from_le_bytes(*address));
        let Some(address) = address.filter(|address| *address != 0) else {
            continue;
        };
        if (*section_low, *section_high) == (0, 0) {
            continue;
        }
        let name = usize::try_from(u32::from_le_bytes([*a, *b, *c, *d])).unwrap_or(usize::MAX);
        let Some(text) = texts.get(name..) else {
            continue;
        };
        for (slot, wanted) in found.iter_mut().zip(names) {
            if slot.is_none()
                && text.starts_with(wanted.as_bytes())
                && text.get(wanted.len()) == Some(&0)
            {
                *slot = Some(address);
            }
        }
    }
}
