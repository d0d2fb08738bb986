/* Who we are, what we inherited, and what the machine tells about itself. */
#include "probe.h"

#include <dirent.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#define VERB(name) static void name(int argc __attribute__((unused)), char **argv __attribute__((unused)))

/* status KEY: that line of /proc/self/status. */
VERB(status) {
    FILE *file = fopen("/proc/self/status", "r");
    char line[512];
    if (!file) failed("open");
    while (fgets(line, sizeof line, file))
        if (strncmp(line, argv[0], strlen(argv[0])) == 0 && line[strlen(argv[0])] == ':') {
            for (char *c = line; *c; c++)
                if (*c == '\t') *c = ' ';
            line[strcspn(line, "\n")] = 0;
            ok("%s", line);
        }
    errno = ENOENT;
    failed(argv[0]);
}
VERB(ids) {
    uid_t r, e, s;
    gid_t gr, ge, gs;
    getresuid(&r, &e, &s);
    getresgid(&gr, &ge, &gs);
    ok("uid %d %d %d gid %d %d %d", r, e, s, gr, ge, gs);
}
VERB(groups) {
    gid_t all[256];
    int n = getgroups(256, all);
    if (n < 0) failed("getgroups");
    printf("groups");
    for (int i = 0; i < n; i++) printf(" %d", (int)all[i]);
    puts("");
    ok("%d groups", n);
}
VERB(set_uid) { result(setresuid((uid_t)number(argv[0]), (uid_t)number(argv[0]), (uid_t)number(argv[0])), "setresuid"); }
VERB(set_gid) { result(setresgid((gid_t)number(argv[0]), (gid_t)number(argv[0]), (gid_t)number(argv[0])), "setresgid"); }
VERB(set_groups) {
    gid_t one = 0;
    result(setgroups(1, &one), "setgroups");
}
VERB(set_capabilities) {
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {{1u << CAP_SYS_ADMIN % 32, 1u << CAP_SYS_ADMIN % 32, 0}, {0}};
    result(syscall(SYS_capset, &head, data), "capset");
}
/* raise: the ambient set; bounding N: whether the bounding set still has capability N. */
VERB(raise_ambient) { result(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0), "ambient"); }
VERB(bounding) { ok("bounding %d", prctl(PR_CAPBSET_READ, number(argv[0]))); }
VERB(securebits) { ok("securebits 0x%x", prctl(PR_GET_SECUREBITS)); }
VERB(set_securebits) { result(prctl(PR_SET_SECUREBITS, 0), "securebits"); }
VERB(clear_no_new_privs) { result(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), "no_new_privs"); }
VERB(listener) {
    struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {1, &allow};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    result(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program) < 0 ? -1 : 0,
           "seccomp");
}
VERB(own_filter) {
    struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {1, &allow};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    result(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program), "seccomp");
}
VERB(set_personality) { result(personality((unsigned long)number(argv[0])), "personality"); }
VERB(get_personality) { ok("personality 0x%x", personality(0xffffffff)); }

/* fds: every open descriptor and what it is. */
VERB(fds) {
    DIR *dir = opendir("/proc/self/fd");
    if (!dir) failed("opendir");
    int n = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] == '.' || atoi(entry->d_name) == dirfd(dir)) continue;
        char path[300], text[4096];
        snprintf(path, sizeof path, "/proc/self/fd/%.200s", entry->d_name);
        ssize_t length = readlink(path, text, sizeof text - 1);
        text[length < 0 ? 0 : length] = 0;
        printf("fd %s %s\n", entry->d_name, text);
        n++;
    }
    ok("%d descriptors", n);
}
/* fds_by_number: the same without /proc, in case it hides some. */
VERB(fds_by_number) {
    int n = 0;
    for (int fd = 0; fd < 65536; fd++)
        if (fcntl(fd, F_GETFD) >= 0) n++;
    ok("%d descriptors", n);
}
VERB(environment) {
    extern char **environ;
    int n = 0;
    for (char **one = environ; *one; one++, n++) puts(*one);
    ok("%d variables", n);
}
VERB(signals) {
    sigset_t blocked;
    sigprocmask(SIG_BLOCK, NULL, &blocked);
    for (int i = 1; i < 65; i++) {
        struct sigaction it;
        if (sigismember(&blocked, i) == 1) printf("blocked %d\n", i);
        if (syscall(SYS_rt_sigaction, i, NULL, &it, 8) == 0 && it.sa_handler == SIG_IGN) printf("ignored %d\n", i);
    }
    ok("signals");
}
VERB(mask) {
    mode_t it = umask(0);
    ok("umask %o", it);
}
VERB(session) {
    ok("sid %d pgid %d pid %d ppid %d leader %s", getsid(0), getpgid(0), getpid(), getppid(),
       getsid(0) == getpid() ? "yes" : "no");
}
VERB(host_name) {
    struct utsname it;
    uname(&it);
    ok("%s %s", it.nodename, it.domainname);
}
VERB(limits) {
    struct rlimit it;
    getrlimit((__rlimit_resource_t)number(argv[0]), &it);
    ok("soft %ld hard %ld", (long)it.rlim_cur, (long)it.rlim_max);
}
VERB(raise_limit) {
    struct rlimit it;
    getrlimit((__rlimit_resource_t)number(argv[0]), &it);
    it.rlim_cur = it.rlim_max = it.rlim_max + 1;
    result(setrlimit((__rlimit_resource_t)number(argv[0]), &it), "setrlimit");
}
/* key NAME: looks for a key of the session's keyrings and shows what it holds. */
VERB(find_key) {
    long key = syscall(SYS_request_key, "user", argv[0], NULL, 0);
    if (key < 0) key = syscall(SYS_keyctl, 10 /* SEARCH */, -3 /* session */, "user", argv[0], 0);
    if (key < 0) failed("request_key");
    char text[256] = "";
    if (syscall(SYS_keyctl, 11 /* READ */, key, text, 255) < 0) failed("keyctl");
    ok("%s", text);
}

const struct verb identity_verbs[] = {
    {"status", 1, status},
    {"ids", 0, ids},
    {"groups", 0, groups},
    {"setuid", 1, set_uid},
    {"setgid", 1, set_gid},
    {"setgroups", 0, set_groups},
    {"capset", 0, set_capabilities},
    {"ambient", 0, raise_ambient},
    {"bounding", 1, bounding},
    {"securebits", 0, securebits},
    {"set_securebits", 0, set_securebits},
    {"clear_no_new_privs", 0, clear_no_new_privs},
    {"listener", 0, listener},
    {"own_filter", 0, own_filter},
    {"personality", 1, set_personality},
    {"get_personality", 0, get_personality},
    {"fds", 0, fds},
    {"fds_by_number", 0, fds_by_number},
    {"environment", 0, environment},
    {"signals", 0, signals},
    {"umask", 0, mask},
    {"session", 0, session},
    {"hostname", 0, host_name},
    {"rlimit", 1, limits},
    {"raise_rlimit", 1, raise_limit},
    {"key", 1, find_key},
    {0},
};
