/* Asks for something that is refused from a stack that is none, with everything around it overwritten. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char path[] = "/etc/shadow";

static long open_with_stack(unsigned long stack) {
    long given;
    __asm__ volatile("mov %%rsp, %%r12\n\tmov %1, %%rsp\n\tsyscall\n\tmov %%r12, %%rsp"
                     : "=a"(given)
                     : "r"(stack), "a"((long)SYS_open), "D"(path), "S"(0L)
                     : "rcx", "r11", "r12", "memory");
    return given;
}

int main(void) {
    unsigned long length = 1 << 20;
    unsigned char *own = mmap(0, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    unsigned long *words = (unsigned long *)own;
    unsigned long stacks[] = {0, 8, 0x7fffffffffff, 0x800000000000, ~0ul, (unsigned long)own, (unsigned long)own + length - 8,
                              (unsigned long)own + length, (unsigned long)own + 3};
    for (unsigned long word = 0; word < length / 8; word++) {
        /* Looks like return addresses into this program, for ever. */
        words[word] = (unsigned long)main + word % 4096;
    }
    for (unsigned long each = 0; each < sizeof stacks / sizeof *stacks; each++) {
        printf("%ld\n", open_with_stack(stacks[each]));
        fflush(stdout);
    }
    return 0;
}
