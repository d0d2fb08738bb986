//! Tests of reading Lua from outside: real interpreters that stand still, and memory full of noise.

use proptest::prelude::*;

use crate::frame::Certainty::{Caller, Exact};
use crate::noise::{BASE, noise};
use crate::standing::{Standing, check, is_installed, is_there};

use super::*;

/// The versions that are here; without any, the one that is asked for.
fn versions() -> Vec<&'static str> {
    let all = ["lua5.4", "lua5.3", "lua5.2", "lua5.1"];
    let found: Vec<_> = all.into_iter().filter(|name| is_installed(name)).collect();
    if found.is_empty() {
        vec![all[0]]
    } else {
        found
    }
}

#[test]
fn a_call_of_a_script_is_on_its_line() {
    let script = "local f = io.open('PIPE')\n\
                  local function reads(x)\n  local y = 1\n  local f = io.open(x)\n  return f\nend\n\
                  reads('PIPE')\n\
                  pcall(function()\n  reads('PIPE')\n  error('x')\nend)\n\
                  for i = 1, 3 do\n\n  if i == 2 then io.lines(\n 'PIPE') end\nend\n\
                  os.execute('cat PIPE')\n\
                  io.popen('cat PIPE'):read('*a')\n";
    let lines = [1, 4, 4, 14, 17, 18].map(|line| (line, Exact));
    for version in versions() {
        check(version, &[("a.lua", script)], &lines);
    }
}

#[test]
fn a_line_far_down_in_a_long_function_is_found() {
    let filler = "x = x + 1\n".repeat(1000);
    let gap = "\n".repeat(300);
    let script = format!("local x = 1\n{filler}{gap}io.open('PIPE')\n{filler}io.open('PIPE')\n");
    for version in versions() {
        check(
            version,
            &[("a.lua", &script)],
            &[(1302, Exact), (2303, Exact)],
        );
    }
}

#[test]
fn a_coroutine_is_on_its_own_line() {
    let script = "local function work()\n  coroutine.yield()\n  io.open('PIPE')\n  coroutine.yield()\nend\n\
                  local c, d = coroutine.create(work), coroutine.wrap(work)\n\
                  coroutine.resume(c)\nd()\ncoroutine.resume(c)\n\
                  io.open('PIPE')\nd()\n";
    for version in versions() {
        let lines = [3, 10, 3].map(|line| (line, Exact));
        check(version, &[("a.lua", script)], &lines);
    }
}

#[test]
fn a_call_of_a_module_is_on_the_line_that_called_it() {
    let module =
        "local m = {}\nfunction m.run()\n  local f = io.open('PIPE')\n  return f\nend\nreturn m\n";
    let script = "package.path = 'HERE/?.lua'\nlocal m = require('m')\n\nm.run()\n\
                  string.gsub('a', 'a', function()\n  m.run()\nend)\n";
    for version in versions() {
        let files = [("a.lua", script), ("m.lua", module)];
        check(version, &files, &[(4, Caller), (6, Caller)]);
    }
}

#[test]
fn a_loop_that_is_stopped_is_known_by_its_lines() {
    let script = "local x = 1\nio.open('PIPE')\nlocal function spin()\n  local y = x\n\n  while true do\n    for i = 1, 2 do\n      \
                  x = x * 3 % 7\n    end\n  end\nend\n";
    let calls = [("spin()\n", 6..=9), ("while x do\n  x = 2\nend\n", 12..=14)];
    for (call, lines) in calls {
        for version in versions().into_iter().filter(|version| is_there(version)) {
            let script = format!("{script}{call}");
            let mut script = Standing::start(version, &[("a.lua", &script)]);
            script.stop();
            script.go_on();
            let line = script.stopped_place().line.unwrap_or(0);
            assert!(lines.contains(&line), "{version}: {line}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_memory_is_too_strange(memory in noise()) {
        let stack = Stack { start: BASE - 0x8000, bytes: memory.bytes().to_vec() };
        for layout in &LAYOUTS {
            let lua = Lua { layout };
            let found = lua.read(&memory, &stack, |_| true);
            prop_assert!(found.unwrap_or_default().len() <= DEEPEST);
            prop_assert!(memory.reads() < 100_000);
            for at in (BASE..BASE + memory.size()).step_by(104) {
                let _ = lua.calls(&memory, at);
                let _ = lua.frame(&memory, at, at + 64, at % 16 == 0);
                let _ = relative_line(&memory, memory.bytes(), at, at % 77, (8, 16, 24));
            }
        }
    }
}
