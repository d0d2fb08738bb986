"""Bubblewrap, set up to isolate as much as Belljar does, and the check from inside that both really do."""

import os
import struct

# Numbers for x86_64 and aarch64 of calls that no program in a cell may make. What is refused does not matter for the
# figures; that a filter of about this length is loaded does.
REFUSED = {
    "x86_64": [101, 103, 134, 139, 153, 154, 155, 156, 161, 163, 165, 166, 167, 168, 169, 172, 173, 174, 175, 176, 179,
               180, 205, 206, 211, 212, 246, 248, 249, 250, 272, 298, 303, 304, 308, 310, 311, 313, 320, 321, 323],
    "aarch64": [39, 40, 41, 51, 58, 60, 89, 97, 104, 105, 106, 112, 116, 117, 142, 161, 162, 170, 180, 217, 218, 219,
                224, 225, 241, 264, 265, 268, 270, 271, 272, 273, 280, 282, 294],
}
AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}


def bisected(numbers, allow=0x7FFF0000, refuse=0x00050001):
    """A BPF program that finds a number among `numbers` by halving, as Belljar's own filter does."""
    def node(low, high):
        if high - low == 1:
            return [(0x15, 0, 1, numbers[low]), (0x06, 0, 0, refuse), (0x06, 0, 0, allow)]
        middle = (low + high) // 2
        left, right = node(low, middle), node(middle, high)
        return [(0x35, len(left), 0, numbers[middle])] + left + right
    return node(0, len(numbers))


def filter_program(machine):
    program = [(0x20, 0, 0, 4), (0x15, 1, 0, AUDIT[machine]), (0x06, 0, 0, 0x80000000), (0x20, 0, 0, 0)]
    program += bisected(sorted(REFUSED[machine]))
    return b"".join(struct.pack("<HBBI", *row) for row in program)


def bwrap(machine):
    """The command, up to the program. It reads its filter from descriptor 9."""
    machine.filter.write_bytes(filter_program(os.uname().machine))
    machine.filter.chmod(0o644)
    libraries = [name for name in ("lib", "lib32", "lib64", "libx32", "bin", "sbin") if os.path.islink("/" + name)]
    command = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--clearenv"]
    command += ["--setenv", "PATH", "/usr/bin:/bin", "--setenv", "HOME", "/home/user"]
    command += ["--uid", "1000", "--gid", "1000", "--hostname", "cell"]
    command += ["--ro-bind", "/usr", "/usr"]
    for name in libraries:
        command += ["--symlink", os.readlink("/" + name), "/" + name]
    command += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/home", "--dir", "/home/user"]
    command += ["--dir", "/etc", "--ro-bind-try", "/etc/alternatives", "/etc/alternatives"]
    command += ["--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"]
    return command + ["--seccomp", "9"]


# Printed from inside, one `name value` per line.
INSIDE = r"""
for n in user mnt pid net ipc uts cgroup; do echo "ns_$n $(readlink /proc/self/ns/$n)"; done
while read -r key value rest; do
  case $key in Seccomp:|NoNewPrivs:|CapEff:|CapPrm:|CapInh:|CapBnd:|CapAmb:) echo "${key%:} $value" ;; esac
done < /proc/self/status
touch /usr/belljar-bench-probe 2>/dev/null && echo "usr writable" || echo "usr read-only"
cat /etc/passwd /var/lib/dpkg/status 2>/dev/null | grep -q dpkg && echo "host visible" || echo "host hidden"
echo "links $(grep -c : /proc/net/dev)"
kill -0 $OUTSIDE 2>/dev/null && echo "outside reachable" || echo "outside unreachable"
"""


def facts(machine, prefix):
    """What `prefix` isolates, seen from inside."""
    script = INSIDE.replace("$OUTSIDE", str(os.getpid()))
    opened = ["/bin/sh", "-c", 'exec "$@" 9<"$SPAWN_FILTER"', "sh"]
    out = machine.run(opened + prefix + ["/bin/sh", "-c", script], capture_output=True, text=True)
    rows = dict(line.split(" ", 1) for line in out.stdout.splitlines() if " " in line)
    if not rows:
        raise SystemExit(f"the isolation check did not run: {out.stderr.strip() or out.returncode}")
    return rows


def weaknesses(inside, outside):
    """What is missing for an isolation that may be compared; empty is good."""
    missing = []
    for name in ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup"):
        if inside.get("ns_" + name) in (None, "", outside.get("ns_" + name)):
            missing.append(f"no {name} namespace of its own")
    expected = {"Seccomp": "2", "NoNewPrivs": "1", "usr": "read-only", "host": "hidden", "outside": "unreachable"}
    for key, value in expected.items():
        if inside.get(key) != value:
            missing.append(f"{key} is {inside.get(key)}, not {value}")
    for key in ("CapEff", "CapPrm"):
        if int(inside.get(key, "f"), 16):
            missing.append(f"{key} is {inside.get(key)}")
    return missing
