"""Belljar's figures beside their targets. Started by tests/bench/run; prints a table, and the machine it was made on.

Ratios come from rounds in which every runner is measured once, in an order that rotates; what is printed is the median
of the rounds' ratios and, in brackets, the quarter and three-quarter points. Absolute times do not travel between
machines, ratios do a little.
"""

import argparse
import os
import pathlib
import platform
import statistics
import subprocess
import time

import cage
from compiling import compiling
from machine import ROOT, Machine, status_bytes, tree
from server import Client
from watching import watching

rows = []


def row(what, values, target, unit="", lower_is_better=True):
    """One line of the table: the median of `values` against the target."""
    middle = statistics.median(values)
    spread = ""
    if len(values) > 3:
        quarter, _, three = statistics.quantiles(values, n=4)
        spread = f"[{quarter:.2f} {three:.2f}]"
    met = "" if target is None else ("met" if (middle <= target if lower_is_better else middle >= target) else "MISSED")
    sign = "<=" if lower_is_better else ">="
    wanted = "" if target is None else f"{sign} {target:g}{unit}"
    rows.append((what, f"{middle:.2f}{unit}", spread, wanted, met))
    print(f"  {what}: {middle:.3f}{unit} {spread} {wanted} {met}", flush=True)


def paired(machine, runners, rounds, count, jobs=0):
    """{name: [value of each round]}, the order rotated from round to round."""
    names = list(runners)
    results = {name: [] for name in names}
    for name in names:
        machine.spawn(3, runners[name])  # the first start reads files from disk
    for number in range(rounds):
        for name in names[number % len(names):] + names[:number % len(names)]:
            results[name].append(machine.spawn(count, runners[name], jobs))
    return results


def ratios(above, below):
    return [a / b for a, b in zip(above, below)]


def starts(machine, belljar, bwrap, rounds):
    print("starting and ending a command")
    program = ["/usr/bin/true"]
    found = paired(machine, {"bare": program, "bwrap": bwrap + program, "belljar": belljar + program}, rounds, 8)
    wall = {name: [value[0] for value in values] for name, values in found.items()}
    cpu = {name: [value[1] for value in values] for name, values in found.items()}
    for name in found:
        rows.append((f"true, {name}", f"{statistics.median(wall[name]):.2f} ms wall",
                     f"{statistics.median(cpu[name]):.2f} ms CPU", "", ""))
        print(f"  true, {name}: {statistics.median(wall[name]):.2f} ms wall, {statistics.median(cpu[name]):.2f} ms CPU")
    row("true: wall, belljar / bwrap", ratios(wall["belljar"], wall["bwrap"]), 0.55)
    added = {n: [c - b for c, b in zip(cpu[n], cpu["bare"])] for n in ("bwrap", "belljar")}
    row("true: CPU added, belljar / bwrap", ratios(added["belljar"], added["bwrap"]), 0.5)
    program = ["/usr/bin/python3", "-c", "pass"]
    found = paired(machine, {"bare": program, "bwrap": bwrap + program, "belljar": belljar + program}, rounds, 4)
    wall = {name: [value[0] for value in values] for name, values in found.items()}
    row("python3 -c pass: wall, belljar / bare", ratios(wall["belljar"], wall["bare"]), 1.25)
    row("python3 -c pass: wall, bwrap / bare", ratios(wall["bwrap"], wall["bare"]), None)
    program = ["/usr/bin/true"]
    found = paired(machine, {"bwrap": bwrap + program, "belljar": belljar + program}, max(rounds // 3, 3), 160, jobs=8)
    row("true, 8 at a time: throughput, belljar / bwrap", ratios(found["belljar"], found["bwrap"]), 1.6, "", False)
    row("true, 8 at a time: belljar", found["belljar"], None, " /s", False)


def percentile(values, part):
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def code_actions(client, uri, seconds):
    """Times of code action answers, in ms, asked at an editor's pace while other messages come in."""
    times = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        line = 3 * len(times) % 20000
        begin = time.perf_counter()
        client.request("textDocument/codeAction", {
            "textDocument": {"uri": uri},
            "range": {"start": {"line": line, "character": 0}, "end": {"line": line + 2, "character": 0}},
            "context": {"diagnostics": []},
        })
        times.append((time.perf_counter() - begin) * 1000)
        time.sleep(0.004)
    return times


def server(machine, belljar, quick):
    print("the language server")
    home = machine.home
    initialize = []
    for _ in range(10 if quick else 30):
        client = Client(machine, belljar, home)
        initialize.append(client.initialized_after * 1000)
        client.close()
    row("initialize, from the start of the process", initialize, 4, " ms")
    client = Client(machine, belljar, home)
    time.sleep(0.5)
    processes = tree(client.process.pid)
    row("idle, resident, the server", [status_bytes(client.process.pid, "VmRSS") / 1e6], 8, " MB")
    row("idle, resident, with its launcher", [sum(status_bytes(p, "VmRSS") for p in processes) / 1e6], None, " MB")
    big = f"file://{home}/big.py"
    client.open(big, "".join(f"value_{n} = {n} * {n}  # line {n}\n" for n in range(30000)))
    row("code action, 1 MB document, nothing runs: p99", [percentile(code_actions(client, big, 2), 0.99)], None, " ms")
    for name, text, target in (
        ("that print", "import time\nwhile True:\n    print('tick', flush=True)\n    time.sleep(0.02)\n", 1),
        ("that only compute", "while True:\n    pass\n", None),
    ):
        uri = f"file://{home}/{name.split()[-1]}.py"
        client.open(uri, text)
        for _ in range(8):
            client.request("workspace/executeCommand", {"command": "belljar.run", "arguments": [{"uri": uri}]})
        time.sleep(0.5)
        times = code_actions(client, big, 2 if quick else 5)
        row(f"code action, 1 MB document, 8 runs {name}: p99", [percentile(times, 0.99)], target, " ms")
        row(f"code action, 1 MB document, 8 runs {name}: p50", [percentile(times, 0.5)], None, " ms")
        client.request("workspace/executeCommand", {"command": "belljar.cancel", "arguments": []})
    client.close()


FLOOD = "import sys\nblock = b'x' * 65535 + b'\\n'\nfor _ in range(16384):\n    sys.stdout.buffer.write(block)\n"


def peak_while(process):
    """The most memory that the tree of `process` held at once, without what runs in the cell."""
    peak = 0
    while process.poll() is None:
        ours = [p for p in tree(process.pid) if command_name(p).startswith("belljar")]
        peak = max(peak, sum(status_bytes(p, "VmRSS") for p in ours))
        time.sleep(0.01)
    return peak


def command_name(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def flood(machine, belljar):
    print("a flood of output")
    wide = ["--limit", "output=4GiB", "--limit", "wall=120s", "--limit", "cpu=120s"]
    def held(script):
        process = machine.popen([belljar, "exec", *wide, "--", "/bin/sh", "-c", script],
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        peak = peak_while(process)
        if process.returncode:
            raise SystemExit(f"the flood ended with {process.returncode}")
        return peak
    quiet = held("echo; sleep 0.5")
    begin = time.perf_counter()
    loud = held("head -c 1073741824 /dev/zero")
    row("1 GB to the command line: memory grows by", [(loud - quiet) / 1e6], 2, " MB")
    row("1 GB to the command line: time", [time.perf_counter() - begin], None, " s")
    client = Client(machine, belljar, machine.home)
    uri = f"file://{machine.home}/flood.py"
    client.open(uri, FLOOD)
    hello = f"file://{machine.home}/hello.py"
    client.open(hello, "print('hello')\n")
    def run(which):
        client.request("workspace/executeCommand", {"command": "belljar.run", "arguments": [{"uri": which}]})
        ended = client.wait_for(lambda m: m.get("method") == "$/progress" and m["params"]["value"]["kind"] == "end", 60)
        if ended is None:
            raise SystemExit("the run did not end in 60 s")
        time.sleep(0.3)
    run(hello)
    before = status_bytes(client.process.pid, "VmHWM")
    run(uri)
    row("1 GB to the editor: the server's memory grows by",
        [(status_bytes(client.process.pid, "VmHWM") - before) / 1e6], 2, " MB")
    client.close()


def main():
    parser = argparse.ArgumentParser(prog="tests/bench/run")
    parser.add_argument("--work", required=True)
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--quick", action="store_true", help="few rounds, to see that the bench works")
    options = parser.parse_args()
    rounds = 5 if options.quick else options.rounds
    machine = Machine(options.work)
    belljar = str(machine.work / "belljar")
    bwrap = cage.bwrap(machine)
    try:
        print("isolation, from inside")
        outside = cage.facts(machine, [])
        for name, prefix in (("bwrap", bwrap), ("belljar", [belljar, "exec", "--"])):
            missing = cage.weaknesses(cage.facts(machine, prefix), outside)
            good = "seven namespaces, filter, no privileges, read-only system, the files of the host hidden"
            print(f"  {name}: {'; '.join(missing) or good}")
            if missing:
                raise SystemExit(f"{name} does not isolate enough to be compared")
        starts(machine, [belljar, "exec", "--"], bwrap, rounds)
        server(machine, belljar, options.quick)
        flood(machine, belljar)
        seat = machine.seated()
        watching(machine, seat, belljar, max(rounds // 3, 3), paired, ratios, row)
        compiling(seat or machine, belljar, max(rounds // 3, 3), paired, ratios, row)
    finally:
        machine.close()
    version = machine.run([belljar, "--version"], capture_output=True, text=True).stdout.strip()
    peer = subprocess.run(["bwrap", "--version"], capture_output=True, text=True).stdout.strip()
    load = os.getloadavg()[0]
    counted = "control group" if ROOT and machine.group else "what the kernel adds up for waited-for processes"
    print(f"\n{version}, {peer}; Linux {platform.release()}, {os.cpu_count()} cores, load {load:.1f}; CPU from {counted}\n")
    widths = [max(len(line[column]) for line in rows) for column in range(5)]
    for line in rows:
        print("  ".join(field.ljust(width) for field, width in zip(line, widths)).rstrip())
    missed = sum(line[4] == "MISSED" for line in rows)
    met = sum(line[4] == "met" for line in rows)
    print(f"\n{met} targets met, {missed} missed")


if __name__ == "__main__":
    main()
