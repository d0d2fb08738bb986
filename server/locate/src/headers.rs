//! The headers of an ELF file: where its parts lie. Read by ourselves and bounded, because they are the program's word: a
//! file of a few sparse megabytes can have a million sections, with names that never end.

/// No file has more parts, nor longer names for them.
const MOST_SEGMENTS: usize = 256;
const MOST_SECTIONS: usize = 1024;
const LONGEST_NAMES: u64 = 64 << 10;

/// Sizes of the header of a file, of a segment, and of a section.
const FILE: usize = 64;
const SEGMENT: usize = 56;
const SECTION: usize = 64;

/// Kinds of sections and segments, and what they say of themselves.
const LOADED: u32 = 1;
const NO_BITS: u32 = 8;
const COMPRESSED: u64 = 0x800;
const EXECUTABLE: u32 = 1;

/// Reads bytes of the file at an offset: all of them, or none.
pub(crate) trait At {
    /// Fills `buffer` from `offset`.
    fn fill(&self, buffer: &mut [u8], offset: u64) -> Option<()>;
}

/// What the headers of a 64-bit little-endian file say.
#[derive(Debug)]
pub(crate) struct Headers {
    /// For which machine it is.
    pub machine: u16,
    /// What is loaded of it.
    pub segments: Vec<Segment>,
    sections: Vec<Section>,
    names: Vec<u8>,
}

/// A part of the file that is loaded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment {
    /// Where it begins in the file.
    pub offset: u64,
    /// How much of it lies in the file.
    pub size: u64,
    /// Where it begins in memory, before loading.
    pub address: u64,
    /// Whether it is code.
    pub is_code: bool,
}

/// A part of the file with a name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Section {
    name: u32,
    /// Where it begins in the file.
    pub offset: u64,
    /// How long it is, packed as it may be.
    pub size: u64,
    /// Where it begins in memory, before loading.
    pub address: u64,
    /// Whether it is packed.
    pub is_compressed: bool,
    /// Whether nothing of it lies in the file.
    pub is_empty: bool,
}

impl Headers {
    /// Reads them; nothing if it is no such file, or has more parts than any real one.
    pub fn read(file: &impl At) -> Option<Headers> {
        let mut header = [0; FILE];
        file.fill(&mut header, 0)?;
        // 64 bits, little-endian.
        (header.starts_with(b"\x7fELF\x02\x01")).then_some(())?;
        let count = |at| Some(usize::from(half(&header, at)?));
        let segments = table::<SEGMENT>(file, long(&header, 32)?, count(56)?, MOST_SEGMENTS)?;
        let sections = table::<SECTION>(file, long(&header, 40)?, count(60)?, MOST_SECTIONS)?;
        let sections: Vec<Section> = sections.iter().map(section).collect::<Option<_>>()?;
        let names = sections
            .get(count(62)?)
            .filter(|names| names.size <= LONGEST_NAMES)
            .and_then(|names| {
                let mut text = vec![0; usize::try_from(names.size).ok()?];
                file.fill(&mut text, names.offset)?;
                Some(text)
            });
        Some(Headers {
            machine: half(&header, 18)?,
            segments: segments.iter().filter_map(segment).collect(),
            sections,
            names: names.unwrap_or_default(),
        })
    }

    /// The first section of this name.
    pub fn section(&self, name: &str) -> Option<Section> {
        let is_it = |section: &&Section| {
            let start = usize::try_from(section.name).unwrap_or(usize::MAX);
            let text = self.names.get(start..).unwrap_or_default();
            text.starts_with(name.as_bytes()) && text.get(name.len()) == Some(&0)
        };
        self.sections.iter().find(is_it).copied()
    }
}

fn table<const SIZE: usize>(
    file: &impl At,
    offset: u64,
    count: usize,
    most: usize,
) -> Option<Vec<[u8; SIZE]>> {
    (count <= most).then_some(())?;
    let mut bytes = vec![0; count * SIZE];
    file.fill(&mut bytes, offset)?;
    let (entries, _) = bytes.as_chunks::<SIZE>();
    Some(entries.to_vec())
}

fn segment(bytes: &[u8; SEGMENT]) -> Option<Segment> {
    (word(bytes, 0)? == LOADED).then_some(())?;
    Some(Segment {
        is_code: word(bytes, 4)? & EXECUTABLE != 0,
        offset: long(bytes, 8)?,
        address: long(bytes, 16)?,
        size: long(bytes, 32)?,
    })
}

fn section(bytes: &[u8; SECTION]) -> Option<Section> {
    Some(Section {
        name: word(bytes, 0)?,
        is_empty: word(bytes, 4)? == NO_BITS,
        is_compressed: long(bytes, 8)? & COMPRESSED != 0,
        address: long(bytes, 16)?,
        offset: long(bytes, 24)?,
        size: long(bytes, 32)?,
    })
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Four bytes.
pub(crate) fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Eight bytes.
pub(crate) fn long(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bytes(Vec<u8>);

    impl At for Bytes {
        fn fill(&self, buffer: &mut [u8], offset: u64) -> Option<()> {
            let start = usize::try_from(offset).ok()?;
            let end = start.checked_add(buffer.len())?;
            buffer.copy_from_slice(self.0.get(start..end)?);
            Some(())
        }
    }

    #[test]
    fn a_file_with_more_parts_than_any_real_one_is_not_read() {
        let own = std::fs::read("/proc/self/exe").expect("this test");
        let headers = Headers::read(&Bytes(own.clone())).expect("headers");
        assert!(headers.section(".text").is_some() && headers.section(".tex").is_none());
        assert!(headers.segments.iter().any(|segment| segment.is_code));
        for at in [56, 60] {
            let mut many = own.clone();
            many[at..at + 2].fill(0xff);
            assert!(Headers::read(&Bytes(many)).is_none(), "{at}");
        }
        for length in 0..FILE {
            assert!(Headers::read(&Bytes(own[..length].to_vec())).is_none());
        }
        // Tables behind the end of everything, and names that are none.
        for at in [32, 40] {
            let mut far = own.clone();
            far[at..at + 8].fill(0xff);
            assert!(Headers::read(&Bytes(far)).is_none(), "{at}");
        }
        let mut nameless = own.clone();
        nameless[62..64].fill(0xff);
        let headers = Headers::read(&Bytes(nameless)).expect("headers");
        assert!(headers.section(".text").is_none());
    }
}
