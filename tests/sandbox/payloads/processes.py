"""What programs do with their processes, threads and signals: says what came of it, which must be the same whoever watches."""

import ctypes, json, os, signal, struct, subprocess, sys, threading, time

if os.getuid() == 0:
    # It signals pid 1 and mounts over /tmp, which only a cell or an ordinary user's lack of rights refuses.
    sys.exit("not as root")
libc = ctypes.CDLL(None, use_errno=True)
told = {}


def tell(part):
    told[part.__name__.replace("_", " ")] = part()
    return part


@tell
def many_children_end_as_they_will():
    children = [os.fork() or os._exit(number) for number in range(50)]
    return sorted(os.WEXITSTATUS(os.waitpid(child, 0)[1]) for child in children) == list(range(50))


@tell
def a_child_is_stopped_and_goes_on():
    ready, ended = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os.write(ready[1], b"x")
        os.read(ended[0], 1)
        os._exit(7)
    os.read(ready[0], 1)
    seen = []
    for number, flags in [(signal.SIGSTOP, os.WUNTRACED), (signal.SIGCONT, os.WCONTINUED), (signal.SIGSTOP, os.WUNTRACED)]:
        os.kill(child, number)
        status = os.waitpid(child, flags)[1]
        seen.append([os.WIFSTOPPED(status) and os.WSTOPSIG(status), os.WIFCONTINUED(status)])
    os.write(ended[1], b"x")
    # It is stopped, so it does not end before it is told to go on.
    seen.append(os.waitpid(child, os.WNOHANG)[0])
    os.kill(child, signal.SIGCONT)
    seen.append(os.WEXITSTATUS(os.waitpid(child, 0)[1]))
    return seen


@tell
def a_stopped_child_is_killed():
    child = os.fork()
    if child == 0:
        os.kill(os.getpid(), signal.SIGSTOP)
        os._exit(0)
    os.waitpid(child, os.WUNTRACED)
    os.kill(child, signal.SIGKILL)
    return os.WTERMSIG(os.waitpid(child, 0)[1])


@tell
def children_send_each_other_signals():
    heard = []
    signal.signal(signal.SIGUSR1, lambda number, frame: heard.append(number))
    parent = os.getpid()
    for _ in range(20):
        before = len(heard)
        child = os.fork()
        if child == 0:
            os.kill(parent, signal.SIGUSR1)
            signal.pause()
        while len(heard) == before:
            time.sleep(0.001)
        os.kill(child, signal.SIGTERM)
        if os.WTERMSIG(os.waitpid(child, 0)[1]) != signal.SIGTERM:
            return "another end"
    return len(heard)


@tell
def a_queued_signal_keeps_its_value():
    wanted = {signal.SIGRTMIN + 3, signal.SIGUSR2}
    signal.pthread_sigmask(signal.SIG_BLOCK, wanted)
    for value in (11, 12):
        libc.sigqueue(os.getpid(), signal.SIGRTMIN + 3, ctypes.c_void_p(value))
    os.kill(os.getpid(), signal.SIGUSR2)
    seen = [signal.sigwaitinfo(wanted) for _ in range(3)]
    return [[info.si_signo - signal.SIGRTMIN, info.si_code, info.si_pid == os.getpid()] for info in seen]


@tell
def a_timer_interrupts():
    ticks = []
    signal.signal(signal.SIGALRM, lambda number, frame: ticks.append(number))
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    while len(ticks) < 50:
        open("/etc/passwd", "rb").close()
    signal.setitimer(signal.ITIMER_REAL, 0)
    return len(ticks) >= 50


@tell
def an_ignored_signal_changes_nothing():
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGWINCH)
        os._exit(3)
    return os.WEXITSTATUS(os.waitpid(child, 0)[1])


@tell
def a_fault_ends_a_child():
    child = os.fork()
    if child == 0:
        ctypes.string_at(0)
    return os.WTERMSIG(os.waitpid(child, 0)[1])


@tell
def a_handled_fault_is_handled():
    code = "import signal, os, faulthandler\nfaulthandler.register(signal.SIGUSR1, chain=False)\nos.kill(os.getpid(), signal.SIGUSR1)\nprint('on')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    return [done.returncode, done.stdout, "line 3" in done.stderr]


@tell
def threads_come_and_go():
    done = []

    def work(number):
        for _ in range(5):
            with open(f"/tmp/thread-{number}", "w") as file:
                file.write("x")
        done.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(done)


@tell
def a_thread_executes_a_program():
    code = """
import os, threading, time
def fill():
    while True:
        open('/tmp/filled', 'w').close()
for _ in range(4):
    threading.Thread(target=fill, daemon=True).start()
threading.Thread(target=lambda: os.execv('/bin/echo', ['echo', 'executed by a thread'])).start()
fill()
"""
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True) for _ in range(5)]
    return sorted({(run.returncode, run.stdout) for run in runs})


@tell
def programs_are_started_and_read():
    runs = [subprocess.run(["sh", "-c", "echo $((1+1)); (exit 3) | cat; exit 5"], capture_output=True) for _ in range(20)]
    return sorted({(run.returncode, run.stdout.decode()) for run in runs})


@tell
def an_orphan_is_reaped():
    code = "import os\nif os.fork() == 0:\n os.setsid()\n print(os.fork() == 0 or 'parent', flush=True)\n"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20).returncode


@tell
def a_debugger_is_refused():
    TRACEME, SEIZE = 0, 0x4206
    seen = []
    child = os.fork()
    if child == 0:
        signal.pause()
    for request, target in [(TRACEME, 0), (SEIZE, child), (SEIZE, 1)]:
        result = libc.ptrace(request, target, 0, 0)
        seen.append([result, ctypes.get_errno()])
    os.kill(child, signal.SIGKILL)
    return seen + [os.WTERMSIG(os.waitpid(child, 0)[1])]


@tell
def nobody_seems_to_trace():
    return [line.strip() for line in open("/proc/self/status") if line.startswith("TracerPid")]


@tell
def refusals_send_no_signal():
    heard = []
    signal.signal(signal.SIGSYS, lambda number, frame: heard.append(number))
    seen = []
    for blocked in (False, True):
        if blocked:
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGSYS})
        result = libc.mount(b"none", b"/tmp", b"tmpfs", 0, None)
        seen.append([result, ctypes.get_errno()])
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGSYS})
    return seen + [heard]


FILTER = """
import ctypes, os, signal, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]
heard = []
signal.signal(signal.SIGSYS, lambda number, frame: heard.append(number))
# Of getppid and of symlink: the own filter's answer.
GETPPID = {"x86_64": 110, "aarch64": 173}[os.uname().machine]
answer = int(sys.argv[1], 0)
code = struct.pack("HBBI", 0x20, 0, 0, 0) + struct.pack("HBBI", 0x15, 0, 1, GETPPID) + struct.pack("HBBI", 6, 0, 0, answer)
code += struct.pack("HBBI", 6, 0, 0, 0x7fff0000)
libc.prctl(38, 1, 0, 0, 0)
program = Program(len(code) // 8, code)
loaded = libc.prctl(22, 2, ctypes.byref(program))
ctypes.set_errno(0)
result = libc.syscall(GETPPID)
print([loaded, result, ctypes.get_errno(), len(heard)])
"""


@tell
def a_filter_of_its_own_is_obeyed():
    # Refuse with an error, by a signal, or for a tracer that is not there; the last two also with the word that Belljar uses.
    answers = ["0x5002a", "0x30000", "0x30be1", "0x7ff00000", "0x7ff00be1"]
    runs = [subprocess.run([sys.executable, "-c", FILTER, answer], capture_output=True, text=True) for answer in answers]
    return [[run.returncode, run.stdout, run.stderr[-300:]] for run in runs]


@tell
def a_forged_refusal_is_an_ordinary_signal():
    heard = []
    signal.signal(signal.SIGSYS, lambda number, frame: heard.append(number))
    # signo, errno, code: as the kernel makes it; then the address, the number of mount and the machine.
    MOUNT, MACHINE, QUEUE = {"x86_64": (165, 0xC000003E, 129), "aarch64": (40, 0xC00000B7, 138)}[os.uname().machine]
    info = struct.pack("iiiiQiI", signal.SIGSYS, 0x0BE1, 1, 0, 0, MOUNT, MACHINE).ljust(128, b"\0")
    result = libc.syscall(QUEUE, os.getpid(), signal.SIGSYS, info)
    return [result, len(heard)]


@tell
def the_first_process_hears_nothing():
    seen = []
    for number in (signal.SIGSTOP, signal.SIGTSTP, signal.SIGTERM, signal.SIGINT, signal.SIGSEGV, signal.SIGALRM, signal.SIGKILL):
        try:
            os.kill(1, number)
            seen.append("sent")
        except OSError as error:
            seen.append(error.errno)
    # It still buries whom nobody else does.
    child = os.fork()
    if child == 0:
        if os.fork() == 0:
            os._exit(0)
        os._exit(0)
    os.waitpid(child, 0)
    return seen


print(json.dumps(told))
