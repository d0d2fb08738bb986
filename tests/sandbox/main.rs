//! The sandbox as a run meets it, through the real binary: what each failing step, limit and signal ends in, and what a
//! program finds around itself. As whoever runs the tests; if that is root, as an ordinary user too.

#[path = "../lsp/client.rs"]
#[allow(dead_code)]
mod client;
mod compiled;
mod faults;
mod kept;
mod lifetime;
mod limits;
mod long_service;
mod neighbours;
mod noticing;
#[path = "../ordinary_user/mod.rs"]
#[allow(dead_code)]
mod ordinary_user;
mod other_ways;
mod person;
mod posture;
#[path = "../lsp/server.rs"]
#[allow(dead_code)]
mod server;
mod stub;
mod surroundings;
mod traced;
