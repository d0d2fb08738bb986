"""Takes memory of the kind (first argument) and size in MiB (second) that it is told, holds it, says `held`, and stays
until it is ended, or for a while."""
import ctypes
import mmap
import os
import sys
import time

kind, size = sys.argv[1], int(sys.argv[2]) << 20
libc = ctypes.CDLL(None, use_errno=True)
chunk = b"x" * (1 << 20)
kept = []


def fill(descriptor):
    for _ in range(size >> 20):
        os.write(descriptor, chunk)


def file_in(folder):
    kept.append(os.open(folder + "/large", os.O_CREAT | os.O_RDWR, 0o600))
    fill(kept[0])


def anonymous(flags):
    memory = mmap.mmap(-1, size, flags)
    for at in range(0, size, 1 << 20):
        memory[at:at + (1 << 20)] = chunk
    kept.append(memory)


def system_v():
    libc.shmat.restype = ctypes.c_void_p
    block = libc.shmget(0, ctypes.c_size_t(size), 0o1600)
    address = libc.shmat(block, None, 0)
    ctypes.memset(address, 1, size)
    libc.shmdt(ctypes.c_void_p(address))


def mapped(descriptor):
    """What is seen through a mapping is no second copy."""
    fill(descriptor)
    memory = mmap.mmap(descriptor, size)
    for at in range(0, size, 4096):
        memory[at] = 1
    kept.append(memory)


def attached():
    libc.shmat.restype = ctypes.c_void_p
    address = libc.shmat(libc.shmget(0, ctypes.c_size_t(size), 0o1600), None, 0)
    ctypes.memset(address, 1, size)


def memory_file():
    kept.append(os.memfd_create("large"))
    fill(kept[0])


def nameless():
    """By a process whose name is no text."""
    libc.prctl(15, b"\xff) R \xfe\n", 0, 0, 0)
    anonymous(mmap.MAP_PRIVATE)


def children():
    """Two processes with half of it each."""
    global size
    size //= 2
    if os.fork() == 0:
        anonymous(mmap.MAP_PRIVATE)
        time.sleep(5)
        os._exit(0)
    anonymous(mmap.MAP_PRIVATE)


def shared_by_children():
    """Taken once, and seen by four more processes."""
    anonymous(mmap.MAP_PRIVATE)
    for _ in range(4):
        if os.fork() == 0:
            time.sleep(0.5)
            os._exit(0)


{
    "private": lambda: anonymous(mmap.MAP_PRIVATE),
    "nameless": nameless,
    "shared": lambda: anonymous(mmap.MAP_SHARED),
    "/tmp": lambda: file_in("/tmp"),
    "/dev/shm": lambda: file_in("/dev/shm"),
    "home": lambda: file_in(os.environ["HOME"]),
    "project": lambda: file_in("."),
    "memory file": memory_file,
    "system v": system_v,
    "mapped /dev/shm": lambda: mapped(os.open("/dev/shm/mapped", os.O_CREAT | os.O_RDWR, 0o600)),
    "mapped memory file": lambda: mapped(os.memfd_create("mapped")),
    "attached": attached,
    "children": children,
    "shared by children": shared_by_children,
}[kind]()
print("held", flush=True)
# Long enough for whoever holds limits to look; a run that is not ended says so.
time.sleep(0.25 if len(sys.argv) > 3 else 5)
print("not ended", flush=True)
