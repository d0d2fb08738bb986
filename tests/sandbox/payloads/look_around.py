"""Tells what a program finds around itself, then waits for the end of its input if the first argument is `wait`."""
import fcntl
import json
import os
import sys


def is_open(number):
    try:
        fcntl.fcntl(number, fcntl.F_GETFD)
        return True
    except OSError:
        return False


def status():
    lines = open("/proc/self/status").read().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


spaces = "/proc/self/ns"
stat = open("/proc/self/stat").read().rpartition(")")[2].split()
umask = os.umask(0)
os.umask(umask)
found = {
    "descriptors": [n for n in range(65536) if is_open(n)],
    "what they are": [os.path.basename(os.readlink(f"/proc/self/fd/{n}")).partition(":")[0] for n in range(3)],
    "environment": dict(os.environ),
    "directory": os.getcwd(),
    "umask": umask,
    "pid": os.getpid(),
    "group": os.getpgrp(),
    "session": os.getsid(0),
    "terminal": int(stat[4]),
    "nice": os.nice(0),
    "ids": [*os.getresuid(), *os.getresgid()],
    "groups": os.getgroups(),
    "host": os.uname().nodename,
    "status": status(),
    "namespaces": {name: os.readlink(f"{spaces}/{name}") for name in os.listdir(spaces)},
    "root": sorted(os.listdir("/")),
    "processes": sorted(int(name) for name in os.listdir("/proc") if name.isdigit()),
}
print(json.dumps(found), flush=True)
if sys.argv[1:2] == ["wait"]:
    sys.stdin.read()
