// Starts one command many times and says how long each took: spawn [-j JOBS] COUNT COMMAND [ARG...]
// Prints one line `WALL_NS CPU_NS` for each start (one at a time), or `TOTAL_WALL_NS COUNT` (with -j). CPU is that of the
// whole tree below the command: orphans come to us, because a sandbox's first process often does not wait for its child.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static long long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static long long cpu_of_children(void) {
    struct rusage u;
    getrusage(RUSAGE_CHILDREN, &u);
    return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000000LL + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000LL;
}

static posix_spawn_file_actions_t actions;

static pid_t start(char **argv) {
    pid_t pid;
    int error = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
    if (error) {
        fprintf(stderr, "%s: %s\n", argv[0], strerror(error));
        exit(2);
    }
    return pid;
}

// An unmeasured failure would look like speed.
static void must_be_zero(int status, char **argv) {
    if (status != 0) {
        fprintf(stderr, "%s: wait status %#x\n", argv[0], status);
        exit(3);
    }
}

int main(int argc, char **argv) {
    int jobs = 0, at = 1;
    if (argc > 2 && !strcmp(argv[1], "-j")) jobs = atoi(argv[2]), at = 3;
    if (argc < at + 2) return 64;
    int count = atoi(argv[at]);
    char **command = argv + at + 1;
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    // Opened anew for each start, because bubblewrap reads it to its end.
    if (getenv("SPAWN_FILTER")) posix_spawn_file_actions_addopen(&actions, 9, getenv("SPAWN_FILTER"), O_RDONLY, 0);
    if (!jobs) {
        for (int i = 0; i < count; i++) {
            long long cpu = cpu_of_children(), begin = now();
            pid_t pid = start(command);
            int status;
            while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
            long long wall = now() - begin;
            must_be_zero(status, command);
            while (waitpid(-1, NULL, 0) > 0) {} // orphans, so that their time is counted with this start
            printf("%lld %lld\n", wall, cpu_of_children() - cpu);
        }
        return 0;
    }
    pid_t *mine = calloc(jobs, sizeof *mine);
    long long begin = now();
    int started = 0, ended = 0;
    for (; started < jobs && started < count; started++) mine[started] = start(command);
    while (ended < count) {
        int status;
        pid_t pid = waitpid(-1, &status, 0);
        if (pid < 0 && errno == ECHILD) break;
        for (int i = 0; i < jobs; i++)
            if (pid == mine[i]) {
                must_be_zero(status, command);
                ended++;
                mine[i] = started < count ? (started++, start(command)) : 0;
            }
    }
    printf("%lld %d\n", now() - begin, ended);
    return ended == count ? 0 : 4;
}
