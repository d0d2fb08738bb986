"""Helix in a terminal of its own, as a person has it: keys go in, and the screen is read until it shows what is waited for."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

PATIENCE = float(os.environ.get("BELLJAR_PATIENCE_MS", "60000")) / 1000
COLUMNS, ROWS = 120, 34


def message(screen):
    """The last row, where the prompt and messages stand."""
    return screen.splitlines()[-1].strip()


def status_line(screen):
    """The row above it, with the mode, the buffer's name and the place of the cursor."""
    return screen.splitlines()[-2].strip()


class Terminal:
    """One Helix, in a tmux server that nobody else has."""

    def __init__(self, hx, arguments, cwd, environment, columns=COLUMNS, rows=ROWS):
        self.folder = Path(tempfile.mkdtemp(prefix="belljar-hx-"))
        self.socket = self.folder / "tmux"
        self.marked = ""
        words = ["env", "-i", *(f"{key}={value}" for key, value in environment.items()), hx, *arguments]
        self.tmux(
            "-f", "/dev/null", "new-session", "-d", "-s", "hx", "-x", str(columns), "-y", str(rows), "-c", str(cwd), *words,
            ";", "set", "-g", "status", "off", ";", "set", "-s", "escape-time", "0", ";", "set", "-g", "remain-on-exit", "on",
        )
        self.server = int(self.tmux("display-message", "-p", "-t", "hx", "#{pid}").strip())

    def tmux(self, *words):
        done = subprocess.run(
            ["tmux", "-S", str(self.socket), *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"tmux {words}: {done.stderr.strip()}")
        return done.stdout

    def screen(self):
        return self.tmux("capture-pane", "-p", "-t", "hx")

    def keys(self, *keys):
        """Presses keys, by tmux's names for them."""
        self.tmux("send-keys", "-t", "hx", *keys)

    def escape(self):
        """Presses Escape, as terminals send it that tell keys apart: what comes together with its old byte would be an Alt."""
        self.type("\x1b[27u")

    def type(self, text):
        self.tmux("send-keys", "-t", "hx", "-l", text)

    def wait(self, condition, patience=PATIENCE):
        """Waits until `condition` of the screen is true. Gives the last screen that was seen, and whether it is."""
        end = time.monotonic() + patience
        while True:
            screen = self.screen()
            if condition(screen):
                return screen, True
            if time.monotonic() > end:
                return screen, False
            time.sleep(0.02)  # between two looks

    def command(self, line):
        """Types a line at the prompt, and waits until the prompt has closed behind it."""
        self.type(":" + line)
        self.wait(lambda screen: ":" + line in message(screen))
        self.keys("Enter")
        self.wait(lambda screen: not message(screen).startswith(":"))

    def processes(self):
        """Helix and whatever it has started, as process ids."""
        children = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                pid, rest = stat.read_text().split(" ", 1)
                children.setdefault(int(rest.rsplit(")", 1)[1].split()[1]), []).append(int(pid))
            except (OSError, ValueError, IndexError):
                continue  # it has just ended
        found, wanted = [], [self.server]
        while wanted:
            more = children.get(wanted.pop(), [])
            found += more
            wanted += more
        return found

    def close(self):
        """Ends Helix and its terminal, and whatever it has started."""
        pids = self.processes()
        try:
            self.tmux("kill-server")
        except RuntimeError:
            pass  # it has ended by itself
        end = time.monotonic() + 10
        while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < end:
            time.sleep(0.02)
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        shutil.rmtree(self.folder, ignore_errors=True)
