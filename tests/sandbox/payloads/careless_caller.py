"""Starts a command (the arguments) as a careless program would: with its own descriptors open, signals blocked and
ignored, a strange umask, a terminal and a secret in the environment."""
import ctypes
import os
import pty
import signal
import sys

os.umask(0o077)
os.environ["SECRET_TOKEN"] = "only the caller may know"
os.environ["LD_PRELOAD_FOR_TEST"] = "none"
os.environ["TZ"] = "UTC"
everything = set(range(1, 65)) - {32, 33, signal.SIGKILL, signal.SIGSTOP}
# A parent that ignores the end of its children is another matter: then nobody can wait for them.
for number in everything - {signal.SIGCHLD}:
    signal.signal(number, signal.SIG_IGN)
# The C library keeps these two for itself; but who starts programs by posix_spawn leaves one of them ignored.
libc = ctypes.CDLL(None)
for number in (32, 33):
    ignore = (ctypes.c_ulong * 4)(1, 0, 0, 0)
    call = {"x86_64": 13, "aarch64": 134}[os.uname().machine]
    assert libc.syscall(call, number, ctypes.byref(ignore), None, 8) == 0
signal.pthread_sigmask(signal.SIG_BLOCK, everything)
for number in (3, 9, 10, 11, 77, 200):
    source = os.open("/etc/passwd", os.O_RDONLY)
    if source == number:
        os.set_inheritable(number, True)
    else:
        os.dup2(source, number, inheritable=True)
        os.close(source)
os.nice(5)

# Output goes where ours goes, and the terminal is only the one that controls the session.
kept = os.dup(1)
os.set_inheritable(kept, True)
child, terminal = pty.fork()
if child == 0:
    os.dup2(kept, 1)
    os.execvp(sys.argv[1], sys.argv[1:])
status = os.waitpid(child, 0)[1]
sys.exit(os.waitstatus_to_exitcode(status))
