//! Threads that wait, and their numbers.

use super::*;

#[test]
fn a_thread_that_waits_is_seen_in_its_call() {
    let (mut reader, writer) = io::pipe().unwrap();
    let (tell, told) = channel();
    let waits = std::thread::spawn(move || {
        tell.send(nix::unistd::gettid().as_raw()).unwrap();
        let _ = reader.read(&mut [0; 7]);
    });
    let thread = told.recv().unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    // SYS_read is 0 on x86_64 and 63 on aarch64; its third argument is how much.
    let call = loop {
        match call_of(thread) {
            Some(call) if call.arguments[2] == 7 => break call,
            _ => assert!(std::time::Instant::now() < deadline, "it never waits"),
        }
    };
    assert_eq!(call.thread, thread);
    drop(writer);
    waits.join().unwrap();
    assert_eq!(
        own_number(std::process::id() as i32),
        Some(std::process::id())
    );
}

#[test]
fn a_number_is_translated_as_the_kernel_prints_it() {
    let numbers: OwnedFd = fs::File::open("/proc/self/ns/pid").unwrap().into();
    let me = std::process::id();
    match belljar_sys::thread_of(numbers.as_fd(), me) {
        Ok(thread) => assert_eq!(thread, me as i32),
        Err(error) => assert_eq!(error.raw_os_error(), Some(Errno::ENOTTY as i32)),
    }
    assert!(belljar_sys::thread_of(numbers.as_fd(), u32::MAX).is_err());
}
