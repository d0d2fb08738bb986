"""Starts processes that want to outlive everything: each in a session of its own, an orphan, deaf to signals. Says
`ready` when all are there, and ticks. The arguments are only there to be found by."""
import os
import signal
import sys
import time

CHILDREN = 6


def stay():
    for number in set(range(1, 65)) - {32, 33, signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}:
        signal.signal(number, signal.SIG_IGN)


reader, writer = os.pipe()
stay()
for _ in range(CHILDREN):
    if os.fork() == 0:
        os.setsid()
        if os.fork() != 0:
            os._exit(0)
        os.write(writer, b"x")
        while True:
            time.sleep(1)
there = 0
while there < CHILDREN:
    there += len(os.read(reader, CHILDREN))
print("ready", flush=True)
try:
    while True:
        time.sleep(0.02)
        print("tick", flush=True)
except OSError:
    # Nobody reads; that is no reason for this one to go.
    while True:
        time.sleep(1)
