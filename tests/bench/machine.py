"""Starts programs as an ordinary user on this machine, and counts the CPU of whole trees of them."""

import os
import pathlib
import statistics
import subprocess
import time

ROOT = os.geteuid() == 0
UID = int(os.environ.get("BELLJAR_TEST_UID", "64123")) if ROOT else os.geteuid()


# A `/dev/fuse` that everybody may open, as most systems have it, and the home at a place that is not below /tmp, where no
# project has a stub. In a mount namespace of its own; nothing else is other than on this machine.
SEATED = """
work=$1; shift
mount --make-rprivate / && mount -t tmpfs device "$work/device" && mknod -m 666 "$work/device/fuse" c 10 229 &&
mount --bind "$work/device/fuse" /dev/fuse && mount --bind "$work/home" /mnt && cd /mnt && exec "$@"
"""


class Machine:
    def __init__(self, work):
        self.work = pathlib.Path(work)
        self.home = self.work / "home"
        self.home.mkdir()
        # Where its programs find it.
        self.place = self.home
        if ROOT:
            os.chown(self.home, UID, UID)
        path = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
        self.environment = {"HOME": str(self.home), "PATH": path, "LANG": "C.UTF-8", "TMPDIR": str(self.home)}
        # What `spawn` opens for each start as descriptor 9: bubblewrap reads its filter from there, to the end.
        self.filter = self.work / "filter.bpf"
        self.environment["SPAWN_FILTER"] = str(self.filter)
        self.group = self.own_group()

    def seated(self):
        """The same machine for programs that find a device for stubs; None where there cannot be one."""
        if not ROOT:
            print("only root can make a /dev/fuse for everybody: what follows is as this machine has it")
            return None
        (self.work / "device").mkdir()
        seat = Seated(self)
        tried = seat.run(["sh", "-c", "exec 3<>/dev/fuse"], capture_output=True, text=True)
        if tried.returncode:
            print(f"no /dev/fuse here ({tried.stderr.strip()}): what follows is without")
            return None
        return seat

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
            self.placed(["sh", "-c", shell, "sh", *argv]),
            env=self.environment, cwd=self.home, stdout=subprocess.PIPE, text=True,
        )

    def placed(self, command):
        """What root starts so that `command` is where this machine's programs are."""
        return command

    def group_cpu(self):
        return int((self.group / "cpuacct.usage").read_text()) if self.group else 0

    def settled_cpu(self):
        """The group's CPU once nothing of it is left: a dying sandbox still computes a little."""
        for _ in range(200):
            if not (self.group / "cgroup.procs").read_text().strip():
                break
            time.sleep(0.005)
        return self.group_cpu()


class Seated(Machine):
    """A machine whose programs find `SEATED`. Shares all else with the one that it was made of, which closes it."""

    def __init__(self, machine):
        self.work, self.home, self.group = machine.work, machine.home, machine.group
        self.place = pathlib.Path("/mnt")
        self.environment = {**machine.environment, "HOME": str(self.place), "TMPDIR": str(self.place)}

    def placed(self, command):
        return ["unshare", "--mount", "sh", "-c", SEATED, "sh", str(self.work), *command]

    def popen(self, command, **more):
        return subprocess.Popen(self.as_somebody(command), env=self.environment, cwd=self.home, **more)

    def run(self, command, **more):
        return subprocess.run(self.as_somebody(command), env=self.environment, cwd=self.home, **more)

    def as_somebody(self, command):
        return self.placed(["setpriv", "--reuid", str(UID), "--regid", str(UID), "--clear-groups", *map(str, command)])


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
