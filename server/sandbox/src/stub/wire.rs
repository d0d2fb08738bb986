//! The kernel's side of a FUSE device: what it asks, and what an answer looks like. See include/uapi/linux/fuse.h.
//! The kernel writes the questions, but the names in them are the program's.

use super::tree::{Kind, Node, Tree};

pub const LOOKUP: u32 = 1;
pub const FORGET: u32 = 2;
pub const GETATTR: u32 = 3;
pub const READLINK: u32 = 5;
pub const READ: u32 = 15;
pub const STATFS: u32 = 17;
pub const INIT: u32 = 26;
pub const READDIR: u32 = 28;
pub const DESTROY: u32 = 38;
pub const READDIRPLUS: u32 = 44;
pub const BATCH_FORGET: u32 = 42;

/// As large as the kernel wants it at least, and larger than any question that is asked of something read-only.
pub const LARGEST_QUESTION: usize = 8 << 10;
/// So much the kernel may ask for ahead.
const READ_AHEAD: u32 = 64 << 10;
/// The version of the protocol that we speak.
const MAJOR: u32 = 7;
const MINOR: u32 = 31;
/// The kernel need not ask when a file or directory is opened, may ask for two names at once, and may keep links.
/// And it learns what a name stands for when it lists it.
const FLAGS: u32 = NO_OPEN | NO_OPENDIR | PARALLEL | KEEP_LINKS | LIST_ALL;
const LIST_ALL: u32 = 1 << 13;
const NO_OPEN: u32 = 1 << 17;
const PARALLEL: u32 = 1 << 18;
const KEEP_LINKS: u32 = 1 << 23;
const NO_OPENDIR: u32 = 1 << 24;
/// The kernel can be told to ask again for a name, and to leave what is mounted there (the third of the second flags).
const EXPIRES: u32 = 1 << 3;
/// That it is to ask again, as a message of ours says it.
const FORGET_NAME: u32 = 3;
const ONLY_EXPIRE: u32 = 1;
/// No question carries more than this to be written; nothing can be.
const MOST_WRITTEN: u32 = 4096;
/// So long the kernel may believe what never changes, in seconds.
const FOR_EVER: u64 = 1 << 30;
/// Whoever is in a cell owns what it is made of.
const OWNER: u32 = crate::identity::INSIDE;
const BLOCK: u32 = 4096;
/// The size of what is said of a name.
const ENTRY: usize = 128;

/// What the kernel asks.
pub struct Question<'a> {
    pub operation: u32,
    /// Names the question.
    pub unique: u64,
    /// Of which node.
    pub node: u64,
    /// Who asks, as the cell numbers its threads; 0 is somebody outside of the cell.
    pub thread: u32,
    body: &'a [u8],
}

impl<'a> Question<'a> {
    /// Reads one.
    pub fn read(bytes: &'a [u8]) -> Option<Question<'a>> {
        Some(Question {
            operation: number(bytes, 4)?,
            unique: long(bytes, 8)?,
            node: long(bytes, 16)?,
            thread: number(bytes, 32)?,
            body: bytes.get(40..)?,
        })
    }

    /// The name that is looked up.
    pub fn name(&self) -> &'a [u8] {
        let end = self.body.iter().position(|byte| *byte == 0);
        self.body
            .get(..end.unwrap_or(self.body.len()))
            .unwrap_or_default()
    }

    /// Whether the kernel, which introduces itself, can be told to ask again for a name.
    pub fn can_expire(&self) -> bool {
        number(self.body, 16).is_some_and(|flags| flags & EXPIRES != 0)
    }

    /// From where on and how much is to be read.
    pub fn range(&self) -> Option<(usize, usize)> {
        let offset = usize::try_from(long(self.body, 8)?).ok()?;
        let size = usize::try_from(number(self.body, 16)?).ok()?;
        Some((offset, size))
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(
        bytes.get(at..at.checked_add(4)?)?.try_into().ok()?,
    ))
}

fn long(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_ne_bytes(
        bytes.get(at..at.checked_add(8)?)?.try_into().ok()?,
    ))
}

/// An answer, whose head is written when it is complete.
pub struct Answer {
    bytes: Vec<u8>,
}

impl Answer {
    fn with(bytes: &[u8]) -> Answer {
        let mut answer = Answer { bytes: vec![0; 16] };
        answer.bytes.extend_from_slice(bytes);
        answer
    }

    fn numbers(mut self, numbers: &[u32]) -> Answer {
        for number in numbers {
            self.bytes.extend_from_slice(&number.to_ne_bytes());
        }
        self
    }

    fn longs(mut self, longs: &[u64]) -> Answer {
        for long in longs {
            self.bytes.extend_from_slice(&long.to_ne_bytes());
        }
        self
    }

    /// "No."
    pub fn refusal(errno: nix::errno::Errno) -> Answer {
        let mut answer = Answer::with(&[]);
        let code = (errno as i32).wrapping_neg().to_ne_bytes();
        for (to, from) in answer.bytes.iter_mut().skip(4).zip(code) {
            *to = from;
        }
        answer
    }

    /// How we speak.
    pub fn init() -> Answer {
        Answer::with(&[])
            .numbers(&[MAJOR, MINOR, READ_AHEAD, FLAGS])
            // Questions that may wait at once, and when the kernel slows down: two halves of a word each.
            .numbers(&[16 | 12 << 16, MOST_WRITTEN, 1, 0, 0])
            .numbers(&[0; 7])
    }

    /// This node has that name. A gate that does not stay `open` is asked about each time, and is always the same.
    pub fn entry(number: u64, node: &Node, open: bool) -> Answer {
        Answer::with(&[]).entry_of(number, node, open)
    }

    /// Nothing has that name, ever.
    pub fn nothing() -> Answer {
        Answer::with(&[])
            .longs(&[0, 0, FOR_EVER, 0])
            .numbers(&[0; 2])
            .longs(&[0; 6])
            .numbers(&[0; 10])
    }

    /// What a node is like.
    pub fn attributes(number: u64, node: &Node) -> Answer {
        Answer::with(&[]).longs(&[FOR_EVER, 0]).facts(number, node)
    }

    fn facts(self, number: u64, node: &Node) -> Answer {
        let (kind, size, links) = match &node.kind {
            Kind::Directory(_) => (0o040_000, 0, 2),
            Kind::Link(target) => (0o120_000, target.len(), 1),
            Kind::File(content) => (0o100_000, content.len(), 1),
        };
        let size = size as u64;
        self.longs(&[number, size, size.div_ceil(512), 0, 0, 0])
            .numbers(&[0, 0, 0, kind | node.mode, links, OWNER, OWNER])
            .numbers(&[0, BLOCK, 0])
    }

    /// Some bytes of a file or a link.
    pub fn content(bytes: &[u8]) -> Answer {
        Answer::with(bytes)
    }

    /// A message that answers nothing: that the kernel is to ask again for this name.
    pub fn expired(directory: u64, name: &[u8]) -> Vec<u8> {
        let mut message = Answer::with(&[])
            .longs(&[directory])
            .numbers(&[name.len() as u32, ONLY_EXPIRE]);
        message.bytes.extend_from_slice(name);
        message.bytes.push(0);
        for (to, from) in message
            .bytes
            .iter_mut()
            .skip(4)
            .zip(FORGET_NAME.to_ne_bytes())
        {
            *to = from;
        }
        message.to(0)
    }

    /// Of a file system with nothing in it.
    pub fn file_system() -> Answer {
        Answer::with(&[])
            .longs(&[0; 5])
            .numbers(&[BLOCK, 255, BLOCK, 0])
            .numbers(&[0; 6])
    }

    fn entry_of(self, number: u64, node: &Node, open: bool) -> Answer {
        let keep = if node.is_gate && !open { 0 } else { FOR_EVER };
        self.longs(&[number, 0, keep, FOR_EVER])
            .numbers(&[0, 0])
            .facts(number, node)
    }

    /// The names in a directory after the first `from`, as many as go into `size` bytes; with `entries`, also what they
    /// stand for, and that says whether gates stay open. What will be asked for comes first, and alone: whoever builds
    /// the cell lists no more.
    pub fn names(
        tree: &Tree,
        directory: u64,
        from: usize,
        size: usize,
        entries: Option<bool>,
    ) -> Option<Answer> {
        let Kind::Directory(names) = &tree.node(directory)?.kind else {
            return None;
        };
        let own: [(&[u8], u64); 2] = [(b".", directory), (b"..", directory)];
        let is_early = |number: u64| tree.node(number).is_some_and(|node| node.is_early);
        let early = 2 + names.values().filter(|number| is_early(**number)).count();
        let mut others: Vec<(&[u8], u64)> = names
            .iter()
            .map(|(name, number)| (name.as_slice(), *number))
            .collect();
        others.sort_by_key(|(_, number)| !is_early(*number));
        let named = own.into_iter().chain(others);
        let mut answer = Answer::with(&[]);
        for (index, (name, number)) in named.enumerate().skip(from) {
            let before = if entries.is_some() { ENTRY } else { 0 };
            let length = before + (24 + name.len()).next_multiple_of(8);
            if answer.bytes.len() + length > 16 + size || (from < early && index >= early) {
                break;
            }
            let node = tree.node(number)?;
            let kind = match node.kind {
                Kind::Directory(_) => 4,
                Kind::Link(_) => 10,
                Kind::File(_) => 8,
            };
            let end = answer.bytes.len() + length;
            match entries {
                // What these two are the kernel knows.
                Some(_) if index < 2 => answer.bytes.resize(answer.bytes.len() + ENTRY, 0),
                Some(open) => answer = answer.entry_of(number, node, open),
                None => {}
            }
            answer = answer
                .longs(&[number, index as u64 + 1])
                .numbers(&[name.len() as u32, kind]);
            answer.bytes.extend_from_slice(name);
            answer.bytes.resize(end, 0);
        }
        Some(answer)
    }

    /// As it goes to the kernel.
    pub fn to(mut self, unique: u64) -> Vec<u8> {
        let length = (self.bytes.len() as u32).to_ne_bytes();
        let head = self.bytes.iter_mut();
        for (to, from) in head.zip(length) {
            *to = from;
        }
        for (to, from) in self.bytes.iter_mut().skip(8).zip(unique.to_ne_bytes()) {
            *to = from;
        }
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_that_is_cut_short_is_none_and_a_name_ends_at_its_end() {
        let mut bytes = vec![0u8; 40];
        bytes[4] = 1;
        bytes[16] = 7;
        bytes.extend_from_slice(b"shadow\0more");
        let question = Question::read(&bytes).unwrap();
        assert_eq!((question.operation, question.node), (LOOKUP, 7));
        assert_eq!(question.name(), b"shadow");
        assert_eq!(Question::read(&bytes[..39]).map(|_| ()), None);
        assert_eq!(Question::read(&bytes[..40]).unwrap().name(), b"");
        assert_eq!(Question::read(&bytes[..40]).unwrap().range(), None);
    }

    #[test]
    fn answers_are_as_long_as_the_kernel_wants_them() {
        let tree = Tree::new();
        let root = tree.node(1).unwrap();
        assert_eq!(Answer::init().to(1).len(), 16 + 64);
        assert_eq!(Answer::entry(1, root, false).to(1).len(), 16 + 128);
        assert_eq!(Answer::nothing().to(1).len(), 16 + 128);
        assert_eq!(Answer::expired(1, b"tmp").len(), 16 + 16 + 4);
        assert_eq!(Answer::attributes(1, root).to(1).len(), 16 + 104);
        assert_eq!(Answer::file_system().to(1).len(), 16 + 80);
        let refusal = Answer::refusal(nix::errno::Errno::ENOENT).to(3);
        assert_eq!(
            refusal,
            [16, 0, 0, 0, 254, 255, 255, 255, 3, 0, 0, 0, 0, 0, 0, 0]
        );
    }

    fn three_files() -> Tree {
        let mut tree = Tree::new();
        for name in ["/a", "/b", "/c"] {
            let file = Kind::File(Vec::new());
            tree.put(std::path::Path::new(name), file, 0o444).unwrap();
        }
        tree
    }

    #[test]
    fn what_is_mounted_is_listed_before_what_is_not() {
        let mut tree = three_files();
        tree.note_mount(std::path::Path::new("/c")).unwrap();
        let names = |from| {
            let listed = Answer::names(&tree, 1, from, 4096, None).unwrap().bytes;
            let names = listed[16..].chunks(32).map(|entry| entry[24]);
            String::from_utf8(names.collect()).unwrap()
        };
        assert_eq!(names(0), "..c");
        assert_eq!(names(3), "ab");
        assert_eq!(names(5), "");
    }

    #[test]
    fn a_directory_is_listed_in_pieces_of_the_size_that_was_asked_for() {
        let tree = three_files();
        let length = |from, size| {
            Answer::names(&tree, 1, from, size, None)
                .unwrap()
                .bytes
                .len()
                - 16
        };
        assert_eq!(length(0, 4096), 2 * 32);
        assert_eq!(length(2, 4096), 3 * 32);
        assert_eq!(length(0, 70), 2 * 32);
        let all = Answer::names(&tree, 1, 0, 4096, Some(false)).unwrap();
        assert_eq!(all.bytes.len() - 16, 2 * (ENTRY + 32));
        assert_eq!(length(5, 4096), 0);
        assert_eq!(length(usize::MAX, 4096), 0);
        assert!(
            Answer::names(&tree, 2, 0, 100, None).is_none(),
            "no directory"
        );
    }
}
