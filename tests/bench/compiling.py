"""What a run costs that compiles, the next one of the same text, which does not, and one of another text that begins alike."""

PROGRAMS = {
    "hello.c": '#include <stdio.h>\nint main(void) { puts("hello"); }\n',
    "hello.cpp": '#include <iostream>\n#include <map>\n#include <vector>\nint main() { std::cout << "hello\\n"; }\n',
    "hello.rs": 'fn main() { println!("hello"); }\n',
    "hello.go": 'package main\nimport "fmt"\nfunc main() { fmt.Println("hello") }\n',
}
TRUE = ["/usr/bin/true"]
# So many runs of other texts, until whatever can be compiled ahead was.
BEFORE = 3


def compiling(machine, belljar, rounds, paired, ratios, row):
    print("compiled, and kept")
    folder = machine.home / "compiling"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    for name, text in PROGRAMS.items():
        file = folder / name
        file.write_text(text)
        run = [belljar, "run", "--limit", "wall=60s"]
        if machine.run(run + [file], capture_output=True, text=True).stdout != "hello\n":
            print(f"  {name}: no tools here")
            continue
        runners = {"compiled": run + ["--no-cache", str(file)], "kept": run + [str(file)], "true": [belljar, "exec", "--"] + TRUE}
        found = paired(machine, runners, rounds, 1)
        wall = {kind: [value[0] for value in found[kind]] for kind in found}
        row(f"{name}: compiled", wall["compiled"], None, " ms")
        row(f"{name}: the next run", wall["kept"], None, " ms")
        row(f"{name}: the next run, beyond `true` in a cell", [a - b for a, b in zip(wall["kept"], wall["true"])], 5, " ms")
        row(f"{name}: the next run / compiled", ratios(wall["kept"], wall["compiled"]), 0.25)
        changed, again = [], []
        for number in range(BEFORE + rounds):
            file.write_text(text.replace("hello", f"other {number}"))
            first = machine.spawn(1, run + [str(file)])[0]
            if number >= BEFORE:
                changed.append(first)
                again.append(machine.spawn(1, run + ["--no-cache", str(file)])[0])
        row(f"{name}: changed, the same includes", changed, None, " ms")
        row(f"{name}: changed, the same includes / compiled", ratios(changed, again), 0.5 if name.endswith(".cpp") else None)
