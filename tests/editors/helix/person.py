"""What a person does in Helix with Belljar, and how the screen is read."""

import os
import re
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import picture
from terminal import COLUMNS, PATIENCE, ROWS, Terminal, message, status_line

HX = str(Path(os.environ["BELLJAR_EDITOR"], "bin", "hx"))
HOME = Path(os.environ["HOME"])
WORK = Path(os.environ["BELLJAR_WORK"])
ARTEFACTS = Path(os.environ["BELLJAR_ARTEFACTS"])
VERSION = subprocess.run([HX, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
# Helix 25.01 hands no arguments to commands, and knows nothing of the buffer in a key's command.
HAS_ARGUMENTS = VERSION >= "25.07"

ENVIRONMENT = {key: os.environ[key] for key in os.environ if key.startswith("XDG_")} | {
    "HOME": str(HOME),
    "PATH": os.environ["PATH"],
    "TMPDIR": os.environ["TMPDIR"],
    "LANG": "C.UTF-8",
    "TERM": "xterm-256color",
    "COLORTERM": "truecolor",
}

# The first words of everything that the menu of code actions can hold.
TITLES = ("Run ", "Stop ", "Show ", "Clear ", "Allow ", "Update ", "Write it")


def configure():
    """Writes Helix's two files by the printed recipe alone."""
    folder = Path(os.environ["XDG_CONFIG_HOME"], "helix")
    folder.mkdir(parents=True, exist_ok=True)
    version = [] if HAS_ARGUMENTS else ["--helix", "25.01"]
    for file in ("languages", "config"):
        with open(folder / f"{file}.toml", "ab") as out:
            subprocess.run(["belljar", "editor", "helix", *version, "--only", file], stdout=out, check=True)


@contextmanager
def helix(*files, **environment):
    """Helix with these files open, the first of them in sight."""
    log = Path(os.environ["TMPDIR"], "helix.log")
    log.unlink(missing_ok=True)
    person = Person(HX, ["-v", "--log", str(log), *files], WORK, ENVIRONMENT | environment)
    person.log = log
    try:
        yield person
    finally:
        person.close()


def at(screen, number):
    """What stands in, behind and below the line `number` of the document, up to the next line that has a number."""
    rows = []
    for row in screen.splitlines()[:-2]:
        numbered = re.match(r"^\W{0,3}\s*(\d+)(\s|$)", row)
        if numbered and rows:
            break
        if rows or numbered and int(numbered[1]) == number:
            rows.append(row.strip())
    return "\n".join(rows)


def health(language, **environment):
    """What `hx --health` says of a language."""
    return subprocess.run(
        [HX, "--health", language], env=ENVIRONMENT | environment, capture_output=True, text=True, check=True
    ).stdout


class Person(Terminal):
    """Somebody in front of Helix."""

    def shows(self, *texts, line=None):
        """Waits until all of these stand on the screen, or in and behind a line. Gives the screen and whether they do."""

        def seen(screen):
            place = screen if line is None else at(screen, line)
            return all(text in place for text in texts)

        return self.wait(seen)

    def ready(self, text):
        """Waits until the file is shown and its server answers, which the menu tells."""
        self.shows(text)
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            # A key takes away what Helix said before, so that what is said next is the answer to this question: a menu that is
            # asked for twice could come after it was closed.
            self.keys("g", "g")
            self.wait(lambda screen: "code actions" not in message(screen))
            self.keys("Space", "a")
            screen, _ = self.wait(lambda screen: entries(screen) or "code actions" in message(screen))
            if entries(screen):
                return self.dismiss()
            if "available" in screen:  # nothing can be done here, but the server has been asked
                return None
        return None

    def dismiss(self):
        """Closes whatever has popped up."""
        self.escape()
        self.wait(lambda screen: not entries(screen))

    def go(self, line):
        """Puts the cursor on a line, and nothing is selected."""
        self.command(str(line))
        self.wait(lambda screen: re.search(rf" {line}:\d+$", status_line(screen)))

    def select(self, first, last):
        """Selects whole lines."""
        self.go(first)
        self.keys(*["x"] * (last - first + 1))

    def menu(self):
        """Opens the menu of code actions, and gives its entries."""
        self.keys("Space", "a")
        screen, _ = self.wait(entries)
        return entries(screen)

    def choose(self, title, word=""):
        """Takes the entry that begins with `title` and has `word` from the menu. Gives what there was to choose from."""
        there = self.menu()
        chosen = next((at for at, entry in enumerate(there) if entry.startswith(title) and word in entry), None)
        if chosen is None:
            self.dismiss()
        else:
            self.keys(*["Down"] * chosen, "Enter")
        return there

    def menu_with(self, title, without="\n"):
        """Opens the menu until an entry begins with `title` and has nothing of `without`. Gives its entries, or none."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            there = self.menu()
            if any(entry.startswith(title) and without not in entry for entry in there):
                return there
            self.dismiss()
        return []

    def run(self, key, title):
        """Runs something by its key, or from the menu where keys cannot say what."""
        if HAS_ARGUMENTS:
            self.prefix(key)
        else:
            self.choose(title)

    def insert(self, text):
        """Types text before the cursor."""
        self.keys("i")
        self.wait(lambda screen: " INS " in screen)
        self.type(text)
        self.escape()
        self.wait(lambda screen: " NOR " in screen)

    def hovers(self, *texts):
        """Whether the popup at the cursor has these texts."""
        self.keys("Space", "k")
        screen, done = self.shows(*texts)
        self.escape()
        self.wait(lambda now: not all(text in now for text in texts))
        return screen, done

    def prefix(self, key):
        """One of the keys of the printed configuration."""
        self.keys("Space", "Space", key)

    def picture(self, name):
        """Keeps the screen as it is now."""
        picture.take(self, COLUMNS, ROWS, ARTEFACTS / f"{name}.png")


def entries(screen):
    """The entries of an open menu, from above."""
    rows = screen.splitlines()
    columns = {row.find(title) for row in rows for title in TITLES if "sandbox" in row and title in row}
    for column in sorted(columns):
        found = [row[column:].strip() for row in rows if row[column:].startswith(TITLES)]
        if found:
            return found
    return []
