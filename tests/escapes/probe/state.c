/* Leaving something for another run, and finding it. `keep` verbs hold it until standard input ends. */
#include "probe.h"

#include <mqueue.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

#define VERB(name) static void name(int argc __attribute__((unused)), char **argv __attribute__((unused)))

/* leave KIND NAME: makes the thing. `keep` leaves it and then stays; the runner ends it. */
static void leave_one(const char *kind, const char *name) {
    int id;
    if (strcmp(kind, "shm") == 0) {
        id = shm_open(name, O_CREAT | O_RDWR, 0666);
        if (id < 0) failed("shm_open");
        if (write(id, "LEFT", 4) != 4) failed("write");
    } else if (strcmp(kind, "sysv_shm") == 0) {
        id = shmget((key_t)number(name), 4096, IPC_CREAT | 0666);
        if (id < 0) failed("shmget");
    } else if (strcmp(kind, "sysv_sem") == 0) {
        if (semget((key_t)number(name), 1, IPC_CREAT | 0666) < 0) failed("semget");
    } else if (strcmp(kind, "sysv_msg") == 0) {
        if (msgget((key_t)number(name), IPC_CREAT | 0666) < 0) failed("msgget");
    } else if (strcmp(kind, "mqueue") == 0) {
        struct mq_attr attributes = {.mq_maxmsg = 1, .mq_msgsize = 16};
        if (mq_open(name, O_CREAT | O_RDWR, 0666, &attributes) < 0) failed("mq_open");
    } else if (strcmp(kind, "file") == 0) {
        int fd = open(name, O_CREAT | O_WRONLY, 0666);
        if (fd < 0) failed("open");
        if (write(fd, "LEFT", 4) != 4) failed("write");
    } else if (strcmp(kind, "flock") == 0) {
        int fd = open(name, O_RDONLY);
        if (fd < 0) failed("open");
        if (flock(fd, LOCK_EX | LOCK_NB)) failed("flock");
    } else if (strcmp(kind, "lock") == 0) {
        int fd = open(name, O_RDWR);
        struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        if (fd < 0) failed("open");
        if (fcntl(fd, F_OFD_SETLK, &all)) failed("fcntl");
    } else
        exit(2);
}
VERB(leave) {
    leave_one(argv[0], argv[1]);
    ok("left");
}
VERB(keep) {
    leave_one(argv[0], argv[1]);
    say("ok ready");
    for (;;) pause();
}
/* find KIND NAME: ok when it is there (for locks: when somebody else holds it). */
VERB(find) {
    const char *kind = argv[0], *name = argv[1];
    if (strcmp(kind, "shm") == 0) result(shm_open(name, O_RDONLY, 0) < 0 ? -1 : 0, "shm_open");
    if (strcmp(kind, "sysv_shm") == 0) result(shmget((key_t)number(name), 0, 0) < 0 ? -1 : 0, "shmget");
    if (strcmp(kind, "sysv_sem") == 0) result(semget((key_t)number(name), 0, 0) < 0 ? -1 : 0, "semget");
    if (strcmp(kind, "sysv_msg") == 0) result(msgget((key_t)number(name), 0) < 0 ? -1 : 0, "msgget");
    if (strcmp(kind, "mqueue") == 0) result(mq_open(name, O_RDONLY) < 0 ? -1 : 0, "mq_open");
    if (strcmp(kind, "file") == 0) result(open(name, O_RDONLY) < 0 ? -1 : 0, "open");
    if (strcmp(kind, "flock") == 0) {
        int fd = open(name, O_RDONLY);
        if (fd < 0) failed("open");
        if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
            errno = ENOLCK;
            failed("nobody holds it");
        }
        ok("held");
    }
    if (strcmp(kind, "lock") == 0) {
        struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        int fd = open(name, O_RDWR);
        if (fd < 0) failed("open");
        if (fcntl(fd, F_OFD_GETLK, &all)) failed("fcntl");
        if (all.l_type == F_UNLCK) {
            errno = ENOLCK;
            failed("nobody holds it");
        }
        ok("held");
    }
    exit(2);
}
/* drop KIND NAME: takes it away again; the runner calls it after controls. */
VERB(drop) {
    const char *kind = argv[0], *name = argv[1];
    long key = number(name);
    if (strcmp(kind, "shm") == 0) shm_unlink(name);
    if (strcmp(kind, "sysv_shm") == 0) shmctl(shmget((key_t)key, 0, 0), IPC_RMID, NULL);
    if (strcmp(kind, "sysv_sem") == 0) semctl(semget((key_t)key, 0, 0), 0, IPC_RMID);
    if (strcmp(kind, "sysv_msg") == 0) msgctl(msgget((key_t)key, 0), IPC_RMID, NULL);
    if (strcmp(kind, "mqueue") == 0) mq_unlink(name);
    if (strcmp(kind, "file") == 0) unlink(name);
    ok("dropped");
}

const struct verb state_verbs[] = {
    {"leave", 2, leave}, {"keep", 2, keep}, {"find", 2, find}, {"drop", 2, drop}, {0},
};
