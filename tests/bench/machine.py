"""Starts programs as an ordinary user on this machine, and counts the CPU of whole trees of them."""

import os
import pathlib
import resource
import statistics
import subprocess
import time

ROOT = os.geteuid() == 0
UID = int(os.environ.get("BELLJAR_TEST_UID", "64123")) if ROOT else os.geteuid()


class Machine:
    def __init__(self, work):
        self.work = pathlib.Path(work)
        self.home = self.work / "home"
        self.home.mkdir()
        if ROOT:
            os.chown(self.home, UID, UID)
        path = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
        self.environment = {"HOME": str(self.home), "PATH": path, "LANG": "C.UTF-8", "TMPDIR": str(self.home)}
        # What `spawn` opens for each start as descriptor 9: bubblewrap reads its filter from there, to the end.
        self.filter = self.work / "filter.bpf"
        self.environment["SPAWN_FILTER"] = str(self.filter)
        self.group = self.own_group()

    def as_user(self):
        return {"user": UID, "group": UID, "extra_groups": []} if ROOT else {}

    def popen(self, command, **more):
        return subprocess.Popen(command, env=self.environment, cwd=self.home, **self.as_user(), **more)

    def run(self, command, **more):
        return subprocess.run(command, env=self.environment, cwd=self.home, **self.as_user(), **more)

    def own_group(self):
        """A control group of version 1 that counts CPU, when root runs this and the machine has one."""
        path = pathlib.Path(f"/sys/fs/cgroup/cpuacct/belljar-bench-{os.getpid()}")
        try:
            path.mkdir()
        except OSError:
            return None
        return path

    def close(self):
        if self.group:
            for _ in range(100):
                try:
                    self.group.rmdir()
                    return
                except OSError:
                    time.sleep(0.05)

    def spawn(self, count, command, jobs=0):
        """Median wall and mean CPU of one start, in ms; with `jobs`, starts per second."""
        argv = [str(self.work / "spawn")] + (["-j", str(jobs)] if jobs else []) + [str(count)] + command
        before = self.group_cpu()
        child = self.popen_in_group(argv)
        out, _ = child.communicate()
        if child.returncode:
            raise SystemExit(f"{' '.join(command)}: did not run ({child.returncode})")
        rows = [[int(field) for field in line.split()] for line in out.splitlines()]
        if jobs:
            wall, ended = rows[0]
            return ended / (wall / 1e9)
        wall = statistics.median(row[0] for row in rows) / 1e6
        if self.group:
            cpu = (self.settled_cpu() - before) / count / 1e6
        else:
            cpu = statistics.mean(row[1] for row in rows) / 1e6
        return wall, cpu

    def popen_in_group(self, argv):
        """As the ordinary user, in the counting group: a shell enters it while it still may, and becomes the program."""
        if not self.group:
            return self.popen(argv, stdout=subprocess.PIPE, text=True)
        shell = f'echo $$ > {self.group}/cgroup.procs && exec setpriv --reuid {UID} --regid {UID} --clear-groups "$@"'
        return subprocess.Popen(
            ["sh", "-c", shell, "sh", *argv], env=self.environment, cwd=self.home, stdout=subprocess.PIPE, text=True
        )

    def group_cpu(self):
        return int((self.group / "cpuacct.usage").read_text()) if self.group else 0

    def settled_cpu(self):
        """The group's CPU once nothing of it is left: a dying sandbox still computes a little."""
        for _ in range(200):
            if not (self.group / "cgroup.procs").read_text().strip():
                break
            time.sleep(0.005)
        return self.group_cpu()


def peak_of_children():
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024


def tree(pid):
    """A process and all below it."""
    below = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            below.setdefault(int(fields[1]), []).append(int(entry.name))
    found, todo = [], [pid]
    while todo:
        one = todo.pop()
        found.append(one)
        todo += below.get(one, [])
    return found


def status_bytes(pid, key):
    try:
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(key + ":"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0
