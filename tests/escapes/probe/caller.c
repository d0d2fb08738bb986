/* The careless caller: starts a command with everything a user's shell might leave open, then makes sure that all
   its descendants are gone. Both controls and runs in the cell are started by it. */
#include "probe.h"

#include <dirent.h>
#include <grp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <termios.h>
#include <time.h>

static double now(void) {
    struct timespec it;
    clock_gettime(CLOCK_MONOTONIC, &it);
    return (double)it.tv_sec + (double)it.tv_nsec / 1e9;
}

/* Waits for the next change among our children, at most until `end`. False when the time is over. */
static bool wait_for_child(double end) {
    sigset_t set;
    sigemptyset(&set), sigaddset(&set, SIGCHLD);
    double left = end - now();
    if (left <= 0) return false;
    struct timespec wait = {(time_t)left, (long)((left - (double)(time_t)left) * 1e9)};
    return sigtimedwait(&set, NULL, &wait) == SIGCHLD;
}

/* Our children that still live, told or given to `each`, and how many. */
static int children(void (*each)(pid_t)) {
    int n = 0;
    char path[300], text[512];
    DIR *dir = opendir("/proc");
    if (!dir) return 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        int parent = 0;
        char state;
        snprintf(path, sizeof path, "/proc/%.200s/stat", entry->d_name);
        FILE *file = atoi(entry->d_name) > 0 ? fopen(path, "r") : NULL;
        if (!file) continue;
        if (fgets(text, sizeof text, file)) {
            char *behind = strrchr(text, ')');
            if (behind && sscanf(behind + 1, " %c %d", &state, &parent) == 2 && parent == getpid() && state != 'Z') {
                n++;
                if (each) each(atoi(entry->d_name));
                else dprintf(2, "left behind: %.*s\n", (int)(behind + 1 - text), text);
            }
        }
        fclose(file);
    }
    closedir(dir);
    return n;
}
static void end(pid_t pid) { kill(pid, SIGKILL); }

static void be_careless(const char *home, const char *file) {
    int dir = open(home, O_RDONLY | O_DIRECTORY);
    int secret = open(file, O_RDWR);
    if (dir >= 0) dup2(dir, 20), close(dir);
    if (secret >= 0) dup2(secret, 21), close(secret);
    umask(0);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    sigset_t set;
    sigemptyset(&set), sigaddset(&set, SIGUSR1), sigprocmask(SIG_BLOCK, &set, NULL);
    personality(0x0040000 /* ADDR_NO_RANDOMIZE */);
    char text[256] = "";
    int fd = open(file, O_RDONLY);
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n > 0) {
        text[strcspn(text, "\n")] = 0;
        syscall(SYS_keyctl, 1 /* JOIN_SESSION_KEYRING */, "belljar-escapes");
        syscall(SYS_add_key, "user", "belljar-escapes", text, strlen(text), -3);
        const char *names[] = {"AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "SSH_AUTH_SOCK", "DBUS_SESSION_BUS_ADDRESS",
                               "GIT_CONFIG_VALUE_0",    "DATABASE_URL", "npm_config__auth", "MY_OWN_SETTING"};
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) setenv(names[i], text, 1);
    }
}

/* From root to an ordinary user who is in one more group. */
static void become(uid_t uid, gid_t group) {
    if (setgroups(1, &group) || setresgid(uid, uid, uid) || setresuid(uid, uid, uid)) failed("become");
}

/* A terminal of our own for the command: gives the master. */
static int terminal_for(char *name, size_t size) {
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0 || grantpt(master) || unlockpt(master) || ptsname_r(master, name, size)) failed("pty");
    return master;
}

/* caller [--become UID GROUP] [--careless HOME FILE] [--terminal] [--signal-when-it-speaks N] [--deadline S] [--grace S] -- COMMAND */
static void caller(int argc, char **argv) {
    bool with_terminal = false;
    int signal_when_it_speaks = 0;
    double deadline = 20, grace = 2;
    int i = 0;
    for (; i < argc && strcmp(argv[i], "--"); i++) {
        if (strcmp(argv[i], "--careless") == 0) be_careless(argv[i + 1], argv[i + 2]), i += 2;
        else if (strcmp(argv[i], "--become") == 0) become((uid_t)atoi(argv[i + 1]), (gid_t)atoi(argv[i + 2])), i += 2;
        else if (strcmp(argv[i], "--terminal") == 0) with_terminal = true;
        else if (strcmp(argv[i], "--signal-when-it-speaks") == 0) signal_when_it_speaks = atoi(argv[++i]);
        else if (strcmp(argv[i], "--deadline") == 0) deadline = atof(argv[++i]);
        else if (strcmp(argv[i], "--grace") == 0) grace = atof(argv[++i]);
        else exit(2);
    }
    char **command = argv + i + 1;
    /* A group of our own: a signal to it must not reach the runner and those who started it. */
    setpgid(0, 0);
    sigset_t set, before;
    sigemptyset(&set), sigaddset(&set, SIGCHLD), sigaddset(&set, SIGUSR1), sigprocmask(SIG_BLOCK, &set, &before);
    prctl(PR_SET_CHILD_SUBREAPER, 1);

    char name[64];
    int master = with_terminal ? terminal_for(name, sizeof name) : -1;
    int speaks[2] = {-1, -1};
    if (signal_when_it_speaks && pipe2(speaks, O_CLOEXEC)) failed("pipe");
    pid_t pid = fork();
    if (pid < 0) failed("fork");
    if (pid == 0) {
        sigprocmask(SIG_SETMASK, &before, NULL);
        /* The runner ends a caller by killing it; a command must not outlive that. */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (with_terminal) {
            setsid();
            int slave = open(name, O_RDWR);
            if (slave < 0) failed("open");
            ioctl(slave, TIOCSCTTY, 0);
            dup2(slave, 0);
            close(slave);
        }
        if (signal_when_it_speaks) dup2(speaks[1], 1);
        execvp(command[0], command);
        failed(command[0]);
    }
    if (signal_when_it_speaks) {
        char text[4096];
        close(speaks[1]);
        struct pollfd wait = {.fd = speaks[0], .events = POLLIN};
        if (poll(&wait, 1, (int)(deadline * 1000)) == 1) {
            ssize_t n = read(speaks[0], text, sizeof text);
            if (n > 0 && write(1, text, (size_t)n) != n) exit(2);
        }
        kill(pid, signal_when_it_speaks);
    }
    int status = 0;
    double until = now() + deadline;
    while (waitpid(pid, &status, WNOHANG) == 0)
        if (!wait_for_child(until)) {
            dprintf(2, "out of time: %s\n", command[0]);
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
            break;
        }
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (master >= 0) {
        /* Whatever was pushed into the terminal's input would be typed into the user's shell. */
        int waiting = 0, slave = open(name, O_RDWR | O_NOCTTY);
        ioctl(slave, FIONREAD, &waiting);
        if (waiting) dprintf(2, "typed into the terminal: %d bytes\n", waiting);
    }
    sigset_t pending;
    sigpending(&pending);
    if (sigismember(&pending, SIGUSR1)) dprintf(2, "the caller got a signal\n");
    until = now() + grace;
    pid_t other;
    int ignored;
    while ((other = waitpid(-1, &ignored, WNOHANG | __WALL)) >= 0)
        if (other == 0 && !wait_for_child(until)) break;
    if (other >= 0) {
        if (children(NULL)) code = 99;
        for (int round = 0; round < 50 && children(end); round++)
            while (waitpid(-1, &ignored, WNOHANG | __WALL) > 0) {}
    }
    _exit(code);
}

const struct verb caller_verbs[] = {{"caller", 2, caller}, {0}};
