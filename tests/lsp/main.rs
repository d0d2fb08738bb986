//! The language server as editors meet it: the real binary over standard input and output, played by a small client
//! with the capabilities of each editor.

#[allow(dead_code)]
mod client;
mod encodings;
#[path = "../ordinary_user/mod.rs"]
#[allow(dead_code)]
mod ordinary_user;
mod parts;
mod runs;
mod server;
mod session;
