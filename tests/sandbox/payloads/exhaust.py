"""Takes more and more of something (the argument) until the kernel says no, and tells what it said, after how many."""
import errno
import os
import sys
import threading
import time


def processes():
    if os.fork() == 0:
        time.sleep(20)
        os._exit(0)


def threads():
    threading.Thread(target=time.sleep, args=(20,), daemon=True).start()


def files():
    os.open("/dev/null", os.O_RDONLY)


def space(folder):
    file = os.open(folder + "/large", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    try:
        if os.write(file, b"x" * 65536) < 65536:
            os.write(file, b"x")
    finally:
        os.close(file)


kind = sys.argv[1]
once = {"processes": processes, "threads": threads, "files": files}.get(kind, lambda: space(kind))
taken = 0
try:
    while taken < 400:
        once()
        taken += 1
    said = "nothing"
except OSError as error:
    said = errno.errorcode[error.errno]
except RuntimeError:
    said = "EAGAIN"
print(said, taken, flush=True)
# It goes on for a moment, as a program does that was told no.
time.sleep(0.3)
os._exit(0)
