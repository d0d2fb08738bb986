"""Leaves its mark wherever programs could meet, says `ready`, and when its input ends tells whose marks it sees. The
first argument names everybody's marks, the second its own; with two of its own there are two of it."""
import ctypes
import json
import os
import socket
import sys

libc = ctypes.CDLL(None, use_errno=True)
KEY = 0x42656C6C


def leave(mark):
    for folder in ("/tmp", "/dev/shm", os.environ["HOME"], "."):
        with open(f"{folder}/neighbour-{mark}", "w") as file:
            file.write(mark)
    hole = socket.socket(socket.AF_UNIX)
    hole.bind(f"\0neighbour-{mark}")
    hole.listen()
    port = socket.socket()
    try:
        port.bind(("127.0.0.1", 4711))
        port.listen()
    except OSError:
        pass
    shared = libc.shmget(KEY, 4096, 0o1600)
    return hole, port, shared


def look(marks):
    def reaches(name):
        try:
            with socket.socket(socket.AF_UNIX) as one:
                one.connect(f"\0neighbour-{name}")
                return True
        except OSError:
            return False

    seen = {
        "processes": len([name for name in os.listdir("/proc") if name.isdigit()]),
        "abstract": [name for name in marks if reaches(name)],
        "shared memory": len(open("/proc/sysvipc/shm").read().splitlines()) - 1,
    }
    for folder in ("/tmp", "/dev/shm", os.environ["HOME"], "."):
        names = [name for name in os.listdir(folder) if name.startswith("neighbour-")]
        seen[folder] = sorted(name.removeprefix("neighbour-") for name in names)
    return seen


marks = sys.argv[1].split(",")
mine = sys.argv[2].split(",")
kept = [leave(mark) for mark in mine]
reader, writer = os.pipe()
for _ in mine[1:]:
    if os.fork() == 0:
        # Until the first process has looked, and ends.
        os.close(writer)
        os.read(reader, 1)
        os._exit(0)
print("ready", flush=True)
sys.stdin.read()
print(json.dumps(look(marks)), flush=True)
