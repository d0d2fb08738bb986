//! Messages on a byte stream: `Content-Length`, an empty line, the body. Read as input from a stranger.
//!
//! The framework's own reader ends the session at the first body that is not JSON, so frames are read here.

use std::io::{self, BufRead, Read, Write};

/// More than any editor sends at once. A longer message is read past and answered with an error.
const LONGEST_BODY: u64 = 256 << 20;
const LONGEST_HEADER_LINE: u64 = 4096;

/// What came in.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame {
    /// A body.
    Body(Vec<u8>),
    /// Something that is no message, or one too long to hold.
    Bad(&'static str),
}

/// The next frame; `None` at the end of the input.
///
/// # Errors
/// What reading says, and the end of the input within a frame.
pub fn read_frame(input: &mut impl BufRead) -> io::Result<Option<Frame>> {
    let mut length = None;
    let mut any_header = false;
    loop {
        let mut line = Vec::new();
        let mut limited = input.by_ref().take(LONGEST_HEADER_LINE);
        if limited.read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        let line = line.trim_ascii();
        if line.is_empty() {
            match length {
                Some(length) => return read_body(input, length).map(Some),
                // An empty line between messages is passed over; headers without a length are a mistake.
                None if any_header => return Ok(Some(Frame::Bad("no Content-Length"))),
                None => continue,
            }
        }
        any_header = true;
        let (name, value) = match line.iter().position(|&byte| byte == b':') {
            Some(colon) => (line[..colon].trim_ascii(), line[colon + 1..].trim_ascii()),
            None => (line, &b""[..]),
        };
        if name.eq_ignore_ascii_case(b"content-length") {
            length = std::str::from_utf8(value)
                .ok()
                .and_then(|value| value.parse().ok());
        }
    }
}

fn read_body(input: &mut impl BufRead, length: u64) -> io::Result<Frame> {
    if length > LONGEST_BODY {
        io::copy(&mut input.by_ref().take(length), &mut io::sink())?;
        return Ok(Frame::Bad("message too long"));
    }
    let mut body = Vec::new();
    input.by_ref().take(length).read_to_end(&mut body)?;
    if (body.len() as u64) < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Frame::Body(body))
}

/// Writes one message.
///
/// # Errors
/// What writing says.
pub fn write_frame(output: &mut impl Write, body: &[u8]) -> io::Result<()> {
    write!(output, "Content-Length: {}\r\n\r\n", body.len())?;
    output.write_all(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(mut bytes: &[u8]) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Ok(Some(frame)) = read_frame(&mut bytes) {
            frames.push(frame);
        }
        frames
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut bytes = Vec::new();
        write_frame(&mut bytes, b"{}").unwrap();
        write_frame(&mut bytes, "\"😀\"".as_bytes()).unwrap();
        assert_eq!(
            frames(&bytes),
            [
                Frame::Body(b"{}".to_vec()),
                Frame::Body("\"😀\"".as_bytes().to_vec())
            ]
        );
    }

    #[test]
    fn other_headers_and_their_case_do_not_matter() {
        let bytes = b"content-type: application/vscode-jsonrpc; charset=utf-8\r\nCONTENT-LENGTH:2\r\n\r\n{}";
        assert_eq!(frames(bytes), [Frame::Body(b"{}".to_vec())]);
    }

    #[test]
    fn rubbish_is_told_and_what_follows_is_read() {
        let bytes = b"rubbish\r\n\r\nContent-Length: 2\r\n\r\n{}Content-Length: -4\r\n\r\nContent-Length: 1\r\n\r\n7";
        assert_eq!(
            frames(bytes),
            [
                Frame::Bad("no Content-Length"),
                Frame::Body(b"{}".to_vec()),
                Frame::Bad("no Content-Length"),
                Frame::Body(b"7".to_vec())
            ]
        );
    }

    #[test]
    fn a_body_cut_short_is_the_end() {
        assert!(read_frame(&mut &b"Content-Length: 5\r\n\r\n{}"[..]).is_err());
    }
}
