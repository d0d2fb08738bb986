//! Tests of reading Ruby from outside: real interpreters that stand still, and memory full of noise.

use proptest::prelude::*;

use crate::frame::Certainty::{Caller, Exact};
use crate::noise::{BASE, noise};
use crate::standing::{Standing, check, is_there};

use super::*;

#[test]
fn a_call_of_a_script_is_on_its_line() {
    let script = "File.open('PIPE')\n\
                  def reads(x)\n  y = 1\n  File.read(x)\nend\n\
                  reads('PIPE')\n\
                  [1, 2].each do |n|\n\n  reads('PIPE') if n == 1\n  IO.readlines('PIPE') if n == 2\nend\n\
                  begin\n  File.read('PIPE')\n  raise 'x'\nrescue StandardError\n  `cat PIPE`\nend\n\
                  system('cat PIPE')\n\
                  fork { File.read('PIPE') }\nProcess.wait\n\
                  at_exit { File.read('PIPE') }\n";
    let lines = [1, 4, 4, 10, 13, 16, 18, 19, 21].map(|line| (line, Exact));
    check("ruby", &[("a.rb", script)], &lines);
}

#[test]
fn a_line_far_down_in_a_long_method_is_found() {
    let filler = "x = x + 1\n".repeat(700);
    let script = format!("x = 1\n{filler}File.open('PIPE')\n{filler}\n\nFile.open('PIPE')\n");
    check("ruby", &[("a.rb", &script)], &[(702, Exact), (1405, Exact)]);
}

#[test]
fn a_thread_and_a_fiber_are_on_their_own_lines() {
    let script = "t = Thread.new do\n  File.read('PIPE')\nend\nt.join\n\
                  f = Fiber.new do\n  File.read('PIPE')\n  Fiber.yield\n  File.read('PIPE')\nend\n\
                  f.resume\nFile.read('PIPE')\nf.resume\n\
                  e = Enumerator.new { |y| y << File.read('PIPE') }\ne.next\nFile.read('PIPE')\n";
    let lines = [2, 6, 11, 8, 13, 15].map(|line| (line, Exact));
    check("ruby", &[("a.rb", script)], &lines);
}

/// Since 3.3 names are resolved in a thread without Ruby, which opens the file of this variable.
#[test]
fn a_name_is_resolved_for_the_line_that_waits_for_it() {
    let script = "require 'socket'\nENV['HOSTALIASES'] = 'PIPE'\nt = Thread.new do\n  begin\n    \
                  Addrinfo.getaddrinfo('nosuchname', 80)\n  rescue SocketError\n  end\nend\nt.join\n";
    if !is_there("ruby") {
        return;
    }
    let mut script = Standing::start("ruby", &[("a.rb", script)]);
    let thread = script.stop();
    let place = script.place(thread);
    assert_eq!(place.line, Some(5));
}

#[test]
fn a_call_of_a_library_is_on_the_line_that_called_it() {
    let library =
        "module Lib\n  def self.run\n    File.read('PIPE')\n  end\nend\nFile.read('PIPE')\n";
    let script = "\nrequire_relative 'lib'\n\nLib.run\n[1].map do\n  Lib.run\nend\neval(\"\\n\\nFile.read('PIPE')\")\n";
    let files = [("a.rb", script), ("lib.rb", library)];
    let lines = [2, 4, 6, 8].map(|line| (line, Caller));
    check("ruby", &files, &lines);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_memory_is_too_strange(memory in noise()) {
        let stack = Stack { start: BASE - 0x8000, bytes: memory.bytes().to_vec() };
        for layout in &LAYOUTS {
            let ruby = Ruby { layout };
            let found = ruby.read(&memory, &stack, |_| true);
            prop_assert!(found.unwrap_or_default().len() <= DEEPEST);
            prop_assert!(memory.reads() < 100_000);
            for at in (BASE..BASE + memory.size()).step_by(104) {
                let _ = ruby.place(&memory, at, at + 64);
                let _ = ruby.line(&memory, memory.bytes(), at);
                let _ = ruby.file(&memory, at);
                let _ = rank(&memory, at, at);
            }
        }
    }
}
