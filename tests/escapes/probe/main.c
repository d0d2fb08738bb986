/* The probe: one attempt per call. It tells the outcome in one line and leaves nothing behind. */
#include "probe.h"

#include <stdarg.h>

void say(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
}

void ok(const char *format, ...) {
    va_list arguments;
    printf("ok ");
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
    _exit(0);
}

void failed(const char *what) {
    int number = errno;
    const char *name = strerrorname_np(number);
    say("errno %s %s", name ? name : "unknown", what);
    _exit(1);
}

void result(long value, const char *what) {
    if (value == -1) failed(what);
    ok("%s %ld", what, value);
}

ssize_t show(int fd) {
    static char buffer[65536];
    ssize_t total = 0, n;
    char last = '\n';
    fflush(stdout);
    while ((n = read(fd, buffer, sizeof buffer)) > 0) {
        total += n;
        last = buffer[n - 1];
        if (write(1, buffer, (size_t)n) != n) break;
        if (total > 1 << 20) break;
    }
    /* The outcome stands on a line of its own. */
    int kept = errno;
    if (last != '\n' && write(1, "\n", 1) != 1) return -1;
    errno = kept;
    return n < 0 && total == 0 ? -1 : total;
}

int main(int argc, char **argv) {
    const struct verb *const tables[] = {call_verbs,     file_verbs,     network_verbs,  process_verbs, namespace_verbs,
                                         identity_verbs, resource_verbs, state_verbs, caller_verbs};
    if (argc < 2) return 2;
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        for (const struct verb *verb = tables[t]; verb->name; verb++)
            if (strcmp(verb->name, argv[1]) == 0) {
                if (argc - 2 < verb->least) {
                    say("usage: %s needs %d arguments", verb->name, verb->least);
                    return 2;
                }
                verb->run(argc - 2, argv + 2);
                return 0;
            }
    say("usage: no verb %s", argv[1]);
    return 2;
}
