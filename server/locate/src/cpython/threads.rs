//! Which of the interpreter's threads is the one that the kernel holds.

use std::time::{Duration, Instant};

use super::layout::Layout;
use super::objects::{piece, pointer_in, word_in};
use crate::memory::Memory;
use crate::process::{Process, own_id, parent_of, rest_of, stand_of, threads_of};

/// More interpreters or threads than this are not looked through.
const MOST_INTERPRETERS: usize = 64;
const MOST_THREADS: usize = 4096;
/// So long the first thread is waited for, where it is the one that counts.
const PATIENCE: Duration = Duration::from_millis(2);

/// One thread, as the interpreter knows it.
#[derive(Clone, Debug)]
pub(super) struct Thread {
    /// Where its state lies.
    pub state: u64,
    /// What `pthread_self` gave it: an address just above its stack.
    id: u64,
    /// Its id as the kernel gave it to the program.
    native: Option<u64>,
}

impl Layout {
    /// All threads that the interpreter at `runtime` has, the newest first. One that is about to start still has the numbers of
    /// the one that starts it, which comes later.
    pub fn threads(&self, memory: &impl Memory, runtime: u64) -> Vec<Thread> {
        let mut threads = Vec::new();
        let mut next = field(memory, runtime, self.interpreters);
        for _ in 0..MOST_INTERPRETERS {
            let Some(interpreter) = next else { break };
            self.threads_in(memory, interpreter, &mut threads);
            next = field(memory, interpreter, self.next_interpreter);
        }
        threads
    }

    fn threads_in(&self, memory: &impl Memory, interpreter: u64, threads: &mut Vec<Thread>) {
        let fields = [
            self.next_thread,
            self.interpreter_of_thread,
            self.thread_id,
            self.native_thread_id.unwrap_or(0),
        ];
        let length = fields.into_iter().max().unwrap_or(0) + 8;
        let mut next = field(memory, interpreter, self.threads);
        while let Some(state) = next {
            let Some(head) = piece(memory, state, length) else {
                return;
            };
            // Each thread names the interpreter that it belongs to: if not, this is none.
            if word_in(&head, self.interpreter_of_thread) != Some(interpreter)
                || threads.len() >= MOST_THREADS
            {
                return;
            }
            threads.push(Thread {
                state,
                id: word_in(&head, self.thread_id).unwrap_or(0),
                native: self
                    .native_thread_id
                    .and_then(|offset| word_in(&head, offset)),
            });
            next = pointer_in(&head, self.next_thread);
        }
    }

    /// The state of `thread`, or of the one whose memory and place it has borrowed.
    pub fn state_of(&self, process: &Process, runtime: u64, thread: i32) -> Option<u64> {
        let memory = process.memory();
        let threads = self.threads(&memory, runtime);
        let found = if self.native_thread_id.is_some() {
            by_number(&threads, thread)
        } else {
            self.by_stack(process, runtime, &threads, thread)
        };
        found
            .or_else(|| {
                // After fork there is one thread, which some versions still know by its number in the parent. This comes
                // before a look at the parent, which may be making another child by now.
                let is_alone = threads_of(process.pid).len() == 1;
                match threads.as_slice() {
                    [only] if is_alone => Some(only.state),
                    _ => None,
                }
            })
            .or_else(|| {
                // Between vfork and execve a child runs in its parent's memory, and the parent's thread waits.
                let waiting = waits_for_child(process.pid, thread)?;
                if self.native_thread_id.is_some() {
                    by_number(&threads, waiting)
                } else {
                    let parent = Process::look(parent_of(process.pid)?)?;
                    self.by_stack(&parent, runtime, &threads, waiting)
                }
            })
    }

    /// The state of the first thread, if it stands in a call of the kernel.
    pub fn main_state(&self, process: &Process, runtime: u64) -> Option<u64> {
        // It may still be on its way there.
        let deadline = Instant::now() + PATIENCE;
        while stand_of(process.pid).is_none_or(|stand| stand.call < 0) {
            if Instant::now() >= deadline {
                return None;
            }
            std::thread::yield_now();
        }
        let memory = process.memory();
        let threads = self.threads(&memory, runtime);
        match self.main_thread {
            Some(offset) => {
                let main = field(&memory, runtime, offset);
                let is_main = |thread: &&Thread| Some(thread.id) == main;
                threads.iter().rfind(is_main).map(|thread| thread.state)
            }
            None => by_number(&threads, process.pid),
        }
    }

    /// Without numbers: the thread whose description lies in the same piece of memory as the stack, which is where the
    /// C library puts it; the first thread's stack is the kernel's.
    fn by_stack(
        &self,
        process: &Process,
        runtime: u64,
        threads: &[Thread],
        thread: i32,
    ) -> Option<u64> {
        let sp = rest_of(thread)?.sp;
        let main = field(&process.memory(), runtime, self.main_thread?);
        let found = |process: &Process| {
            let stack = process.mapping_at(sp)?;
            if stack.path.as_os_str() == "[stack]" {
                let is_main = |thread: &&Thread| Some(thread.id) == main;
                return threads.iter().rfind(is_main).map(|thread| thread.state);
            }
            let is_inside = |thread: &&Thread| (sp..stack.end).contains(&thread.id);
            threads.iter().rfind(is_inside).map(|thread| thread.state)
        };
        // Threads come after the start: if the stack is not known yet, look again.
        found(process).or_else(|| found(&Process::look(process.pid)?))
    }
}

fn by_number(threads: &[Thread], thread: i32) -> Option<u64> {
    let number = u64::try_from(own_id(thread)?).ok()?;
    threads
        .iter()
        .rfind(|thread| thread.native == Some(number))
        .map(|thread| thread.state)
}

fn field(memory: &impl Memory, address: u64, offset: usize) -> Option<u64> {
    memory.pointer(address.checked_add(offset as u64)?)
}

/// The thread of the parent of `pid` that stands still until `pid` executes a program or ends. If there are several,
/// the one whose stack `thread` is nearest to.
fn waits_for_child(pid: i32, thread: i32) -> Option<i32> {
    let sp = rest_of(thread)?.sp;
    threads_of(parent_of(pid)?)
        .into_iter()
        .filter_map(|task| {
            let stand = stand_of(task)?;
            FORKING
                .contains(&stand.call)
                .then_some((stand.sp.abs_diff(sp), task))
        })
        .min()
        .map(|(_, task)| task)
}

/// clone, clone3 and vfork: a thread is seen in one only while it waits for the child to let go of its memory.
#[cfg(target_arch = "x86_64")]
const FORKING: &[i64] = &[56, 435, 58];
#[cfg(not(target_arch = "x86_64"))]
const FORKING: &[i64] = &[220, 435];
