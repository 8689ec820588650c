/* The wall clock of one process, so many seconds away from the machine's: the file that CLOCK_JUMP names
   holds how many, as an int64, and may be written at any time. Loaded by LD_PRELOAD. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *seconds;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("CLOCK_JUMP");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *page = mmap(NULL, sizeof *seconds, PROT_READ, MAP_SHARED, file, 0);
    if (page != MAP_FAILED) seconds = page;
    close(file);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    int error = (int)syscall(SYS_clock_gettime, clock, time);
    if (!error && clock == CLOCK_REALTIME && seconds) time->tv_sec += *seconds;
    return error;
}
