"""What it costs that refusals are told: the same cell with its listener and without, and what one refusal waits for."""

import statistics

OPENS = """#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
int main(int count, char **words) {
    for (long left = count > 1 ? atol(words[1]) : 0; left > 0; left--) {
        int file = open("/usr/bin/env", O_RDONLY);
        if (file < 0) return 1;
        close(file);
    }
    return 0;
}
"""
HELLO = 'fn main() { println!("hello"); }\n'
IMPORTS = "import asyncio, email.mime.text, http.server, json, logging.handlers, sqlite3, subprocess, unittest, urllib.request"
REFUSED = """import statistics, time
def once():
    begun = time.perf_counter()
    try:
        open("/root/refused")
    except OSError:
        pass
    return time.perf_counter() - begun
for _ in range(20):
    once()
print(statistics.median(once() for _ in range(100)) * 1e6)
"""


def files(machine):
    """What is run, in a project below the user's home, and whether there are the tools to run it."""
    project = machine.home / "project"
    project.mkdir(mode=0o777)
    project.chmod(0o777)
    for name, text in (("opens.c", OPENS), ("hello.rs", HELLO), ("imports.py", IMPORTS), ("refused.py", REFUSED)):
        (project / name).write_text(text)
    works = lambda command: machine.run(["sh", "-c", command], capture_output=True).returncode == 0
    programs = {"python imports": ["/usr/bin/python3", "-c", IMPORTS]}
    if works("command -v node"):
        programs["node -e 0"] = ["node", "-e", "0"]
    if works("rustc --version"):
        programs["rustc hello.rs"] = ["rustc", "-o", "/tmp/hello", "hello.rs"]
    if machine.run(["gcc", "-O2", "-o", "project/opens", "project/opens.c"]).returncode == 0:
        programs["100000 opens"] = ["./opens", "100000"]
    return programs


# Each way to run the same cell, by what BELLJAR_FAIL_AT makes impossible in it.
WATCHED = {"watched": "nothing"}
# Where there is a device, also without it.
OTHERWISE = {"watched without /dev/fuse": "stub"}
# So many that what is opened counts, and not the start. Without a device they take too long to be measured often.
MANY = "1000000"


def compare(machine, name, ways, target, count, rounds, paired, ratios, row):
    """The same program each way: what it takes, by what the first of them takes."""
    found = paired(machine, ways, rounds, count)
    without = list(ways)[0]
    for way in list(ways)[1:]:
        for what, place in (("wall", 0), ("CPU", 1)):
            values = {kind: [value[place] for value in found[kind]] for kind in found}
            beside = None if way in OTHERWISE else target
            row(f"{name}: {what}, {way} / not", ratios(values[way], values[without]), beside)


def watching(machine, seat, belljar, rounds, paired, ratios, row):
    print("the same cell, watched and not")
    programs = files(machine)
    machine = seat or machine
    project = str(machine.place / "project")
    options = ["--project", project, "--limit", "wall=60s", "--limit", "cpu=60s"]
    started = lambda closed: ["/usr/bin/env", "-C", project, f"BELLJAR_FAIL_AT={closed}", belljar]
    ways = {"unwatched": "listener", **WATCHED, **(OTHERWISE if seat else {})}
    for name, program in programs.items():
        runners = {way: [*started(closed), "exec", *options, "--", *program] for way, closed in ways.items()}
        target = 1.2 if "opens" in name else 1.03
        compare(machine, name, runners, target, 2, rounds, paired, ratios, row)
    if seat and "100000 opens" in programs:
        words = ["run", *options, "opens.c", "--", MANY]
        runners = {way: [*started(ways[way]), *words] for way in ("unwatched", *WATCHED)}
        compare(machine, f"run opens.c, {MANY} opens", runners, 1.2, 1, rounds, paired, ratios, row)
    printed = {way: [*started(closed), "run", *options, "imports.py"] for way, closed in ways.items()}
    compare(machine, "run imports.py", printed, 1.03, 2, rounds, paired, ratios, row)
    added = []
    for _ in range(rounds):
        took = []
        for fail in ("listener", "nothing"):
            command = ["/usr/bin/env", f"BELLJAR_FAIL_AT={fail}", belljar, "run", f"{project}/refused.py"]
            ran = machine.run(command, capture_output=True, text=True)
            took.append(float(ran.stdout.split()[0]))
        added.append(took[1] - took[0])
    row("a refusal, told with its line: added", [statistics.median(added)], 150, " us")
