//! Turns bytes that come in parts into text.

/// Holds what is missing of a character until its other bytes come.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    pending: Vec<u8>,
}

/// A part of the text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    /// As it was written.
    Text(&'a str),
    /// Bytes that are no text stood here.
    Broken,
}

impl Decoder {
    /// Takes in bytes and gives out what they complete.
    pub fn push(&mut self, bytes: &[u8], mut take: impl FnMut(Part<'_>)) {
        let mut joined = std::mem::take(&mut self.pending);
        let mut rest = if joined.is_empty() {
            bytes
        } else {
            joined.extend_from_slice(bytes);
            &joined[..]
        };
        while !rest.is_empty() {
            match std::str::from_utf8(rest) {
                Ok(text) => return take(Part::Text(text)),
                Err(error) => {
                    let (valid, broken) = rest.split_at(error.valid_up_to());
                    take(Part::Text(std::str::from_utf8(valid).unwrap_or_default()));
                    let Some(length) = error.error_len() else {
                        // The character may be completed by what comes next.
                        self.pending = broken.to_vec();
                        return;
                    };
                    take(Part::Broken);
                    rest = &broken[length..];
                }
            }
        }
    }

    /// Gives up on what is missing. Whether something was.
    pub fn flush(&mut self) -> bool {
        !std::mem::take(&mut self.pending).is_empty()
    }
}
