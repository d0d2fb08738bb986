/* Taking too much of something. Each takes at most what its argument says, so that it is harmless outside as well. */
#include "probe.h"

#include <pthread.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/epoll.h>
#include <time.h>

#define VERB(name) static void name(int argc __attribute__((unused)), char **argv __attribute__((unused)))
#define MIB (1L << 20)

static void *idle(void *unused) {
    for (;;) pause();
    return unused;
}
/* forks N: children that stay until we have counted them. */
VERB(forks) {
    long n = number(argv[0]), done = 0;
    int problem = 0;
    for (; done < n; done++) {
        pid_t pid = fork();
        if (pid < 0) {
            problem = errno;
            break;
        }
        if (pid == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            for (;;) pause();
        }
    }
    say("made %ld", done);
    if (problem) {
        errno = problem;
        failed("fork");
    }
    ok("forks");
}
/* fork_bomb SECONDS: every child does the same, until the time is over. */
VERB(fork_bomb) {
    time_t end = time(NULL) + number(argv[0]);
    say("ok started");
    while (time(NULL) < end) fork();
    _exit(0);
}
VERB(threads) {
    long n = number(argv[0]), done = 0;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 65536);
    for (; done < n; done++) {
        pthread_t thread;
        int problem = pthread_create(&thread, &attributes, idle, NULL);
        if (problem) {
            say("made %ld", done);
            errno = problem;
            failed("pthread_create");
        }
    }
    say("made %ld", done);
    ok("threads");
}

static void fill(char *at, long size) {
    for (long i = 0; i < size; i += 4096) at[i] = 1;
}
/* A file in memory goes into a socket's queue and is closed: now it is only there. */
static void queue_file(int size_in_mib) {
    static int fds[2] = {-1, -1};
    static int used;
    static char block[MIB];
    memset(block, 1, sizeof block);
    if (used++ % 8 == 0 && socketpair(AF_UNIX, SOCK_DGRAM, 0, fds)) failed("socketpair");
    int fd = memfd_create("probe", 0);
    if (fd < 0) failed("memfd_create");
    for (int i = 0; i < size_in_mib; i++)
        if (write(fd, block, MIB) < 0) failed("write");
    union {
        char bytes[CMSG_SPACE(sizeof fd)];
        struct cmsghdr align;
    } control = {0};
    struct iovec text = {"x", 1};
    struct msghdr message = {.msg_iov = &text, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET, head->cmsg_type = SCM_RIGHTS, head->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(head), &fd, sizeof fd);
    if (sendmsg(fds[0], &message, MSG_DONTWAIT) < 0) failed("sendmsg");
    close(fd);
}
static void fill_sockets(int pairs) {
    static char block[65536];
    for (int i = 0; i < pairs; i++) {
        int fds[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds)) return;
        while (write(fds[1], block, sizeof block) > 0) {}
    }
}
static void rest(double seconds);
/* Who holds memory so long was looked at, also on a busy machine. */
#define LOOKED_AT 3
/* memory HOW MIB: brk, mmap, shared, memfd, shm (POSIX), sysv, stack, forks (spread over children), pipes, sockets. */
static void take_stack(long left) {
    volatile char frame[65536];
    for (size_t i = 0; i < sizeof frame; i += 4096) frame[i] = 1;
    if (left > 0) take_stack(left - (long)sizeof frame);
    frame[0] = 2;
}
VERB(memory) {
    long size = number(argv[1]) * MIB;
    const char *how = argv[0];
    char *map = NULL;
    if (strcmp(how, "brk") == 0) {
        map = sbrk(size);
        if (map == (void *)-1) failed("sbrk");
        fill(map, size);
    } else if (strcmp(how, "mmap") == 0 || strcmp(how, "shared") == 0) {
        int flags = MAP_ANONYMOUS | (how[0] == 'm' ? MAP_PRIVATE : MAP_SHARED);
        for (long done = 0; done < size; done += 8 * MIB) {
            map = mmap(NULL, 8 * MIB, PROT_READ | PROT_WRITE, flags, -1, 0);
            if (map == MAP_FAILED) failed("mmap");
            fill(map, 8 * MIB);
        }
    } else if (strcmp(how, "memfd") == 0) {
        /* Many small ones: a limit of one file's size does not help. */
        static char block[MIB];
        fill(block, MIB);
        for (long done = 0; done < size; done += 8 * MIB) {
            int fd = memfd_create("probe", 0);
            if (fd < 0) failed("memfd_create");
            for (int i = 0; i < 8; i++)
                if (write(fd, block, MIB) < 0) failed("write");
        }
    } else if (strcmp(how, "sysv") == 0) {
        for (long done = 0; done < size; done += 8 * MIB) {
            int id = shmget(IPC_PRIVATE, 8 * MIB, IPC_CREAT | 0600);
            if (id < 0) failed("shmget");
            map = shmat(id, NULL, 0);
            int problem = errno;
            shmctl(id, IPC_RMID, NULL);
            errno = problem;
            if (map == (void *)-1) failed("shmat");
            fill(map, 8 * MIB);
        }
    } else if (strcmp(how, "stack") == 0) {
        take_stack(size);
    } else if (strcmp(how, "forks") == 0) {
        for (long done = 0; done < size; done += 16 * MIB) {
            pid_t pid = fork();
            if (pid < 0) failed("fork");
            if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                map = mmap(NULL, 16 * MIB, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);
                if (map != MAP_FAILED) fill(map, 16 * MIB);
                kill(getppid(), SIGCONT);
                for (;;) pause();
            }
        }
        struct timespec wait = {0, 700000000};
        nanosleep(&wait, NULL);
    } else if (strcmp(how, "pipes") == 0) {
        static char block[65536];
        for (long done = 0; done < size; done += 65536) {
            int fds[2];
            if (pipe2(fds, O_NONBLOCK)) failed("pipe");
            if (write(fds[1], block, sizeof block) < 0) failed("write");
        }
    } else if (strcmp(how, "sockets") == 0) {
        static char block[65536];
        for (long done = 0; done < size; done += 65536) {
            int fds[2];
            if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds)) failed("socketpair");
            if (write(fds[1], block, sizeof block) < 0) failed("write");
        }
    } else if (strcmp(how, "breath") == 0) {
        map = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE | MAP_POPULATE, -1, 0);
        if (map == MAP_FAILED) failed("mmap");
        rest(LOOKED_AT);
    } else if (strcmp(how, "queued") == 0) {
        for (long done = 0; done < size; done += 8 * MIB) queue_file(8);
        rest(0.5);
    } else if (strcmp(how, "detached") == 0) {
        int ids[64];
        int n = 0;
        for (long done = 0; done < size && n < 64; done += 8 * MIB) {
            ids[n] = shmget(IPC_PRIVATE, 8 * MIB, IPC_CREAT | 0600);
            if (ids[n] < 0) failed("shmget");
            map = shmat(ids[n++], NULL, 0);
            if (map == (void *)-1) failed("shmat");
            fill(map, 8 * MIB);
            shmdt(map);
        }
        rest(LOOKED_AT);
        while (n > 0) shmctl(ids[--n], IPC_RMID, NULL);
    } else if (strcmp(how, "sockets_of_many") == 0) {
        /* About 200 KiB to a pair, 100 pairs to a process. Each says when its own are full. */
        int said[2], children = 0;
        char word = 'f';
        if (pipe(said)) failed("pipe");
        for (long done = 0; done < size; done += 20 * MIB, children++) {
            pid_t pid = fork();
            if (pid < 0) failed("fork");
            if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                fill_sockets(100);
                if (write(said[1], &word, 1) != 1) exit(2);
                for (;;) pause();
            }
        }
        while (children-- > 0)
            if (read(said[0], &word, 1) != 1) failed("read");
    } else if (strcmp(how, "sparse") == 0) {
        /* Two pages for every two MiB: half of the memory taken is tables. */
        long pages = size / 8192;
        map = mmap(NULL, (size_t)pages << 21, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE | MAP_NORESERVE, -1, 0);
        if (map == MAP_FAILED) failed("mmap");
        madvise(map, (size_t)pages << 21, MADV_NOHUGEPAGE);
        for (long i = 0; i < pages; i++) map[i << 21] = 1;
        rest(LOOKED_AT);
    } else
        exit(2);
    ok("took %s", argv[1]);
}
/* disk DIR MIB [MIB-PER-FILE]: writes files there, then removes them. */
VERB(disk) {
    static char block[MIB];
    long size = number(argv[1]), each = argc > 2 ? number(argv[2]) : 4, written = 0;
    int problem = 0;
    char path[4096];
    for (long i = 0; !problem && written < size; i++) {
        snprintf(path, sizeof path, "%s/fill-%ld", argv[0], i);
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
        if (fd < 0) {
            problem = errno;
            break;
        }
        unlink(path);
        for (long j = 0; j < each && written < size; j++, written++) {
            ssize_t n = write(fd, block, MIB);
            if (n != MIB) {
                problem = n < 0 ? errno : ENOSPC;
                break;
            }
        }
    }
    say("wrote %ld", written);
    errno = problem;
    if (problem) failed("write");
    ok("filled");
}
/* inodes DIR N: empty files in a folder of its own there, removed again. */
VERB(inodes) {
    long n = number(argv[1]), done = 0;
    char folder[4096], path[64];
    int problem = 0;
    snprintf(folder, sizeof folder, "%s/inodes-XXXXXX", argv[0]);
    if (!mkdtemp(folder) || chdir(folder)) failed("mkdtemp");
    for (; done < n; done++) {
        snprintf(path, sizeof path, "%ld", done);
        if (mknod(path, S_IFREG | 0600, 0)) {
            problem = errno;
            break;
        }
    }
    for (long i = 0; i < done; i++) {
        snprintf(path, sizeof path, "%ld", i);
        unlink(path);
    }
    rmdir(folder);
    say("made %ld", done);
    errno = problem;
    if (problem) failed("mknod");
    ok("inodes");
}
VERB(big_file) {
    int fd = open(argv[0], O_WRONLY | O_CREAT, 0600);
    if (fd < 0) failed("open");
    unlink(argv[0]);
    signal(SIGXFSZ, SIG_IGN);
    if (ftruncate(fd, number(argv[1]) * MIB)) failed("ftruncate");
    ok("big");
}
VERB(deep) {
    long n = number(argv[1]), done = 0;
    char folder[4096];
    snprintf(folder, sizeof folder, "%s/deep-XXXXXX", argv[0]);
    if (!mkdtemp(folder) || chdir(folder)) failed("mkdtemp");
    for (; done < n; done++)
        if (mkdir("d", 0700) || chdir("d")) break;
    int problem = errno;
    for (long i = 0; i < done; i++)
        if (chdir("..") || rmdir("d")) break;
    rmdir(folder);
    errno = problem;
    if (done < n) failed("mkdir");
    ok("deep");
}
VERB(descriptors) {
    long n = number(argv[0]), done = 0;
    for (; done < n; done++)
        if (dup(1) < 0) {
            int problem = errno;
            say("made %ld", done);
            errno = problem;
            failed("dup");
        }
    ok("descriptors");
}
VERB(kernel_objects) {
    const char *how = argv[0];
    long n = number(argv[1]);
    for (long i = 0; i < n; i++) {
        int fd;
        timer_t timer;
        if (strcmp(how, "timers") == 0) {
            struct sigevent none = {.sigev_notify = SIGEV_NONE};
            if (timer_create(CLOCK_MONOTONIC, &none, &timer)) failed("timer_create");
            continue;
        }
        if (strcmp(how, "signals") == 0) {
            sigset_t set;
            sigemptyset(&set), sigaddset(&set, SIGRTMIN), sigprocmask(SIG_BLOCK, &set, NULL);
            if (sigqueue(getpid(), SIGRTMIN, (union sigval){0})) failed("sigqueue");
            continue;
        }
        if (strcmp(how, "maps") == 0) {
            if (mmap(NULL, 4096, i & 1 ? PROT_READ : PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
                failed("mmap");
            continue;
        }
        if (strcmp(how, "locked") == 0) {
            void *map = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            if (map == MAP_FAILED || mlock(map, MIB)) failed("mlock");
            continue;
        }
        fd = strcmp(how, "inotify") == 0 ? inotify_init() : strcmp(how, "epoll") == 0 ? epoll_create(1) : eventfd(0, 0);
        if (fd < 0) failed(how);
    }
    ok("objects");
}
/* output STREAM MIB: floods it; endless when MIB is 0. line MIB: one line. drip MILLISECONDS: a byte now and then. */
VERB(output) {
    static char block[65536];
    int fd = atoi(argv[0]);
    long size = number(argv[1]) * MIB;
    for (size_t i = 0; i < sizeof block; i++) block[i] = (i & 63) == 63 ? '\n' : 'o';
    if (argc > 2) memset(block, argv[2][0], sizeof block);
    for (long done = 0; size == 0 || done < size; done += (long)sizeof block)
        if (write(fd, block, sizeof block) < 0) failed("write");
    if (write(fd, "\n", 1) < 0) failed("write");
    ok("written");
}
VERB(drip) {
    struct timespec wait = {0, number(argv[0]) * 1000000};
    for (long i = 0; argc < 2 || i < number(argv[1]); i++) {
        if (write(1, ".", 1) != 1) failed("write");
        nanosleep(&wait, NULL);
    }
    putchar('\n'), ok("dripped");
}
static void burn_until(double seconds) {
    struct timespec now;
    do clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    while ((double)now.tv_sec + (double)now.tv_nsec / 1e9 < seconds);
}
/* burn SECONDS of processor time, in one process or (with `children`) in short-lived ones, one after the other. */
VERB(burn) {
    signal(SIGXCPU, SIG_IGN);
    double seconds = atof(argv[0]);
    if (argc > 1 && strcmp(argv[1], "children") == 0) {
        for (double done = 0; done < seconds; done += 0.1) {
            pid_t pid = fork();
            if (pid < 0) failed("fork");
            if (pid == 0) {
                burn_until(0.1);
                _exit(0);
            }
            waitpid(pid, NULL, 0);
        }
    } else
        burn_until(seconds);
    ok("burnt");
}
static void rest(double seconds) {
    struct timespec wait = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    while (nanosleep(&wait, &wait) && errno == EINTR) {}
}
/* sleep SECONDS [ignoring | stopped | closed | dumpless] */
VERB(sleeping) {
    const char *how = argc > 1 ? argv[1] : "";
    if (strcmp(how, "ignoring") == 0)
        for (int i = 1; i < 65; i++) signal(i, SIG_IGN);
    if (strcmp(how, "closed") == 0) {
        say("ok closing");
        for (int fd = 0; fd < 1024; fd++) close(fd);
        rest(atof(argv[0]));
        _exit(0);
    }
    if (strcmp(how, "undumpable") == 0) prctl(PR_SET_DUMPABLE, 0);
    rest(atof(argv[0]));
    ok("slept");
}
/* stop WHO: SIGSTOP to ourselves or our parent. Somebody outside must end us. */
VERB(stop) {
    say("ok stopping");
    if (kill(strcmp(argv[0], "parent") ? getpid() : getppid(), SIGSTOP)) failed("kill");
    rest(argc > 1 ? atof(argv[1]) : 1000);
    ok("went on");
}
/* daemon SECONDS: leaves its session and its parent, keeps or closes the streams, and stays behind. */
VERB(daemonize) {
    bool keeps = argc > 1 && strcmp(argv[1], "holding") == 0;
    if (fork() > 0) {
        rest(0.05);
        ok("parent left");
    }
    setsid();
    if (fork() > 0) _exit(0);
    for (int i = 1; i < 32; i++) signal(i, SIG_IGN);
    if (!keeps)
        for (int fd = 0; fd < 3; fd++) close(fd);
    rest(atof(argv[0]));
    _exit(0);
}
/* denials N CALL: the same refused thing over and over: open, connect or mount. */
VERB(denials) {
    long n = number(argv[0]), refused = 0;
    for (long i = 0; i < n; i++) {
        long out = strcmp(argv[1], "mount") == 0    ? syscall(SYS_mount, 8, 8, 8, 0, 8)
                   : strcmp(argv[1], "socket") == 0 ? socket(AF_NETLINK, SOCK_RAW, 12)
                                                    : open(argc > 2 ? argv[2] : "/etc/shadow", O_RDONLY);
        if (out < 0) refused++;
        else close((int)out);
    }
    ok("refused %ld", refused);
}
VERB(zombies) {
    long n = number(argv[0]);
    for (long i = 0; i < n; i++) {
        pid_t pid = fork();
        if (pid < 0) failed("fork");
        if (pid == 0) _exit(0);
    }
    ok("zombies");
}
VERB(orphans) {
    long n = number(argv[0]);
    for (long i = 0; i < n; i++) {
        pid_t pid = fork();
        if (pid < 0) failed("fork");
        if (pid == 0) {
            fork();
            _exit(0);
        }
        waitpid(pid, NULL, 0);
    }
    ok("orphans");
}
static void *refused_for_ever(void *unused) {
    for (;;) {
        open("/etc/shadow", O_RDONLY);
        syscall(SYS_mount, 8, 8, 8, 0, 8);
        int fd = socket(AF_PACKET, SOCK_RAW, 0);
        if (fd >= 0) close(fd);
    }
    return unused;
}
/* dying N: as many threads are refused things while the process ends. */
VERB(dying) {
    for (long i = 0; i < number(argv[0]); i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, refused_for_ever, NULL);
    }
    rest(0.1);
    say("ok started");
    _exit(0);
}
/* odd_pointers: calls that are looked at, with arguments that cannot be read. */
VERB(odd_pointers) {
    int page = memfd_create("probe", 0);
    if (ftruncate(page, 4096)) failed("ftruncate");
    char *map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, page, 0);
    memset(map, 'a', 4096);
    /* The second page lies behind the end of the file, a string without end leads there. */
    const void *odd[] = {NULL, (void *)8, map, map + 4090, map + 4096, (void *)-1L, (void *)(1L << 47), (void *)~0xfffL};
    int fd = socket(AF_INET, SOCK_DGRAM, 0), local = socket(AF_UNIX, SOCK_STREAM, 0);
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        syscall(SYS_openat, AT_FDCWD, odd[i], O_RDONLY);
        syscall(SYS_open, odd[i], O_RDWR | O_CREAT, 0600);
        syscall(SYS_execve, odd[i], odd[i], odd[i]);
        syscall(SYS_unlink, odd[i]);
        syscall(SYS_rename, odd[i], odd[(i + 1) % 8]);
        syscall(SYS_connect, fd, odd[i], 16);
        syscall(SYS_connect, fd, odd[i], -1);
        syscall(SYS_connect, local, odd[i], 110);
        syscall(SYS_bind, fd, odd[i], 1L << 31);
        syscall(SYS_sendto, fd, odd[i], 1, 0, odd[i], 16);
        syscall(SYS_sendmsg, fd, odd[i], 0);
        syscall(SYS_mount, odd[i], odd[i], odd[i], 0, odd[i]);
    }
    ok("still here");
}
/* die SIGNAL */
VERB(die) {
    raise((int)number(argv[0]));
    ok("lives");
}

const struct verb resource_verbs[] = {
    {"forks", 1, forks},
    {"fork_bomb", 1, fork_bomb},
    {"threads", 1, threads},
    {"memory", 2, memory},
    {"disk", 2, disk},
    {"inodes", 2, inodes},
    {"big_file", 2, big_file},
    {"deep", 2, deep},
    {"descriptors", 1, descriptors},
    {"objects", 2, kernel_objects},
    {"output", 2, output},
    {"drip", 1, drip},
    {"burn", 1, burn},
    {"sleep", 1, sleeping},
    {"stop", 1, stop},
    {"daemon", 1, daemonize},
    {"denials", 2, denials},
    {"zombies", 1, zombies},
    {"orphans", 1, orphans},
    {"dying", 1, dying},
    {"odd_pointers", 0, odd_pointers},
    {"die", 1, die},
    {0},
};
