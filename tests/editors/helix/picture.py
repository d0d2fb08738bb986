"""A picture of the terminal as a person sees it: an X server that nobody sees, xterm attached to the same tmux, a screen shot."""

import os
import shutil
import subprocess
import time

PROGRAMS = ("Xvfb", "xterm", "import")


def take(terminal, columns, rows, file):
    """Takes one, where the programs for it are installed. The checks do not depend on it."""
    if not all(map(shutil.which, PROGRAMS)):
        return
    read, write = os.pipe()
    screen = ["-screen", "0", "1600x1000x24", "-nolisten", "tcp", "-displayfd", str(write)]
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    started = [subprocess.Popen(["Xvfb", *screen], pass_fds=[write], **quiet)]
    os.close(write)
    try:
        with os.fdopen(read) as number:
            display = f":{number.readline().strip()}"  # said when the server is ready
        environment = os.environ | {"DISPLAY": display}
        look = ["-fa", "DejaVu Sans Mono", "-fs", "11", "-bg", "#101010", "-fg", "#e0e0e0", "-b", "0", "+sb"]
        place = ["-geometry", f"{columns}x{rows}+0+0", "-tn", "xterm-256color"]
        attached = ["tmux", "-S", str(terminal.socket), "-T", "256,RGB", "attach", "-r", "-t", "hx"]
        started.append(subprocess.Popen(["xterm", *look, *place, "-e", *attached], env=environment, **quiet))
        shot = ["import", "-display", display, "-window", "root", "-trim", "-strip", "+repage"]
        end = time.monotonic() + 20
        last = None
        while time.monotonic() < end:
            # It is complete when it is large enough for text, and the same twice.
            taken = subprocess.run([*shot, "png:-"], env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False).stdout
            if taken == last and len(taken) > 10_000:
                file.write_bytes(taken)
                return
            last = taken
            time.sleep(0.2)
    finally:
        for process in reversed(started):
            process.kill()
            process.wait()
