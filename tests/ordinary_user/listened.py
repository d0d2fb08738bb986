"""Runs a program below a filter with a listener, as containers and some virtual machines do. The filter asks about the calls
whose numbers are given, and the listener lets all of them be made; so it changes nothing, but that it is there.

    python3 -c SCRIPT NUMBERS PROGRAM ARGUMENTS...        (numbers with commas between them, or `none`)
"""

import ctypes, os, platform, struct, sys, threading

ALLOW, ASK = 0x7FFF0000, 0x7FC00000
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS, SET_MODE_FILTER, NEW_LISTENER = 1, 38, 1, 1 << 3
RECEIVE, SEND, CONTINUE = 0xC0502100, 0xC0182101, 1
SECCOMP = {"x86_64": 317, "aarch64": 277}[platform.machine()]

libc = ctypes.CDLL(None, use_errno=True)
numbers = [int(number) for number in sys.argv[1].split(",") if number.isdigit()]

# Load the number; return ASK for each that is listed, and ALLOW for all others.
program = struct.pack("HBBI", 0x20, 0, 0, 0)
for number in numbers:
    program += struct.pack("HBBI", 0x15, 0, 1, number) + struct.pack("HBBI", 0x06, 0, 0, ASK)
program += struct.pack("HBBI", 0x06, 0, 0, ALLOW)


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


ready, loaded = os.pipe(), os.pipe()
child = os.fork()
if child == 0:
    libc.prctl(PR_SET_PDEATHSIG, 9, 0, 0, 0)
    filter = Program(len(program) // 8, program)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    listener = libc.syscall(SECCOMP, SET_MODE_FILTER, NEW_LISTENER, ctypes.byref(filter))
    # None of these may be asked about: the parent does not have the listener yet.
    os.write(ready[1], struct.pack("i", listener))
    os.read(loaded[0], 1)
    os.execvp(sys.argv[2], sys.argv[2:])
listener = struct.unpack("i", os.read(ready[0], 4))[0]
if listener < 0:
    sys.exit("no listener")
PIDFD_OPEN, PIDFD_GETFD = 434, 438
pidfd = libc.syscall(PIDFD_OPEN, child, 0)
listener = libc.syscall(PIDFD_GETFD, pidfd, listener, 0)
if listener < 0:
    sys.exit("no listener")


def answer():
    while True:
        request = ctypes.create_string_buffer(80)
        if libc.ioctl(listener, ctypes.c_ulong(RECEIVE), request) < 0:
            continue
        (id,) = struct.unpack_from("Q", request)
        response = ctypes.create_string_buffer(struct.pack("QqiI", id, 0, 0, CONTINUE))
        libc.ioctl(listener, ctypes.c_ulong(SEND), response)


threading.Thread(target=answer, daemon=True).start()
os.write(loaded[1], b"x")
status = os.waitpid(child, 0)[1]
os._exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))
