//! What the system says of an error, as a person reads it.

use std::io;

/// Without the number that nobody reads, and what comes after it: mostly a path of ours.
pub fn words(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut characters = text.chars();
    characters.next().map_or(String::new(), |first| {
        first.to_lowercase().chain(characters).collect()
    })
}
