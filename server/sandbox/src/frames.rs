//! Frames between the server, and the process that watches a cell: a tag, a length, that many bytes.
//!
//! Each side reads the other's as input from a stranger: a length over the limit or an unknown tag ends the conversation.

use std::io;

/// The most bytes in a frame. A document may have 16 MiB; everything else is far smaller.
pub const LIMIT: usize = 20 << 20;
/// Tag and length.
pub const HEADER: usize = 5;
/// Size of a line before output.
const LINE: usize = 4;

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Tag {
    /// A `RunPlan` as JSON, with the contents of its files left empty.
    Plan = 1,
    /// The content of the plan's next file.
    Content = 2,
    /// End the run.
    Cancel = 3,
    /// An `Event` as JSON.
    Event = 10,
    /// Standard output: a [`line`], then bytes.
    Stdout = 11,
    /// Standard error, likewise.
    Stderr = 12,
}

impl Tag {
    fn from_byte(byte: u8) -> Option<Tag> {
        [
            Tag::Plan,
            Tag::Content,
            Tag::Cancel,
            Tag::Event,
            Tag::Stdout,
            Tag::Stderr,
        ]
        .into_iter()
        .find(|tag| *tag as u8 == byte)
    }
}

/// The header of a frame of `length` bytes.
pub fn header(tag: Tag, length: usize) -> [u8; HEADER] {
    let mut bytes = [tag as u8, 0, 0, 0, 0];
    bytes[1..].copy_from_slice(&(length as u32).to_le_bytes());
    bytes
}

/// What a header says.
///
/// # Errors
/// An unknown tag, or a length over [`LIMIT`].
pub fn parse_header(bytes: [u8; HEADER]) -> io::Result<(Tag, usize)> {
    let [tag, length @ ..] = bytes;
    let length = u32::from_le_bytes(length) as usize;
    let tag = Tag::from_byte(tag).ok_or_else(|| invalid("a frame of an unknown kind"))?;
    if length > LIMIT {
        return Err(invalid("a frame over the limit"));
    }
    Ok((tag, length))
}

/// How output begins: with the line that printed it, 0 if that is not known.
pub fn line(line: Option<u32>) -> [u8; LINE] {
    line.unwrap_or(0).to_le_bytes()
}

/// The line that output begins with, and the output.
///
/// # Errors
/// There is not even a line.
pub fn split_line(mut bytes: Vec<u8>) -> io::Result<(Option<u32>, Vec<u8>)> {
    let Some((line, _)) = bytes.split_first_chunk::<LINE>() else {
        return Err(invalid("output without a line"));
    };
    let line = u32::from_le_bytes(*line);
    bytes.drain(..LINE);
    Ok(((line > 0).then_some(line), bytes))
}

/// A complaint about what the other side sent.
pub fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_reads_back_as_it_was_written() {
        assert_eq!(
            parse_header(header(Tag::Stdout, 77)).unwrap(),
            (Tag::Stdout, 77)
        );
    }

    #[test]
    fn a_line_before_output_reads_back_as_it_was_written() {
        for known in [None, Some(1), Some(u32::MAX)] {
            let bytes = [&line(known)[..], b"text"].concat();
            assert_eq!(split_line(bytes).unwrap(), (known, b"text".to_vec()));
        }
        assert!(split_line(vec![0; LINE - 1]).is_err());
    }

    #[test]
    fn every_other_tag_and_every_length_over_the_limit_is_refused() {
        for byte in 0..=255u8 {
            let known = Tag::from_byte(byte).is_some();
            assert_eq!(parse_header([byte, 0, 0, 0, 0]).is_ok(), known, "{byte}");
        }
        assert!(parse_header(header(Tag::Event, LIMIT)).is_ok());
        assert!(parse_header(header(Tag::Event, LIMIT + 1)).is_err());
    }
}
