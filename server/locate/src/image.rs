//! An executable or a library of the program, read where it lies in the cell. What it says is the program's word.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::rc::Rc;

use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use object::read::elf::{ElfFile64, FileHeader};
use object::{
    CompressedData, CompressionFormat, Object, ObjectSection, ObjectSegment, ReadCache,
    ReadCacheOps,
};

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

/// A file that is read piece by piece: never mapped, because whoever may shorten it could end us by a bus error.
#[derive(Debug)]
pub(crate) struct Pieces {
    file: Rc<File>,
    size: u64,
    at: u64,
}

impl ReadCacheOps for Pieces {
    fn len(&mut self) -> Result<u64, ()> {
        Ok(self.size)
    }

    fn seek(&mut self, pos: u64) -> Result<u64, ()> {
        self.at = pos;
        Ok(pos)
    }

    fn read(&mut self, buf: &mut [u8]) -> Result<usize, ()> {
        let read = self.file.read_at(buf, self.at).map_err(drop)?;
        self.at += read as u64;
        Ok(read)
    }

    fn read_exact(&mut self, buf: &mut [u8]) -> Result<(), ()> {
        self.file.read_exact_at(buf, self.at).map_err(drop)?;
        self.at += buf.len() as u64;
        Ok(())
    }
}

/// An ELF file.
#[derive(Debug)]
pub(crate) struct Image {
    /// Which file it is.
    pub id: FileId,
    /// Its bytes, as far as they were needed.
    pub data: ReadCache<Pieces>,
    file: Rc<File>,
}

impl Image {
    /// Opens what process `pid` sees at `path`. Links lead where they lead in the cell, and nothing that is opened can
    /// hold us up.
    pub fn of_process(pid: i32, path: &Path) -> io::Result<Image> {
        let root = File::open(format!("/proc/{pid}/root"))?;
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
        let size = facts.len();
        let file = Rc::new(file);
        let data = ReadCache::new(Pieces {
            file: Rc::clone(&file),
            size,
            at: 0,
        });
        Ok(Image { id, data, file })
    }

    /// The parsed file; nothing if it is no 64-bit ELF file.
    pub fn elf(&self) -> Option<ElfFile64<'_, object::Endianness, &ReadCache<Pieces>>> {
        ElfFile64::parse(&self.data).ok()
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
        let elf = self.elf()?;
        elf.segments().find_map(|segment| {
            let (start, size) = segment.file_range();
            let inside = offset.checked_sub(start).filter(|inside| *inside < size)?;
            segment.address().checked_add(inside)
        })
    }

    /// The address, before loading, of the code that a mapping of the file at `offset` begins with. Mappings begin at
    /// whole pages, so they may begin before the segment does.
    pub fn code_address_of(&self, offset: u64) -> Option<u64> {
        const PAGE: u64 = 4096;
        let elf = self.elf()?;
        let executable = |segment: &object::read::elf::ElfSegment64<
            '_,
            '_,
            object::Endianness,
            _,
        >| {
            matches!(segment.flags(), object::SegmentFlags::Elf { p_flags } if p_flags & object::elf::PF_X != 0)
        };
        elf.segments().filter(executable).find_map(|segment| {
            let (start, size) = segment.file_range();
            let first = start & !(PAGE - 1);
            (first..start.checked_add(size)?)
                .contains(&offset)
                .then_some(())?;
            Some(segment.address().wrapping_add(offset).wrapping_sub(start))
        })
    }

    /// The address, before loading, of a section; nothing if there is none.
    pub fn section_address(&self, name: &str) -> Option<u64> {
        let elf = self.elf()?;
        Some(elf.section_by_name(name)?.address())
    }

    /// The size that a section takes in the file; nothing if there is none.
    pub fn section_size(&self, name: &str) -> Option<u64> {
        let elf = self.elf()?;
        Some(elf.section_by_name(name)?.size())
    }

    /// A section's bytes, unpacked if need be; nothing if there is none or it is larger than `largest`.
    pub fn section(&self, name: &str, largest: u64) -> Option<Vec<u8>> {
        let elf = self.elf()?;
        let section = elf.section_by_name(name)?;
        (section.size() <= largest).then_some(())?;
        let range = section.compressed_file_range().ok()?;
        (range.compressed_size.max(range.uncompressed_size) <= largest).then_some(())?;
        // Read here and not through the cache, which would keep what is needed only once.
        let mut bytes = vec![0; usize::try_from(range.compressed_size).ok()?];
        self.file.read_exact_at(&mut bytes, range.offset).ok()?;
        if range.format == CompressionFormat::None {
            return Some(bytes);
        }
        let data = CompressedData {
            format: range.format,
            data: &bytes,
            uncompressed_size: range.uncompressed_size,
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
        self.elf()
            .is_some_and(|elf| elf.elf_header().e_machine(elf.endian()) == machine)
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
