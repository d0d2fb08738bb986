/* Other processes: signals, tracing, their memory and descriptors; and terminals. */
#include "probe.h"

#include <dirent.h>
#include <mqueue.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <termios.h>

#define VERB(name) static void name(int argc __attribute__((unused)), char **argv __attribute__((unused)))

static char victim_memory[64] = "nothing yet";

/* victim SECRET: stands on the host with a secret in its memory, in its environment and behind descriptor 5.
   Tells its pid and where the secret is, answers SIGUSR1 with a line, and stays. */
static void told(int signal) {
    (void)signal;
    if (write(1, "signalled\n", 10) != 10) _exit(3);
}
VERB(victim) {
    snprintf(victim_memory, sizeof victim_memory, "%s", argv[0]);
    prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
    signal(SIGUSR1, told);
    int fds[2];
    if (pipe(fds) || write(fds[1], argv[0], strlen(argv[0])) < 0) failed("pipe");
    dup2(fds[0], 5);
    say("%d %p", getpid(), (void *)victim_memory);
    for (;;) pause();
}

VERB(send_signal) { result(kill((pid_t)number(argv[0]), (int)number(argv[1])), "kill"); }
/* A signal to the whole process group, 0 by default, without dying of it ourselves. */
VERB(signal_group) {
    signal(SIGUSR1, SIG_IGN);
    result(kill((pid_t)number(argv[0]), SIGUSR1), "kill");
}
VERB(queue_signal) {
    siginfo_t info = {.si_signo = SIGUSR1, .si_code = SI_QUEUE};
    result(syscall(SYS_rt_sigqueueinfo, number(argv[0]), SIGUSR1, &info), "rt_sigqueueinfo");
}
VERB(signal_thread) { result(syscall(SYS_tgkill, number(argv[0]), number(argv[0]), SIGUSR1), "tgkill"); }
VERB(signal_by_pidfd) {
    int fd = (int)syscall(SYS_pidfd_open, number(argv[0]), 0);
    if (fd < 0) failed("pidfd_open");
    result(syscall(SYS_pidfd_send_signal, fd, SIGUSR1, NULL, 0), "pidfd_send_signal");
}
/* own PID: lets the kernel send the signal: F_SETOWN on a pipe, then data arrives. */
VERB(signal_by_owner) {
    int fds[2];
    if (pipe(fds)) failed("pipe");
    if (fcntl(fds[0], F_SETOWN, (pid_t)number(argv[0]))) failed("F_SETOWN");
    fcntl(fds[0], F_SETSIG, SIGUSR1);
    fcntl(fds[0], F_SETFL, O_ASYNC);
    result(write(fds[1], "x", 1), "write");
}
VERB(trace) {
    pid_t pid = (pid_t)number(argv[0]);
    if (ptrace(PTRACE_ATTACH, pid, 0, 0)) failed("ptrace");
    waitpid(pid, NULL, __WALL);
    ptrace(PTRACE_DETACH, pid, 0, 0);
    ok("traced");
}
VERB(seize) {
    pid_t pid = (pid_t)number(argv[0]);
    result(ptrace(PTRACE_SEIZE, pid, 0, argc > 1 ? number(argv[1]) : 0), "ptrace");
}
/* trace_child: a debugger of its own child. */
VERB(trace_child) {
    pid_t pid = fork();
    if (pid == 0) {
        pause();
        _exit(0);
    }
    long out = ptrace(PTRACE_SEIZE, pid, 0, 0);
    int kept = errno;
    kill(pid, SIGKILL);
    errno = kept;
    result(out, "ptrace");
}
VERB(trace_me) { result(ptrace(PTRACE_TRACEME, 0, 0, 0), "ptrace"); }
VERB(read_memory) {
    char text[64] = "";
    struct iovec to = {text, 63}, from = {(void *)strtoull(argv[1], NULL, 0), 63};
    if (process_vm_readv((pid_t)number(argv[0]), &to, 1, &from, 1, 0) < 0) failed("process_vm_readv");
    ok("%s", text);
}
VERB(write_memory) {
    char text[1] = "S";
    struct iovec with = {text, 1}, to = {(void *)strtoull(argv[1], NULL, 0), 1};
    result(process_vm_writev((pid_t)number(argv[0]), &with, 1, &to, 1, 0), "process_vm_writev");
}
VERB(read_memory_file) {
    char path[64], text[64] = "";
    snprintf(path, sizeof path, "/proc/%ld/mem", number(argv[0]));
    int fd = open(path, O_RDONLY);
    if (fd < 0) failed("open");
    if (pread(fd, text, 63, (off_t)strtoull(argv[1], NULL, 0)) < 0) failed("pread");
    ok("%s", text);
}
/* steal PID FD: a copy of another process's descriptor. */
VERB(steal) {
    int fd = (int)syscall(SYS_pidfd_open, number(argv[0]), 0);
    if (fd < 0) failed("pidfd_open");
    int theirs = (int)syscall(SYS_pidfd_getfd, fd, (int)number(argv[1]), 0);
    if (theirs < 0) failed("pidfd_getfd");
    ok("stolen");
}
VERB(open_pidfd) { result(syscall(SYS_pidfd_open, number(argv[0]), 0) < 0 ? -1 : 0, "pidfd_open"); }
VERB(limit_other) {
    struct rlimit old;
    result(prlimit((pid_t)number(argv[0]), RLIMIT_NOFILE, NULL, &old), "prlimit");
}
VERB(nice_other) { result(setpriority(PRIO_PROCESS, (id_t)number(argv[0]), 0), "setpriority"); }
VERB(pin_other) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(0, &set);
    CPU_SET(1, &set);
    result(sched_setaffinity((pid_t)number(argv[0]), sizeof set, &set), "sched_setaffinity");
}
VERB(session_of) { result(getsid((pid_t)number(argv[0])), "getsid"); }
/* pids: every process that /proc shows, with its name. */
VERB(pids) {
    DIR *dir = opendir("/proc");
    if (!dir) failed("opendir");
    int n = 0;
    for (struct dirent *entry; (entry = readdir(dir));)
        if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9') {
            char path[300], name[64] = "";
            snprintf(path, sizeof path, "/proc/%.200s/comm", entry->d_name);
            int fd = open(path, O_RDONLY);
            if (fd >= 0 && read(fd, name, 63) > 0) name[strcspn(name, "\n")] = 0;
            close(fd);
            printf("%s %s\n", entry->d_name, name);
            n++;
        }
    ok("%d processes", n);
}
/* see PID: what the kernel says about one process, by number. */
VERB(see) { result(kill((pid_t)number(argv[0]), 0), "kill"); }

/* --- terminals: descriptor 0, or /dev/tty --- */
static int terminal(const char *name) {
    if (strcmp(name, "0") == 0) return 0;
    int fd = open(name, O_RDWR | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) failed("open");
    return fd;
}
/* terminal_call WHICH COMMAND: the ioctl with one harmless byte, in 64 bits as given. */
VERB(terminal_call) {
    char byte[16] = "\n";
    int fd = terminal(argv[0]);
    result(syscall(SYS_ioctl, fd, number(argv[1]), byte), "ioctl");
}
VERB(is_terminal) {
    struct termios it;
    result(tcgetattr(terminal(argv[0]), &it), "tcgetattr");
}
VERB(take_terminal) {
    setsid();
    result(ioctl(terminal(argv[0]), TIOCSCTTY, 0), "TIOCSCTTY");
}
VERB(foreground) { result(tcgetpgrp(terminal(argv[0])), "tcgetpgrp"); }
VERB(open_pty) {
    int fd = posix_openpt(O_RDWR | O_NOCTTY);
    if (fd < 0) failed("posix_openpt");
    ok("%s", "pty");
}

const struct verb process_verbs[] = {
    {"victim", 1, victim},
    {"kill", 2, send_signal},
    {"signal_group", 1, signal_group},
    {"sigqueue", 1, queue_signal},
    {"tgkill", 1, signal_thread},
    {"pidfd_signal", 1, signal_by_pidfd},
    {"owner_signal", 1, signal_by_owner},
    {"trace", 1, trace},
    {"seize", 1, seize},
    {"trace_child", 0, trace_child},
    {"trace_me", 0, trace_me},
    {"read_memory", 2, read_memory},
    {"write_memory", 2, write_memory},
    {"read_memory_file", 2, read_memory_file},
    {"steal", 2, steal},
    {"pidfd_open", 1, open_pidfd},
    {"prlimit", 1, limit_other},
    {"setpriority", 1, nice_other},
    {"setaffinity", 1, pin_other},
    {"getsid", 1, session_of},
    {"pids", 0, pids},
    {"see", 1, see},
    {"terminal_call", 2, terminal_call},
    {"terminal", 1, is_terminal},
    {"take_terminal", 1, take_terminal},
    {"foreground", 1, foreground},
    {"pty", 0, open_pty},
    {0},
};
