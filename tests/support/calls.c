/* Preloaded into a process: kills it at the n-th call of one kind, and logs the calls that change files.
   The log has a line per call, its fields separated by tabs: a letter (W: written, S: synced, R: renamed, M: folder
   made, U: removed), a path, and for S the file's size, for R the new path. What R replaces and U removes is kept as a
   hard link next to the log, whose name is the last field. Only regular files count as written. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { WRITE, FSYNC, RENAME, MKDIR, UNLINK, KINDS };
enum { BEFORE, AFTER, HALFWAY };

static int armed = -1, moment = BEFORE, log_file = -1;
static long countdown, counts[KINDS];
static char log_name[PATH_MAX];

void calls_arm(int kind, long n, int when, const char *log_path) {
    armed = kind, countdown = n, moment = when;
    memset(counts, 0, sizeof counts);
    snprintf(log_name, sizeof log_name, "%s", log_path ? log_path : "");
    log_file = log_path ? open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644) : -1;
}

long calls_count(int kind) { return counts[kind]; }

static void die(void) { kill(getpid(), SIGKILL); pause(); }

/* Count a call: 1 if the process dies at this one. */
static int due(int kind) {
    counts[kind]++;
    int now = kind == armed && --countdown == 0;
    if (now && moment == BEFORE) die();
    return now;
}

static void note(const char *letter, const char *first, const char *second, const char *third) {
    char line[3 * PATH_MAX + 8];
    int length = snprintf(line, sizeof line, "%s\t%s\t%s\t%s\n", letter, first, second, third);
    if (log_file >= 0) syscall(SYS_write, log_file, line, (size_t)length);
}

/* A hard link to a file that is about to be replaced or removed: its name, or "" if there is no such file. */
static const char *keep(const char *path, char *name) {
    static int number;
    snprintf(name, PATH_MAX, "%.4000s.kept%d", log_name, number++);
    if (log_file < 0 || link(path, name) != 0) name[0] = 0;
    return name;
}

static const char *path_of(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    path[length < 0 ? 0 : length] = 0;
    return path;
}

static int is_regular(int fd) {
    struct stat found;
    return fd != log_file && fstat(fd, &found) == 0 && S_ISREG(found.st_mode);
}

#define REAL(name, result, ...) ((result (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name))
#define DONE(kind_is_due, letter, first, second, third) \
    do { if (result >= 0) note(letter, first, second, third); if (kind_is_due) die(); } while (0)

ssize_t write(int fd, const void *data, size_t size) {
    if (!is_regular(fd)) return syscall(SYS_write, fd, data, size);
    char path[PATH_MAX];
    int now = due(WRITE);
    ssize_t result = syscall(SYS_write, fd, data, now && moment == HALFWAY ? size / 2 : size);
    DONE(now, "W", path_of(fd, path), "", "");
    return result;
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    if (!is_regular(fd)) return syscall(SYS_writev, fd, parts, count);
    char path[PATH_MAX];
    int now = due(WRITE);
    ssize_t result = syscall(SYS_writev, fd, parts, count);
    DONE(now, "W", path_of(fd, path), "", "");
    return result;
}

int fsync(int fd) {
    char path[PATH_MAX], size[32];
    struct stat found;
    int now = due(FSYNC), result = fstat(fd, &found); /* nothing is synced: the disk itself is not what is tested */
    snprintf(size, sizeof size, "%lld", (long long)found.st_size);
    DONE(now, "S", path_of(fd, path), size, "");
    return result;
}

int fdatasync(int fd) { return fsync(fd); }

int rename(const char *old, const char *new) {
    char name[PATH_MAX];
    int now = due(RENAME);
    keep(new, name);
    int result = REAL("rename", int, const char *, const char *)(old, new);
    DONE(now, "R", old, new, name);
    return result;
}

int renameat(int from, const char *old, int to, const char *new) {
    char name[PATH_MAX];
    int now = due(RENAME);
    keep(new, name);
    int result = REAL("renameat", int, int, const char *, int, const char *)(from, old, to, new);
    DONE(now, "R", old, new, name);
    return result;
}

int mkdir(const char *path, mode_t mode) {
    int now = due(MKDIR), result = REAL("mkdir", int, const char *, mode_t)(path, mode);
    DONE(now, "M", path, "", "");
    return result;
}

int unlink(const char *path) {
    char name[PATH_MAX];
    int now = due(UNLINK);
    keep(path, name);
    int result = REAL("unlink", int, const char *)(path);
    DONE(now, "U", path, "", name);
    return result;
}

int unlinkat(int folder, const char *path, int flags) {
    char name[PATH_MAX];
    int now = due(UNLINK);
    keep(path, name);
    int result = REAL("unlinkat", int, int, const char *, int)(folder, path, flags);
    DONE(now, "U", path, "", name);
    return result;
}
