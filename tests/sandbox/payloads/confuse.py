"""Tries to mislead or to hold up whoever watches: nothing of the secret may come out, and the run must end by itself.
The first argument is the way, the second a file whose content is the secret."""
import ctypes
import os
import signal
import socket
import sys
import threading
import time

way, secret = sys.argv[1], sys.argv[2]
deadline = time.monotonic() + 1.5
libc = ctypes.CDLL(None, use_errno=True)
out = []


def say(descriptor):
    if descriptor >= 0:
        out.append(os.read(descriptor, 100))
        os.close(descriptor)


def flipped_path():
    open("/tmp/mine", "w").write("mine")
    names = [b"/tmp/mine", secret.encode()]
    buffer = ctypes.create_string_buffer(4096)
    buffer.value = names[0]

    def flip():
        while time.monotonic() < deadline:
            for name in names:
                buffer.value = name

    flipper = threading.Thread(target=flip)
    flipper.start()
    while time.monotonic() < deadline:
        say(libc.open(buffer, 0))
    flipper.join()


def swapped_directory():
    os.makedirs("/tmp/here", exist_ok=True)
    here, above = os.open("/tmp/here", 0), os.open("/", 0)
    swapped = os.dup(here)

    def swap():
        while time.monotonic() < deadline:
            os.dup2(above, swapped)
            os.dup2(here, swapped)

    swapper = threading.Thread(target=swap)
    swapper.start()
    while time.monotonic() < deadline:
        say(libc.openat(swapped, secret.lstrip("/").encode(), 0))
    swapper.join()


def killed_while_asked():
    while time.monotonic() < deadline:
        refused, tell = os.pipe()
        child = os.fork()
        if child == 0:
            while True:
                try:
                    socket.create_connection(("192.0.2.7", 443))
                except OSError:
                    os.write(tell, b"x")
        os.read(refused, 1)
        os.close(refused)
        os.close(tell)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def pipes():
    os.mkfifo("/tmp/pipe")
    for _ in range(100):
        os.close(os.open("/tmp/pipe", os.O_RDONLY | os.O_NONBLOCK))
        try:
            os.execv("/tmp/pipe", ["pipe"])
        except OSError:
            pass
        try:
            open("/tmp/pipe/below")
        except OSError:
            pass


def loops():
    os.symlink("/tmp/loop", "/tmp/loop")
    os.symlink("/tmp/b/x", "/tmp/a")
    os.symlink("/tmp/a/x", "/tmp/b")
    deep = "/tmp/" + "x/" * 2000 + "y"
    for name in ["/tmp/loop", "/tmp/loop/x", "/tmp/a", "/tmp/a/b/c", deep, "/tmp/" + "../" * 1300 + "root/x"] * 20:
        for attempt in (lambda: open(name), lambda: open(name, "w"), lambda: os.rename(name, name + "z")):
            try:
                attempt()
            except OSError:
                pass


def names():
    for number in range(5000):
        try:
            open(f"/root/{number}")
        except OSError:
            pass


def forged_messages():
    for text in ["", "v1", "v1/connect/1/1/exact/192.0.2.7:443", "v1/connect/99999999999999999999/1/exact/x",
                 "v1/file/4294967295/1/exact//etc/shadow", "v9/\x00", "v1/" + "a/" * 1900, "v1/connect/-1/-1/exact/x"]:
        for flags in (os.O_WRONLY | os.O_CREAT, os.O_RDONLY, os.O_RDWR):
            try:
                os.close(os.open("/.belljar/" + text, flags))
            except (OSError, ValueError):
                pass
    try:
        socket.create_connection(("192.0.2.7", 443))
    except OSError:
        pass


def bad_pointers():
    for address in [0, 1, 2**47 - 1, 2**47 - 5, 2**63, 2**64 - 1]:
        pointer = ctypes.c_void_p(address)
        for call in (257, 2, 82, 59, 42, 46, 307, 44, 437):
            libc.syscall(call, -100, pointer, pointer, pointer, pointer, pointer)
            libc.syscall(call, pointer, pointer, pointer, pointer, pointer, pointer)


def names_asked():
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.connect(("127.0.0.1", 53))
    head = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
    for number in range(3000):
        one.send(os.urandom(number % 600) if number % 2 else head + b"\x06" + b"%06d" % number + b"\x00\x00\x01\x00\x01")


def borrowed_name():
    # What pid 1 of a cell is called.
    libc.prctl(15, b"belljar:init", 0, 0, 0)
    try:
        os.execv(secret, ["secret"])
    except OSError:
        pass


{"flipped path": flipped_path, "swapped directory": swapped_directory, "killed while asked": killed_while_asked,
 "pipes": pipes, "loops": loops, "names": names, "forged messages": forged_messages, "bad pointers": bad_pointers,
 "names asked": names_asked, "borrowed name": borrowed_name}[way]()
print(sorted(set(out)))
