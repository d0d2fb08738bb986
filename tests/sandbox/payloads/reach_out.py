"""Tries to reach what lies in a folder (the first argument) other than plain files, and tells what each attempt gave."""
import errno
import json
import os
import socket
import sys

folder = sys.argv[1]


def attempt(what):
    try:
        return what()
    except OSError as error:
        return errno.errorcode[error.errno]


def connect():
    with socket.socket(socket.AF_UNIX) as one:
        one.connect(folder + "/stream.sock")
        return "reached"


def send():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
        one.sendto(b"x", folder + "/datagram.sock")
        return "reached"


def give():
    pipe = os.open(folder + "/given.fifo", os.O_WRONLY | os.O_NONBLOCK)
    os.write(pipe, b"x")
    return "reached"


def take():
    pipe = os.open(folder + "/taken.fifo", os.O_RDONLY | os.O_NONBLOCK)
    return os.read(pipe, 100).decode() or "nothing"


def write():
    with open(folder + "/notes.txt", "a") as notes:
        notes.write("changed")
    return "wrote"


def read(name):
    with open(folder + "/" + name) as file:
        return file.read()


print(json.dumps({
    "connect": attempt(connect),
    "send": attempt(send),
    "give": attempt(give),
    "take": attempt(take),
    "write": attempt(write),
    "notes": attempt(lambda: read("notes.txt")),
    "hidden": attempt(lambda: read(".env")),
    "hidden below": attempt(lambda: read("below/.aws/credentials")),
}))
