/* SPDX-License-Identifier: Apache-2.0 */
#include "workload.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

uint64_t system_call_unit(void)
{
    uint64_t sum = 0;
    for (int i = 0; i < 1000; i++) {
        sum += (uint64_t)syscall(SYS_getppid) != 0;
    }
    return sum;
}

uint64_t fork_unit(void)
{
    uint64_t ended = 0;
    for (int i = 0; i < 8; i++) {
        pid_t child = fork();
        if (child == 0) {
            _exit(0);
        }
        int status;
        ended += waitpid(child, &status, 0) == child && status == 0;
    }
    return ended;
}

uint64_t page_fault_unit(void)
{
    enum { SIZE = 4 << 20 };
    volatile uint8_t *pages = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    madvise((void *)(uintptr_t)pages, SIZE, MADV_NOHUGEPAGE);
    uint64_t sum = 0;
    for (int at = 0; at < SIZE; at += 4096) {
        pages[at] = 1;
        sum += pages[at];
    }
    munmap((void *)(uintptr_t)pages, SIZE);
    return sum;
}

static int there[2], back[2];

static void *answer(void *context)
{
    char byte;
    while (read(there[0], &byte, 1) == 1 && byte != 0) {
        if (write(back[1], &byte, 1) != 1) {
            break;
        }
    }
    return context;
}

uint64_t ping_pong_unit(void)
{
    pthread_t thread;
    char byte = 1;
    uint64_t turns = 0;
    if (pipe(there) != 0 || pipe(back) != 0 || pthread_create(&thread, NULL, answer, NULL) != 0) {
        exit(1);
    }
    for (int i = 0; i < 500; i++) {
        turns += write(there[1], &byte, 1) == 1 && read(back[0], &byte, 1) == 1;
    }
    byte = 0;
    turns += write(there[1], &byte, 1) == 1;
    pthread_join(thread, NULL);
    for (int i = 0; i < 2; i++) {
        close(there[i]);
        close(back[i]);
    }
    return turns;
}

uint64_t exec_unit(void)
{
    uint64_t ended = 0;
    for (int i = 0; i < 8; i++) {
        pid_t child = fork();
        if (child == 0) {
            execl("/proc/self/exe", "bench", "nothing", (char *)NULL);
            _exit(1);
        }
        int status;
        ended += waitpid(child, &status, 0) == child && status == 0;
    }
    return ended;
}
