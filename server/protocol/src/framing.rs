//! Messages on a byte stream: `Content-Length`, an empty line, the body. Read as input from a stranger.
//!
//! The framework's own reader ends the session at the first body that is not JSON, so frames are read here.

/// More than any editor sends at once. A longer message is read past and answered with an error.
const LONGEST_BODY: u64 = 256 << 20;
const LONGEST_HEADER_LINE: usize = 4096;

/// What came in.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame {
    /// A body.
    Body(Vec<u8>),
    /// Something that is no message, or one too long to hold.
    Bad(&'static str),
}

/// Takes frames out of bytes as they come, in pieces of any size.
#[derive(Default)]
pub struct Frames {
    /// What has come, from `at` on not looked at yet.
    bytes: Vec<u8>,
    at: usize,
    headers: Headers,
    inside: Inside,
}

#[derive(Default)]
struct Headers {
    any: bool,
    length: Option<u64>,
}

#[derive(Default)]
enum Inside {
    #[default]
    Headers,
    /// A body of which so much is missing.
    Body(Vec<u8>, usize),
    /// A body of which so much is still to be read past.
    TooLong(u64),
}

impl Frames {
    /// What has come next.
    pub fn add(&mut self, piece: &[u8]) {
        self.bytes.drain(..self.at);
        self.at = 0;
        self.bytes.extend_from_slice(piece);
    }

    /// The next frame, if all of it has come.
    pub fn next(&mut self) -> Option<Frame> {
        loop {
            let rest = &self.bytes[self.at..];
            match &mut self.inside {
                Inside::Headers => {
                    let line = next_line(rest)?;
                    self.at += line.len();
                    if let Some(bad) = self.headers.take(line.trim_ascii(), &mut self.inside) {
                        return Some(bad);
                    }
                }
                Inside::Body(body, missing) => {
                    let piece = &rest[..rest.len().min(*missing)];
                    body.extend_from_slice(piece);
                    self.at += piece.len();
                    *missing -= piece.len();
                    if *missing > 0 {
                        return None;
                    }
                    let body = std::mem::take(body);
                    self.inside = Inside::Headers;
                    return Some(Frame::Body(body));
                }
                Inside::TooLong(left) => {
                    let passed = (rest.len() as u64).min(*left);
                    self.at += passed as usize;
                    *left -= passed;
                    if *left > 0 {
                        return None;
                    }
                    self.inside = Inside::Headers;
                    return Some(Frame::Bad("message too long"));
                }
            }
        }
    }
}

/// The line at the start of `bytes` with its end, or as much as a line may hold; `None` if more has to come.
fn next_line(bytes: &[u8]) -> Option<&[u8]> {
    let most = &bytes[..bytes.len().min(LONGEST_HEADER_LINE)];
    match most.iter().position(|&byte| byte == b'\n') {
        Some(end) => Some(&most[..=end]),
        None => (most.len() == LONGEST_HEADER_LINE).then_some(most),
    }
}

impl Headers {
    /// Takes one line. The empty one ends the headers, and says what comes then.
    fn take(&mut self, line: &[u8], inside: &mut Inside) -> Option<Frame> {
        if line.is_empty() {
            let Headers { any, length } = std::mem::take(self);
            match length {
                Some(length) if length > LONGEST_BODY => *inside = Inside::TooLong(length),
                Some(length) => *inside = Inside::Body(Vec::new(), length as usize),
                // An empty line between messages is passed over; headers without a length are a mistake.
                None if any => return Some(Frame::Bad("no Content-Length")),
                None => {}
            }
            return None;
        }
        self.any = true;
        let (name, value) = match line.iter().position(|&byte| byte == b':') {
            Some(colon) => (line[..colon].trim_ascii(), line[colon + 1..].trim_ascii()),
            None => (line, &b""[..]),
        };
        if name.eq_ignore_ascii_case(b"content-length") {
            self.length = std::str::from_utf8(value)
                .ok()
                .and_then(|value| value.parse().ok());
        }
        None
    }
}

/// One message as it is written.
pub fn frame_of(body: &[u8]) -> Vec<u8> {
    let mut frame = format!("Content-Length: {}\r\n\r\n", body.len()).into_bytes();
    frame.extend_from_slice(body);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The frames in `bytes`, which are the same in whatever pieces they come.
    fn frames(bytes: &[u8]) -> Vec<Frame> {
        let [whole, pieces] = [bytes.len(), 1].map(|size| {
            let mut frames = Frames::default();
            let mut found = Vec::new();
            for piece in bytes.chunks(size) {
                frames.add(piece);
                found.extend(std::iter::from_fn(|| frames.next()));
            }
            found
        });
        assert_eq!(whole, pieces);
        whole
    }

    #[test]
    fn what_is_written_is_read_again() {
        let bytes = [frame_of(b"{}"), frame_of("\"😀\"".as_bytes())].concat();
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
    fn a_body_cut_short_is_no_frame() {
        assert_eq!(frames(b"Content-Length: 5\r\n\r\n{}"), []);
        assert_eq!(
            frames(b"Content-Length: 0\r\n\r\n"),
            [Frame::Body(Vec::new())]
        );
    }

    #[test]
    fn what_is_too_long_is_read_past_and_not_held() {
        let mut frames = Frames::default();
        frames.add(
            format!(
                "x: {}\nContent-Length: {}\n\n",
                "y".repeat(9000),
                LONGEST_BODY + 9
            )
            .as_bytes(),
        );
        let piece = vec![b'{'; 1 << 20];
        for _ in 0..LONGEST_BODY >> 20 {
            frames.add(&piece);
            assert_eq!(frames.next(), None);
            assert!(frames.bytes.capacity() < 4 << 20);
        }
        frames.add(b"{}{}{}{}{");
        assert_eq!(frames.next(), Some(Frame::Bad("message too long")));
        frames.add(b"Content-Length: 1\n\n7");
        assert_eq!(frames.next(), Some(Frame::Body(b"7".to_vec())));
    }
}
