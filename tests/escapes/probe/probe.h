/* What the verbs of the probe share: how an outcome is told, and the table of verbs. */
#ifndef PROBE_H
#define PROBE_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

/* A verb gets its arguments from argv[0] on (its own name left out) and never returns without an outcome. */
struct verb {
    const char *name;
    int least; /* arguments it needs */
    void (*run)(int argc, char **argv);
};

extern const struct verb call_verbs[], file_verbs[], network_verbs[], process_verbs[], namespace_verbs[],
    identity_verbs[], resource_verbs[], state_verbs[], caller_verbs[];

/* The outcome: one line, `ok ...` or `errno NAME ...`, and the end of the process. */
_Noreturn void ok(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void failed(const char *what);
_Noreturn void result(long value, const char *what); /* ok when it is not -1, else failed */

/* A number in any base, or one of the words of the call verbs: see calls.c. */
long number(const char *text);
/* Prints the line at once, for verbs that go on living. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Copies what `fd` holds to standard output. */
ssize_t show(int fd);

#endif
