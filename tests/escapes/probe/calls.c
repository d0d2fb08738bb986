/* Raw system calls through each of the kernel's doors: native, int 0x80 (i386) and the x32 bit. */
#include "probe.h"

#include <sched.h>

/* Below 4 GiB (the probe is linked statically at a fixed place), so that the 32-bit door can reach it. */
static char buffer[4096] __attribute__((aligned(4096)));

/* bad: an address that is never mapped. buf: a page of zeros. self: our pid. null: a descriptor of /dev/null. */
long number(const char *text) {
    if (strcmp(text, "bad") == 0) return 8;
    if (strcmp(text, "buf") == 0) return (long)buffer;
    if (strcmp(text, "self") == 0) return getpid();
    if (strcmp(text, "parent") == 0) return getppid();
    if (strcmp(text, "null") == 0) return open("/dev/null", O_RDWR);
    if (strncmp(text, "open:", 5) == 0) return open(text + 5, O_RDONLY);
    if (strncmp(text, "path:", 5) == 0) {
        strncpy(buffer + 2048, text + 5, 2047);
        return (long)(buffer + 2048);
    }
    if (text[0] == '-') return (long)strtoll(text, NULL, 0);
    return (long)strtoull(text, NULL, 0);
}

static long int80(long nr, const long a[6]) {
    struct {
        uint32_t nr, b, c, d, si, di, bp;
    } in = {(uint32_t)nr,   (uint32_t)a[0], (uint32_t)a[1], (uint32_t)a[2],
            (uint32_t)a[3], (uint32_t)a[4], (uint32_t)a[5]};
    long out;
    const void *at = &in;
    /* The words below the stack pointer may be in use: the pushes stay clear of them. */
    __asm__ volatile("sub $128, %%rsp\n push %%rbx\n push %%rbp\n"
                     "mov %%rsi, %%r12\n"
                     "mov 4(%%r12), %%ebx\n mov 8(%%r12), %%ecx\n mov 12(%%r12), %%edx\n"
                     "mov 16(%%r12), %%esi\n mov 20(%%r12), %%edi\n mov 24(%%r12), %%ebp\n"
                     "mov 0(%%r12), %%eax\n"
                     "int $0x80\n"
                     "pop %%rbp\n pop %%rbx\n add $128, %%rsp\n"
                     : "=a"(out), "+S"(at)
                     :
                     : "memory", "rcx", "rdx", "rdi", "r8", "r9", "r10", "r11", "r12", "cc");
    int32_t narrow = (int32_t)out;
    if (narrow < 0 && narrow > -4096) {
        errno = -narrow;
        return -1;
    }
    return narrow;
}

static void call(int argc, char **argv) {
    long a[6] = {0};
    long nr = number(argv[1]);
    for (int i = 2; i < argc && i < 8; i++) a[i - 2] = number(argv[i]);
    errno = 0;
    /* vhangup (111 of i386, 153) must not reach the terminal that the runner sits at. */
    if (nr == 111 || nr == 153) setsid();
    pid_t before = getpid();
    long out;
    if (strcmp(argv[0], "int80") == 0)
        out = int80(nr, a);
    else if (strcmp(argv[0], "x32") == 0)
        out = syscall(nr | 0x40000000, a[0], a[1], a[2], a[3], a[4], a[5]);
    else
        out = syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
    if (getpid() != before) _exit(0); /* the call forked, and we are the child */
    result(out, "call");
}

/* clone FLAGS: the raw call with SIGCHLD added; the child leaves at once. */
static void clone_flags(int argc, char **argv) {
    (void)argc;
    long flags = number(argv[0]);
    long out = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
    if (out == 0) _exit(0);
    if (out == -1) failed("clone");
    waitpid((pid_t)out, NULL, __WALL);
    ok("clone");
}

/* clone3 FLAGS */
static void clone3_flags(int argc, char **argv) {
    (void)argc;
    uint64_t arguments[11] = {0};
    arguments[0] = (uint64_t)number(argv[0]);
    arguments[4] = SIGCHLD;
    long out = syscall(435, arguments, sizeof arguments);
    if (out == 0) _exit(0);
    if (out == -1) failed("clone3");
    waitpid((pid_t)out, NULL, __WALL);
    ok("clone3");
}

/* socketcall FAMILY TYPE PROTOCOL: socket() through the i386 multiplexer, where a filter cannot see the family. */
static void socketcall(int argc, char **argv) {
    (void)argc;
    uint32_t *values = (uint32_t *)buffer;
    for (int i = 0; i < 3; i++) values[i] = (uint32_t)number(argv[i]);
    long a[6] = {1, (long)buffer, 0, 0, 0, 0};
    result(int80(102, a), "socketcall");
}

const struct verb call_verbs[] = {
    {"call", 2, call}, {"clone", 1, clone_flags}, {"clone3", 1, clone3_flags}, {"socketcall", 3, socketcall}, {0},
};
