/* A disk that fails as long as a file is there: preloaded, it stands between the log and the C library. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static int fails(const char *variable) {
    const char *file = getenv(variable);
    if (file == NULL || access(file, F_OK) != 0) return 0;
    errno = EIO;
    return 1;
}

int fdatasync(int file) { return fails("SYNC_FAILS_IF") ? -1 : (int)syscall(SYS_fdatasync, file); }
int fsync(int file) { return fails("SYNC_FAILS_IF") ? -1 : (int)syscall(SYS_fsync, file); }
int ftruncate(int file, off_t length) { return fails("CUT_FAILS_IF") ? -1 : (int)syscall(SYS_ftruncate, file, length); }
int ftruncate64(int file, off64_t length) { return fails("CUT_FAILS_IF") ? -1 : (int)syscall(SYS_ftruncate, file, length); }
