/* Namespaces and mounts. `in_userns` is for controls only: it gives the rest of the line the powers of a root of its own. */
#include "probe.h"

#include <sched.h>
#include <sys/mount.h>

#define VERB(name) static void name(int argc __attribute__((unused)), char **argv __attribute__((unused)))

VERB(unshare_flags) { result(unshare((int)number(argv[0])), "unshare"); }
VERB(enter_namespace) {
    int fd = open(argv[0], O_RDONLY);
    if (fd < 0) failed("open");
    result(setns(fd, 0), "setns");
}
/* Before anything is mounted: a mount namespace of our own, from which nothing comes back to the host. Root must have
   got it; for others the attempt itself fails without it. */
static void own_mounts(void) {
    if (unshare(CLONE_NEWNS) == 0) {
        if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) failed("private");
    } else if (geteuid() == 0)
        failed("unshare");
}
/* mount TYPE TARGET; everything happens in a mount namespace of its own when the caller may have one. */
VERB(mount_type) {
    own_mounts();
    result(mount(argv[0], argv[1], argv[0], 0, argc > 2 ? argv[2] : NULL), "mount");
}
VERB(bind_mount) {
    own_mounts();
    result(mount(argv[0], argv[1], NULL, MS_BIND | MS_REC, NULL), "mount");
}
VERB(remount_writable) {
    own_mounts();
    result(mount(NULL, argv[0], NULL, MS_REMOUNT | MS_BIND, NULL), "mount");
}
VERB(unmount) {
    own_mounts();
    result(umount2(argv[0], MNT_DETACH), "umount2");
}
VERB(propagate) {
    own_mounts();
    result(mount(NULL, argv[0], NULL, MS_SHARED, NULL), "mount");
}
VERB(change_root) {
    if (chroot(argv[0])) failed("chroot");
    ok("chroot");
}
VERB(clone_tree) { result(syscall(SYS_open_tree, AT_FDCWD, argv[0], 1) < 0 ? -1 : 0, "open_tree"); }
VERB(open_filesystem) { result(syscall(SYS_fsopen, argv[0], 0) < 0 ? -1 : 0, "fsopen"); }
VERB(set_attributes) {
    uint64_t attributes[4] = {0, 1, 0, 0}; /* clear read-only */
    own_mounts();
    result(syscall(SYS_mount_setattr, AT_FDCWD, argv[0], 0, attributes, sizeof attributes), "mount_setattr");
}

static void write_text(const char *path, const char *text) {
    int fd = open(path, O_WRONLY);
    if (fd < 0 || write(fd, text, strlen(text)) < 0) failed(path);
    close(fd);
}
VERB(in_userns) {
    char map[64];
    uid_t uid = geteuid();
    gid_t gid = getegid();
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC)) failed("unshare");
    write_text("/proc/self/setgroups", "deny");
    snprintf(map, sizeof map, "0 %d 1", (int)uid);
    write_text("/proc/self/uid_map", map);
    snprintf(map, sizeof map, "0 %d 1", (int)gid);
    write_text("/proc/self/gid_map", map);
    execv("/proc/self/exe", argv - 1);
    failed("execv");
}
const struct verb namespace_verbs[] = {
    {"unshare", 1, unshare_flags},   {"setns", 1, enter_namespace},  {"mount", 2, mount_type},
    {"bind_mount", 2, bind_mount},   {"remount", 1, remount_writable}, {"umount", 1, unmount},
    {"propagate", 1, propagate},     {"chroot", 1, change_root},     {"open_tree", 1, clone_tree},
    {"fsopen", 1, open_filesystem},  {"mount_setattr", 1, set_attributes}, {"in_userns", 1, in_userns},
    {0},
};
