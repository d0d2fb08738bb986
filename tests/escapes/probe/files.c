/* Files, links and special files. */
#include "probe.h"

#include <dirent.h>
#include <linux/openat2.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <sys/file.h>
#include <pthread.h>

#define VERB(name) static void name(int argc __attribute__((unused)), char **argv __attribute__((unused)))

static int opened(int fd, const char *what) {
    if (fd == -1) failed(what);
    return fd;
}

VERB(open_read) { result(open(argv[0], O_RDONLY | O_NONBLOCK | O_NOCTTY) >= 0 ? 0 : -1, "open"); }
VERB(open_write) { result(open(argv[0], O_WRONLY | O_NONBLOCK | O_NOCTTY) >= 0 ? 0 : -1, "open"); }
VERB(read_file) {
    int fd = opened(open(argv[0], O_RDONLY | O_NONBLOCK | O_NOCTTY), "open");
    if (show(fd) < 0) failed("read");
    ok("read");
}
/* read_up PATH: like `read`, from as many `..` as there can be. */
VERB(read_up) {
    char path[4096] = "";
    for (int i = 0; i < 40; i++) strcat(path, "../");
    strncat(path, argv[0][0] == '/' ? argv[0] + 1 : argv[0], 3000);
    argv[0] = path;
    read_file(1, argv);
}
VERB(write_file) {
    int fd = opened(open(argv[0], O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_NOCTTY, 0644), "open");
    const char *text = argc > 1 ? argv[1] : "written by the probe\n";
    if (write(fd, text, strlen(text)) < 0) failed("write");
    ok("written");
}
VERB(list) {
    DIR *dir = opendir(argv[0]);
    if (!dir) failed("opendir");
    struct dirent *entry;
    while ((entry = readdir(dir)))
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")) printf("%s\n", entry->d_name);
    ok("listed");
}
VERB(stat_path) {
    struct stat it;
    if (stat(argv[0], &it)) failed("stat");
    ok("mode %o uid %d size %ld", it.st_mode, (int)it.st_uid, (long)it.st_size);
}
VERB(readlink_path) {
    char text[4096];
    ssize_t n = readlink(argv[0], text, sizeof text - 1);
    if (n < 0) failed("readlink");
    text[n] = 0;
    ok("%s", text);
}
VERB(make_link) { result(link(argv[0], argv[1]), "link"); }
VERB(make_symlink) { result(symlink(argv[0], argv[1]), "symlink"); }
VERB(rename_path) { result(rename(argv[0], argv[1]), "rename"); }
VERB(exchange) { result(syscall(SYS_renameat2, AT_FDCWD, argv[0], AT_FDCWD, argv[1], 2), "exchange"); }
VERB(unlink_path) { result(unlink(argv[0]), "unlink"); }
VERB(make_dir) { result(mkdir(argv[0], 0755), "mkdir"); }
VERB(remove_dir) { result(rmdir(argv[0]), "rmdir"); }
VERB(make_fifo) { result(mkfifo(argv[0], 0644), "mkfifo"); }
/* mknod PATH MAJOR MINOR: a character device, opened too, because a device on a nodev mount is only a name. */
VERB(make_node) {
    if (mknod(argv[0], S_IFCHR | 0666, makedev(number(argv[1]), number(argv[2])))) failed("mknod");
    int fd = open(argv[0], O_RDONLY | O_NONBLOCK);
    int kept = errno;
    unlink(argv[0]);
    errno = kept;
    if (fd < 0) failed("open");
    ok("device");
}
VERB(change_mode) { result(chmod(argv[0], (mode_t)strtol(argv[1], NULL, 8)), "chmod"); }
VERB(change_owner) { result(lchown(argv[0], (uid_t)number(argv[1]), (gid_t)number(argv[1])), "chown"); }
VERB(change_times) {
    struct timeval times[2] = {{1, 0}, {1, 0}};
    result(utimes(argv[0], times), "utimes");
}
VERB(set_xattr) { result(setxattr(argv[0], argv[1], argv[2], strlen(argv[2]), 0), "setxattr"); }
VERB(truncate_path) { result(truncate(argv[0], number(argv[1])), "truncate"); }
VERB(map_write) {
    int fd = opened(open(argv[0], O_RDWR), "open");
    char *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) failed("mmap");
    map[0] = 'X';
    if (msync(map, 4096, MS_SYNC)) failed("msync");
    ok("mapped");
}
/* reopen PATH: opens for reading, then again for writing through /proc/self/fd. */
VERB(reopen) {
    int fd = opened(open(argv[0], O_RDONLY), "open");
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int again = open(path, O_WRONLY | O_APPEND);
    if (again < 0) failed("reopen");
    result(write(again, "X\n", 2), "write");
}
/* at FD PATH: reads PATH below an open descriptor. */
VERB(read_at) {
    int fd = opened(openat(atoi(argv[0]), argv[1], O_RDONLY | O_NONBLOCK), "openat");
    if (show(fd) < 0) failed("read");
    ok("read");
}
VERB(read_fd) {
    if (show(atoi(argv[0])) < 0) failed("read");
    ok("read");
}
VERB(open_handle) {
    struct {
        struct file_handle head;
        unsigned char bytes[128];
    } handle = {.head = {.handle_bytes = 128}};
    int mount;
    if (name_to_handle_at(AT_FDCWD, argv[0], &handle.head, &mount, 0)) failed("name_to_handle_at");
    // Any open file says which file system the handle is of; the folder is on the same one as the file.
    char folder[4096];
    snprintf(folder, sizeof folder, "%s", argv[0]);
    char *end = strrchr(folder, '/');
    if (end) *end = 0;
    int at = opened(open(folder, O_RDONLY), "open");
    int fd = open_by_handle_at(at, &handle.head, O_RDONLY);
    if (fd < 0) failed("open_by_handle_at");
    show(fd);
    ok("read");
}
/* Shocker: the root directory of the file system that holds PATH, by its well-known inode number. */
VERB(open_handle_of_root) {
    struct {
        struct file_handle head;
        uint32_t inode, generation;
    } handle = {.head = {.handle_bytes = 8, .handle_type = 1}, .inode = 2, .generation = 0};
    int at = opened(open(argv[0], O_RDONLY), "open");
    result(open_by_handle_at(at, &handle.head, O_RDONLY), "open_by_handle_at");
}
VERB(watch) { result(inotify_add_watch(inotify_init1(IN_NONBLOCK), argv[0], IN_ALL_EVENTS), "watch"); }
VERB(size_of_disk) {
    struct statfs it;
    if (statfs(argv[0], &it)) failed("statfs");
    ok("blocks %lu type %lx", (unsigned long)it.f_blocks, (unsigned long)it.f_type);
}
VERB(enter) {
    if (chdir(argv[0])) failed("chdir");
    char where[4096];
    if (!getcwd(where, sizeof where)) failed("getcwd");
    ok("%s", where);
}
VERB(execute) {
    fflush(stdout);
    execv(argv[0], argv);
    failed("execv");
}
/* execute_memory PATH ARGS: runs a copy of PATH from a memfd. */
VERB(execute_memory) {
    int from = opened(open(argv[0], O_RDONLY), "open");
    int to = opened((int)syscall(SYS_memfd_create, "probe", 0), "memfd_create");
    char copy[65536];
    ssize_t n;
    while ((n = read(from, copy, sizeof copy)) > 0)
        if (write(to, copy, (size_t)n) != n) failed("write");
    extern char **environ;
    fexecve(to, argv, environ);
    failed("fexecve");
}

/* swap GOOD BAD: a thread turns one name between a link to GOOD and a link to BAD, while we read it over and over: often
   enough, and long enough for the thread to get its turn on a busy machine. */
static const char *swap_name, *swap_targets[2];
static volatile bool swap_stop;
static void *swapper(void *unused) {
    (void)unused;
    char other[4096];
    snprintf(other, sizeof other, "%s.next", swap_name);
    for (unsigned i = 0; !swap_stop; i++) {
        unlink(other);
        if (symlink(swap_targets[i & 1], other) == 0) rename(other, swap_name);
    }
    unlink(other);
    return NULL;
}
VERB(swap_links) {
    swap_name = argv[0], swap_targets[0] = argv[1], swap_targets[1] = argv[2];
    if (symlink(argv[1], argv[0])) failed("symlink");
    pthread_t thread;
    if ((errno = pthread_create(&thread, NULL, swapper, NULL))) failed("pthread_create");
    char text[256];
    int last = 0;
    time_t end = time(NULL) + 4;
    for (int i = 0; i < 20000 || time(NULL) < end; i++) {
        int fd = open(argv[0], O_RDONLY);
        if (fd < 0) {
            last = errno;
            continue;
        }
        ssize_t n = read(fd, text, sizeof text - 1);
        close(fd);
        if (n > 0 && memmem(text, (size_t)n, "SECRET", 6)) {
            swap_stop = true;
            pthread_join(thread, NULL);
            unlink(argv[0]);
            text[n] = 0;
            ok("%s", text);
        }
    }
    swap_stop = true;
    pthread_join(thread, NULL);
    unlink(argv[0]);
    errno = last ? last : ENOMSG;
    failed("swap");
}

const struct verb file_verbs[] = {
    {"open", 1, open_read},       {"open_write", 1, open_write}, {"read", 1, read_file},
    {"read_up", 1, read_up},      {"write", 1, write_file},      {"list", 1, list},
    {"stat", 1, stat_path},       {"readlink", 1, readlink_path}, {"link", 2, make_link},
    {"symlink", 2, make_symlink}, {"rename", 2, rename_path},    {"exchange", 2, exchange},
    {"unlink", 1, unlink_path},   {"mkdir", 1, make_dir},        {"rmdir", 1, remove_dir},
    {"mkfifo", 1, make_fifo},     {"mknod", 3, make_node},       {"chmod", 2, change_mode},
    {"chown", 2, change_owner},   {"utimes", 1, change_times},   {"setxattr", 3, set_xattr},
    {"truncate", 2, truncate_path}, {"map_write", 1, map_write}, {"reopen", 1, reopen},
    {"at", 2, read_at},           {"read_fd", 1, read_fd},       {"handle", 1, open_handle},
    {"handle_of_root", 1, open_handle_of_root}, {"watch", 1, watch}, {"statfs", 1, size_of_disk},
    {"chdir", 1, enter},          {"execute", 1, execute},       {"execute_memory", 1, execute_memory},
    {"swap", 3, swap_links},      {0},
};
