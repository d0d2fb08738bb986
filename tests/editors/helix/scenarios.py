"""The scenarios, in the order in which one person would come to them. Each check names an id of scenarios.toml."""

import os
import re
import signal
import time
from datetime import datetime
from pathlib import Path

from person import HAS_ARGUMENTS, HOME, WORK, health, helix
from terminal import message, status_line

NOTEBOOK = "jupytext--text_outputs_and_images.py"


def notebook(check):
    """Somebody else's notebook: a selection, a cell, an error."""
    with helix(NOTEBOOK) as person:
        person.ready("using print")
        person.select(19, 21)
        there = person.choose("Run selection in sandbox")
        check("run-selection", "the menu begins with it", there[:1] == ["Run selection in sandbox"], there)
        screen, done = person.shows("using print", "using sys.stderr.write", "Ended well", line=21)
        check("run-selection", "what it printed stands at its last line", done, screen)
        person.go(26)
        person.run("c", "Run cell in sandbox")
        screen, done = person.shows("WARNING:root:Warning")
        check("run-cell", "the cell around the cursor runs", done, screen)
        person.go(36)
        person.run("r", "Run line in sandbox")
        screen, done = person.shows("No module named 'pandas'", line=36)
        check("error-on-line", "an error stands on its line", done, screen)


def steps(check):
    """One buffer, from its first line that runs to the last result that is taken away."""
    with helix("steps.py") as person:
        person.ready("root")
        person.go(19)
        person.run("r", "Run line in sandbox")
        screen, done = person.shows("root 4.0", line=19)
        check("run-line", "the line with the cursor runs, with the import that it needs", done, screen)
        check("run-line", "and no other line", "area 12" not in screen, screen)
        person.go(11)
        person.run("f", "Run function in sandbox")
        screen, done = person.shows("hello from the function")
        check("run-function", "the function around the cursor is called", done, screen)
        person.go(16)
        person.run("f", "Run function in sandbox")
        screen, done = person.shows("`area` needs arguments")
        check("run-function", "one that needs arguments is not run, and that is said", done, screen)

        person.go(1)
        person.prefix("a")
        screen, done = person.shows("area 12", line=22)
        check("run-file", "all of the file runs", done, screen)
        for line, text in ((6, "number 5"), (7, "done"), (19, "root 4.0")):
            screen, done = person.shows(text, line=line)
            check("output-on-line", f"`{text}` stands at line {line}, which printed it", done, screen)
        person.picture("steps")

        person.go(22)
        person.keys("g", "l", "h", "h", "r", "5")
        person.shows("area(3, 5)")
        screen, done = person.shows("The text has changed since this run", line=22)
        check("stale", "a result says that the text is no longer what ran", done, screen)
        person.prefix("Space")
        screen, done = person.shows("area 15", line=22)
        check("rerun", "the last run runs again", done, screen)
        is_saved = "area(3, 5)" in Path(WORK, "steps.py").read_text()
        check("unsaved", "what stands in the buffer ran, and the file is as it was", done and not is_saved, screen)
        person.keys("u")
        screen, done = person.wait(lambda screen: "area(3, 4)" in screen and "[+]" not in screen)
        check("unsaved", "the run has not touched the buffer either: one undo, and it is as on disk", done, screen)

        screen, done = person.hovers("Policy `default`", "Sandbox: every layer on", "number 5")
        check("status", "hover tells the policy, how strong the sandbox was, and all of the output", done, screen)

        person.prefix("o")
        screen, done = person.wait(lambda screen: ".txt" in status_line(screen) and "number 3" in screen)
        check("full-output", "all of the output opens in a buffer", done, screen)
        person.command("buffer-close")
        person.shows("def greet")

        person.go(19)
        there = person.choose("Run", "(strict)")
        person.shows("root 4.0", "Ended well", line=19)
        screen, done = person.hovers("Policy `strict`")
        check("choose-policy", "the menu runs under another policy, and hover says under which", done, f"{there}\n{screen}")
        person.prefix("p")
        if HAS_ARGUMENTS:
            person.shows("belljar.usePolicy")
            person.type('"strict"')
            person.keys("Enter")
            screen, done = person.wait(lambda screen: "Runs now have policy `strict`." in message(screen))
            check("choose-policy", "a key chooses the policy of the runs to come", done, screen)
        else:
            screen, done = person.wait(lambda screen: "There are `default`" in message(screen))
            check("choose-policy", "a key tells which policies there are", done, screen)

        person.prefix("x")
        screen, done = person.wait(lambda screen: "root 4.0" not in screen and "area 1" not in screen)
        check("clear", "the results of the buffer are taken away", done, screen)


def real_function(check):
    """Somebody else's program, that wants something to work on."""
    with helix("even_odd.py") as person:
        person.ready("def")
        person.go(9)
        person.run("f", "Run function in sandbox")
        screen, done = person.shows("Usage: please input a number")
        check("run-function", "the function of a real program is called", done, screen)


def fences(check):
    """Notes with code in them."""
    with helix("notes.md") as person:
        person.ready("Notes with code")
        for line, text in ((8, "python 120"), (15, "shell two"), (21, "javascript"), (40, "open end")):
            person.go(line)
            person.run("b", "Run block in sandbox")
            screen, done = person.shows(text, "Ended well")
            check("run-block", f"the block around line {line} runs in its own language", done, screen)
        person.go(27)
        person.run("b", "Run block in sandbox")
        screen, done = person.shows("no_such_program", "not found", line=28)
        check("error-on-line", "an error in a block of a list stands on its line of the document", done, screen)


def earlier(check):
    """A cell and a block that need the ones before them."""
    with helix("steps.py") as person:
        person.ready("root")
        person.go(22)
        person.run("c", "Run cell in sandbox")
        screen, done = person.shows("NameError", "area", line=22)
        check("run-up-to", "a cell by itself lacks what an earlier one made", done, screen)
        person.run("u", "Run up to here in sandbox")
        for line, text in ((22, "area 12"), (6, "number 5")):
            screen, done = person.shows(text, line=line)
            check("run-up-to", f"after the earlier ones it does not: `{text}` stands at line {line}", done, screen)
    with helix("notes.md") as person:
        person.ready("Notes with code")
        person.go(40)
        person.run("u", "Run up to here in sandbox")
        screen, done = person.shows("open end", "Ended well", line=40)
        check("run-up-to", "a block of Markdown runs", done, screen)
        person.go(8)
        screen, done = person.shows("python 120", line=8)
        check("run-up-to", "after the earlier ones, and none of another language", done and "shell one" not in screen, screen)


def sayings(check):
    """A program whose comments say how it is run, and what it prints."""
    with helix("says.py") as person:
        person.ready("numbers")
        person.prefix("a")
        screen, done = person.shows("sum 7 km", line=10)
        check("directives", "the program gets the arguments and the input of its comments", done, screen)
        person.go(11)
        screen, done = person.shows("Expected `double 9`, got `double 8`.", line=11)
        check("expectations", "a comment that does not hold is marked", done, screen)
        check("expectations", "and none that holds", screen.count("Expected") == 1, screen)
        there = person.choose("Update expectation")
        screen, done = person.wait(lambda screen: "# => double 8" in screen)
        check("expectations", "a quick fix writes what was printed", done, f"{there}\n{screen}")
        is_saved = "# => double 8" in Path(WORK, "says.py").read_text()
        check("expectations", "in the buffer and not in the file", done and not is_saved, screen)
        person.prefix("a")
        screen, done = person.shows("2 expectations met")
        check("expectations", "and the next run says that all hold", done and "Expected" not in screen, screen)
        person.go(2)
        person.keys("x", "c")
        person.wait(lambda screen: " INS " in screen)
        person.type("# belljar: argz --unit km\n")
        person.escape()
        person.wait(lambda screen: " NOR " in screen)
        person.prefix("a")
        screen, done = person.shows("`argz` is nothing that a document can say", line=2)
        check("directives", "a word that is not known is an error on its line", done, screen)
        check("directives", "and nothing runs", "sum 7 km" not in screen.replace("# => sum 7 km", ""), screen)


def inputs(check):
    """Programs that want arguments, or something to read. Helix 25.01 hands neither on, but it runs commands."""
    with helix("fibonacci.py") as person:
        person.ready("def")
        if HAS_ARGUMENTS:
            person.prefix("A")
            person.shows('"arguments":["')
            person.type('5"]}')
            person.keys("Enter")
        else:
            person.command("sh belljar run fibonacci.py -- 5")
        screen, done = person.shows("5: 5")
        check("arguments", "the program gets them", done, screen)
    with helix("ask.py") as person:
        person.ready("hello")
        if HAS_ARGUMENTS:
            person.prefix("I")
            person.shows('"stdin":"')
            person.type('ada\\nx\\ny\\n"}')
            person.keys("Enter")
        else:
            Path(WORK, "input.txt").write_text("ada\nx\ny\n")
            person.command("sh belljar run --stdin input.txt ask.py")
        screen, done = person.shows("hello ada", "lines left: 2")
        check("stdin", "the program reads it", done, screen)


def live(check):
    """A loop that somebody has to stop."""
    with helix("spin.py") as person:
        person.ready("looking")
        person.prefix("a")
        screen, done = person.wait(lambda screen: "looking" in message(screen))
        check("live-output", "the status line has the last line that it printed, while it runs", done, screen)
        screen, done = person.wait(lambda screen: re.search(r"spin\.py.*default.*\d s", message(screen)))
        check("status", "and which run it is, under which policy, and for how long", done, screen)
        person.prefix("s")
        screen, done = person.shows("Stopped by you")
        check("stop", "a key stops it, and that is said", done, screen)
        person.prefix("s")
        screen, done = person.wait(lambda screen: "Nothing is running" in message(screen))
        check("stop", "nothing runs any more, which is said likewise", done, screen)


def twins(check):
    """Two runs at once in one buffer, and results in two buffers."""
    with helix("twins.py", "steps.py") as person:
        person.ready("left")
        for line in (5, 10):
            person.go(line)
            person.run("c", "Run cell in sandbox")
        both = [f"Stop sandbox run (lines {lines})" for lines in ("4 to 8", "9 to 12")]
        there = person.menu_with("Stop sandbox run (lines 9")
        stops = [entry for entry in there if entry.startswith("Stop ")]
        check("two-runs", "both run, and each can be stopped by itself", len(stops) == len(both), there)
        person.dismiss()
        person.choose("Stop sandbox run (lines 4")
        there = person.menu_with("Stop sandbox run", without="(lines")
        person.dismiss()
        check("two-runs", "the other goes on when one is stopped", bool(there), there)
        person.choose("Stop sandbox run")
        screen, done = person.shows("left is running", "right is running")
        check("two-runs", "each has its own result", done, screen)
        check("stop", "the menu stops a run", done, screen)

        person.command("buffer-next")
        person.shows("def greet")
        person.go(19)
        person.run("r", "Run line in sandbox")
        person.shows("root 4.0", line=19)
        if HAS_ARGUMENTS:
            person.prefix("x")
        else:
            person.choose("Clear sandbox results")
        screen, done = person.wait(lambda screen: "root 4.0" not in screen)
        check("clear", "the results of the buffer in sight are gone", done, screen)
        person.command("buffer-next")
        screen, done = person.shows("while True", "Stopped by you")
        check("clear", "and those of the other one stay", done, screen)
        if HAS_ARGUMENTS:
            person.prefix("X")
        else:
            person.choose("Clear sandbox results")
        screen, done = person.wait(lambda screen: "while True" in screen and "Stopped by you" not in screen)
        check("clear-all", "until all are taken away", done, screen)


def refusals(check):
    """A program that is after a key, and one that may be allowed something."""
    key = HOME / ".ssh" / "id_rsa"
    key.parent.mkdir(exist_ok=True)
    key.write_text("not a key\n")
    with helix("fetch_token.py") as person:
        person.ready("signature")
        person.prefix("a")
        for line, text in ((22, "connect to `192.0.2.7:443`"), (14, "read `~/.ssh/id_rsa`")):
            person.go(line)
            screen, done = person.shows("Blocked by policy `default`", text, line=line)
            check("violation-on-line", f"the refusal stands at line {line}", done, screen)
        person.picture("refusals")


def allowing(check):
    """Quick fixes: once, and for good."""
    rule = 'files.read = ["~/notes/settings.json"]'
    project = Path(WORK, "quick", ".belljar.toml")
    with helix("quick/settings.py") as person:
        person.ready("colour")
        person.prefix("a")
        person.go(10)
        screen, done = person.shows("Blocked by policy", "read `~/notes/settings.json`", line=10)
        check("violation-on-line", "a refusal that the program swallowed is shown", done, screen)
        person.shows("Stopped after")
        there = person.choose("Allow once and run again: " + rule)
        screen, done = person.wait(lambda screen: "colour: green" in message(screen))
        check("allow-once", "the program runs again, and reads what it was allowed", done, f"{there}\n{screen}")
        check("allow-once", "nothing is written", "notes" not in project.read_text())
        person.prefix("s")
        person.shows("Stopped by you")
        person.prefix("a")
        person.shows("Stopped after")
        person.menu_with("Allow in this project")
        person.dismiss()
        there = person.choose("Allow in this project: " + rule)
        # Who is not asked sees the change as a file, and agrees in the menu. 25.01 answers no questions.
        if HAS_ARGUMENTS:
            screen, done = person.shows("Write it", "Show", ".belljar.toml")
            check("allow-in-project", "the user is asked", done and "notes" not in project.read_text(), f"{there}\n{screen}")
            person.keys("Enter")
        else:
            screen, done = person.wait(lambda screen: "change.diff" in status_line(screen) and "~/notes/settings.json" in screen)
            check("allow-in-project", "the change is shown", done and "notes" not in project.read_text(), f"{there}\n{screen}")
            person.command("buffer-close")
            person.shows("colour")
            there = person.choose("Write it")
        screen, done = person.wait(lambda screen: rule.split(" = ")[1][2:-2] in project.read_text())
        check("allow-in-project", "then the rule is in the project's file", done, f"{there}\n{screen}\n{project.read_text()}")


def measure(person):
    """Says how long it takes from the key to the first output behind its line, and how much of that is the server's."""
    took = []
    for _ in range(5):
        person.prefix("x")
        person.wait(lambda screen: "Ended well" not in screen)
        start = time.monotonic()
        person.prefix("a")
        person.wait(lambda screen: "Ended well" in screen)
        took.append(time.monotonic() - start)
    print(f"measured: from key press to output on the screen {1000 * sorted(took)[2]:.0f} ms", flush=True)
    asked, server = None, []
    for entry in person.log.read_text().splitlines():
        when, _, said = entry.partition(" ")
        if '"command":"belljar.run"},"id"' in said:
            asked = datetime.fromisoformat(when)
        elif asked and "publishDiagnostics" in said and "Ended well" in said:
            server.append((datetime.fromisoformat(when) - asked).total_seconds())
            asked = None
    print(f"measured: of that between Helix's request and Belljar's answer {1000 * sorted(server)[len(server) // 2]:.0f} ms", flush=True)


def names(check):
    """A buffer that was never saved, and a server that is killed."""
    with helix("steps.py") as person:
        person.ready("root")
        person.command("open never.py")
        person.shows("never.py")
        person.insert('print("never saved")')
        person.prefix("a")
        screen, done = person.shows("never saved", "Ended well", line=1)
        check("untitled", "a buffer with a name runs before there is a file", done and not Path(WORK, "never.py").exists(), screen)
        measure(person)
        for pid in person.processes():
            if Path(f"/proc/{pid}/comm").read_text() == "belljar\n":
                os.kill(pid, signal.SIGKILL)
        screen, done = person.wait(lambda screen: "Language server exited" in message(screen))
        check("server-restart", "that the server is gone is said", done, screen)
        # The older `:lsp-restart` gives up at the first server of the list that is not installed.
        again = "lsp-restart" if HAS_ARGUMENTS else "set-language python"
        person.command(again)
        person.ready("never saved")
        person.prefix("a")
        screen, done = person.shows("never saved", "Ended well", line=1)
        check("server-restart", f"`:{again}` starts it again, and everything works", done, screen)


def hostile(check):
    """Output that would rather be obeyed than read."""
    with helix("hostile.py") as person:
        person.ready("colour")
        title = person.tmux("display-message", "-p", "-t", "hx", "#{pane_title}")
        person.prefix("a")
        screen, done = person.shows("last line")
        person.go(19)
        screen, done = person.shows("last line", "Ended well", line=19)
        check("hostile-output", "the result is shown, and the screen is as it was", done and "import sys" in screen, screen)
        person.prefix("o")
        screen, done = person.wait(lambda screen: ".txt" in status_line(screen) and "cleared" in screen)
        check("hostile-output", "the full output opens", done, screen)
        raw = person.tmux("capture-pane", "-e", "-p", "-t", "hx")
        check("hostile-output", "nothing in it is obeyed", "\x1b[31m" not in raw and "\\u{202e}" in raw, raw)
        after = person.tmux("display-message", "-p", "-t", "hx", "#{pane_title}")
        check("hostile-output", "the terminal's title is its own", after == title, after)


def hostile_name(check):
    """A file whose name would rather be obeyed than read."""
    with helix(os.environ["BELLJAR_HOSTILE_NAME"]) as person:
        person.ready("'any'")
        if HAS_ARGUMENTS:
            person.prefix("a")
            screen, done = person.wait(lambda screen: "failed to parse arguments" in message(screen))
            check("hostile-name", "the key that would paste it does nothing", done, screen)
        there = person.choose("Run file in sandbox")
        screen, done = person.shows("by any name", line=2)
        check("hostile-name", "the menu runs it", done, f"{there}\n{screen}")
        person.go(3)
        screen, done = person.shows("Blocked by policy `default`", "~/notes/diary.txt", line=3)
        check("hostile-name", "what it is refused stands on its line", done, screen)
        person.prefix("o")
        screen, done = person.wait(lambda screen: "runtime/belljar-" in status_line(screen) and "by any name" in screen)
        check("hostile-name", "all of its output opens", done, screen)


def flood(check):
    """Output without an end."""
    with helix("flood/flood.py") as person:
        person.ready("drop")
        person.prefix("a")
        person.wait(lambda screen: "drop" in message(screen))
        person.go(1)
        person.insert("# still here ")
        screen, done = person.shows("# still here", line=1)
        check("flood", "the editor takes text meanwhile", done, screen)
        screen, done = person.shows("Stopped after", "limit", line=5)
        check("flood", "a limit ends it, on the line that printed", done, screen)


def strangers(check):
    """A project that would like to allow itself something."""
    with helix("stranger/read.py") as person:
        person.ready("Reads a diary")
        person.prefix("a")
        screen, done = person.shows("not read", "Ended well")
        check("untrusted", "what it asks for has no effect", done and "dear diary" not in screen, screen)
        person.go(8)
        screen, done = person.hovers("it has no effect until you trust this file")
        check("untrusted", "and hover says so, with the line of its file", done, screen)


def hosts(check):
    """A machine without Belljar, and one that makes no sandboxes."""
    bare = os.environ["PATH"].split(":", 1)[1]
    told = health("python", PATH=bare)
    check("no-server", "`hx --health` says that it is not there", "'belljar' not found in $PATH" in told, told)
    with helix("steps.py", PATH=bare) as person:
        person.shows("root")
        person.keys("Space", "a")
        screen, done = person.wait(lambda screen: "code actions" in message(screen))
        check("no-server", "and so does the menu that would have had it", done, screen)

    folder = Path(os.environ["TMPDIR"], "shut")
    folder.mkdir()
    shut = folder / "belljar"
    shut.write_text(
        "#!/bin/sh\nexec unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_user_namespaces && exec \"$0\" \"$@\"' "
        f'{os.environ["BELLJAR_BIN"]} "$@"\n'
    )
    shut.chmod(0o755)
    with helix("steps.py", PATH=f"{folder}:{bare}") as person:
        person.ready("root")
        person.prefix("a")
        screen, done = person.shows("Could not run it", "belljar doctor")
        check("cannot-sandbox", "it says so, which step failed, and who knows more", done, screen)
        check("cannot-sandbox", "nothing has run", "area 12" not in screen, screen)
        person.command("sh belljar doctor || true")  # Helix keeps to itself what a command said that failed
        screen, done = person.shows("max_user_namespaces")
        check("cannot-sandbox", "`:sh belljar doctor` tells the remedy", done, screen)


ALL = (notebook, steps, real_function, fences, earlier, sayings, inputs, live, twins, refusals, allowing, names, hostile, hostile_name, flood, strangers, hosts)
