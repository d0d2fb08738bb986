//! What the kernel says of a thread without a file having to be read.

use libc::pid_t;

/// Whether `thread` is the first one of its process, by whose number the process is known.
pub fn is_first_of_process(thread: pid_t) -> bool {
    // SAFETY: no pointers; signal 0 is none.
    let found = unsafe { libc::syscall(libc::SYS_tgkill, thread, thread, 0) };
    // Whom we may not signal is there too; of another process's thread the kernel says ESRCH.
    found == 0 || std::io::Error::last_os_error().raw_os_error() == Some(libc::EPERM)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_thread_of_a_process_has_its_number() {
        let own = || {
            // SAFETY: no pointers.
            unsafe { libc::syscall(libc::SYS_gettid) as pid_t }
        };
        let process = std::process::id() as pid_t;
        let other = std::thread::spawn(move || (own(), is_first_of_process(own())));
        let (thread, is_first) = other.join().expect("a thread");
        assert!(thread != process && !is_first);
        assert!(is_first_of_process(process) && is_first_of_process(1));
        assert!(!is_first_of_process(-1) && !is_first_of_process(0));
    }
}
