/* An LD_PRELOAD shim for crash tests: remembers, for every file below $POWERCUT_DIR, how to undo the writes since the last
 * fsync. After SIGKILL `powercut undo DIR` takes them back, which leaves what a power cut would have left.
 *
 *   POWERCUT_DIR   the watched directory; must exist
 *   POWERCUT_FAST  if set, fsync only forgets the undo records: the page cache outlives SIGKILL, so tests need no disk
 *
 * `-shm` files are ignored, as they are dropped. Several threads and processes may write. Never seen: writes by io_uring, by
 * stdio's own buffers and through shared mappings (SQLite maps only -shm writable). A record is complete before its write
 * begins, so a kill between the two only undoes nothing. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "journal.h"

static char watched[PATH_MAX];
static size_t watched_length;
static int is_fast;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int folder_lock = -1;

#define REAL(result, name, ...)                                                                                            \
    static result (*real_##name)(__VA_ARGS__);                                                                             \
    static result (*resolve_##name(void))(__VA_ARGS__) {                                                                   \
        if (!real_##name) *(void **)&real_##name = dlsym(RTLD_NEXT, #name);                                                \
        return real_##name;                                                                                                \
    }
#define CALL(name) (resolve_##name())

REAL(ssize_t, write, int, const void *, size_t)
REAL(ssize_t, pwrite, int, const void *, size_t, off_t)
REAL(ssize_t, writev, int, const struct iovec *, int)
REAL(ssize_t, pwritev, int, const struct iovec *, int, off_t)
REAL(int, ftruncate, int, off_t)
REAL(int, fsync, int)
REAL(int, fdatasync, int)
REAL(int, open, const char *, int, ...)
REAL(int, openat, int, const char *, int, ...)
REAL(int, unlink, const char *)
REAL(int, unlinkat, int, const char *, int)
REAL(int, renameat2, int, const char *, int, const char *, unsigned)
REAL(int, posix_fallocate, int, off_t, off_t)
REAL(int, fallocate, int, int, off_t, off_t)
REAL(ssize_t, copy_file_range, int, off_t *, int, off_t *, size_t, unsigned)
REAL(ssize_t, sendfile, int, int, off_t *, size_t)

static void give_up(const char *what) {
    dprintf(2, "powercut: %s: %s\n", what, strerror(errno));
    abort(); /* a test that lost its undo record would prove nothing */
}

__attribute__((constructor)) static void begin(void) {
    const char *directory = getenv("POWERCUT_DIR");
    char folder[PATH_MAX + sizeof UNDO_FOLDER + 8];
    if (!directory || !realpath(directory, watched)) return;
    watched_length = strlen(watched);
    is_fast = getenv("POWERCUT_FAST") != NULL;
    snprintf(folder, sizeof folder, "%s/" UNDO_FOLDER, watched);
    mkdir(folder, 0700);
    snprintf(folder, sizeof folder, "%s/" UNDO_FOLDER "/%s", watched, LOCK_NAME);
    folder_lock = CALL(open)(folder, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (folder_lock < 0) give_up("cannot make the undo folder");
}

static void enter(void) {
    pthread_mutex_lock(&lock);
    while (flock(folder_lock, LOCK_EX) < 0 && errno == EINTR) {}
}

static void leave(void) {
    int kept = errno;
    flock(folder_lock, LOCK_UN);
    pthread_mutex_unlock(&lock);
    errno = kept;
}

/* The part of an absolute path below the watched directory, or NULL for what is not watched. */
static const char *below(const char *path) {
    size_t length = strlen(path);
    const char *rest = path + watched_length + 1;
    if (!watched_length || length <= watched_length + 1) return NULL;
    if (strncmp(path, watched, watched_length) || path[watched_length] != '/') return NULL;
    if (!strncmp(rest, UNDO_FOLDER, strlen(UNDO_FOLDER))) return NULL;
    if (length > 4 && !strcmp(path + length - 4, "-shm")) return NULL;
    if (length > 10 && !strcmp(path + length - 10, " (deleted)")) return NULL;
    return rest;
}

/* Absolute path behind an open file. */
static int path_of(int file, char *path) {
    char link[40];
    ssize_t length;
    if (!watched_length) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    length = readlink(link, path, PATH_MAX - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return 1;
}

/* Absolute path of a name that may not exist yet; its folder must. */
static int resolve(int folder, const char *name, char *path) {
    char joined[2 * PATH_MAX], parent[PATH_MAX];
    char *slash;
    if (!watched_length || !name) return 0;
    if (name[0] == '/') {
        snprintf(joined, sizeof joined, "%s", name);
    } else if (folder == AT_FDCWD) {
        if (!getcwd(parent, sizeof parent)) return 0;
        snprintf(joined, sizeof joined, "%s/%s", parent, name);
    } else {
        if (!path_of(folder, parent)) return 0;
        snprintf(joined, sizeof joined, "%s/%s", parent, name);
    }
    slash = strrchr(joined, '/');
    if (!slash || slash == joined || !slash[1]) return 0;
    *slash = 0;
    if (!realpath(joined, parent)) return 0;
    return snprintf(path, PATH_MAX, "%s/%s", parent, slash + 1) < PATH_MAX;
}

static void journal_of(const char *name, char *journal) {
    size_t used = (size_t)snprintf(journal, PATH_MAX, "%s/" UNDO_FOLDER "/", watched);
    for (; *name && used < PATH_MAX - 4; name++) {
        if (*name == '/' || *name == '%') used += (size_t)snprintf(journal + used, 4, "%%%02X", (unsigned char)*name);
        else journal[used++] = *name;
    }
    journal[used] = 0;
}

static void append(const char *name, struct record record, const void *content) {
    char journal[PATH_MAX];
    struct iovec parts[2] = {{&record, sizeof record}, {(void *)content, record.length}};
    ssize_t written;
    int file;
    record.magic = RECORD_MAGIC;
    journal_of(name, journal);
    file = CALL(open)(journal, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (file < 0) give_up("cannot open an undo journal");
    written = CALL(writev)(file, parts, record.length ? 2 : 1);
    if (written != (ssize_t)(sizeof record + record.length)) give_up("cannot write an undo record");
    close(file);
}

/* Remembers what [offset, offset + length) of an open file is, and how long the file is. */
static void remember(int file, const char *name, uint64_t offset, uint64_t length) {
    char reading[40];
    struct stat stat;
    struct record record = {.kind = WRITTEN, .offset = offset};
    char *content = NULL;
    int reader = file;
    if (fstat(file, &stat) < 0 || !S_ISREG(stat.st_mode)) return;
    record.size = (uint64_t)stat.st_size;
    if (offset < record.size) record.length = length < record.size - offset ? length : record.size - offset;
    if (record.length) {
        content = malloc(record.length);
        /* Only where needed: closing a second descriptor of a file drops this process's POSIX locks on it. */
        if ((fcntl(file, F_GETFL) & O_ACCMODE) == O_WRONLY) {
            snprintf(reading, sizeof reading, "/proc/self/fd/%d", file);
            reader = CALL(open)(reading, O_RDONLY | O_CLOEXEC);
        }
        if (!content || pread(reader, content, record.length, (off_t)offset) != (ssize_t)record.length)
            give_up("cannot read what is about to be overwritten");
        if (reader != file) close(reader);
    }
    append(name, record, content);
    free(content);
}

static uint64_t position(int file) {
    int flags = fcntl(file, F_GETFL);
    off_t at = lseek(file, 0, flags & O_APPEND ? SEEK_END : SEEK_CUR);
    return at < 0 ? 0 : (uint64_t)at;
}

static uint64_t total(const struct iovec *parts, int count) {
    uint64_t sum = 0;
    for (int i = 0; i < count; i++) sum += parts[i].iov_len;
    return sum;
}

/* Runs `act` on an open file, after remembering what it overwrites if the file is watched. */
#define WATCHING(file, offset, length, act)                                                                                \
    do {                                                                                                                   \
        char path[PATH_MAX];                                                                                               \
        const char *name = path_of(file, path) ? below(path) : NULL;                                                       \
        if (!name) return act;                                                                                             \
        enter();                                                                                                           \
        remember(file, name, offset, length);                                                                              \
        __auto_type result = act;                                                                                          \
        leave();                                                                                                           \
        return result;                                                                                                     \
    } while (0)

ssize_t write(int file, const void *content, size_t length) {
    WATCHING(file, position(file), length, CALL(write)(file, content, length));
}

ssize_t pwrite(int file, const void *content, size_t length, off_t offset) {
    WATCHING(file, (uint64_t)offset, length, CALL(pwrite)(file, content, length, offset));
}

ssize_t pwrite64(int file, const void *content, size_t length, off_t offset) { return pwrite(file, content, length, offset); }

ssize_t writev(int file, const struct iovec *parts, int count) {
    WATCHING(file, position(file), total(parts, count), CALL(writev)(file, parts, count));
}

ssize_t pwritev(int file, const struct iovec *parts, int count, off_t offset) {
    WATCHING(file, (uint64_t)offset, total(parts, count), CALL(pwritev)(file, parts, count, offset));
}

ssize_t pwritev64(int file, const struct iovec *parts, int count, off_t offset) { return pwritev(file, parts, count, offset); }

int ftruncate(int file, off_t length) {
    WATCHING(file, (uint64_t)length, UINT64_MAX, CALL(ftruncate)(file, length));
}

int ftruncate64(int file, off_t length) { return ftruncate(file, length); }

int posix_fallocate(int file, off_t offset, off_t length) {
    WATCHING(file, UINT64_MAX, 0, CALL(posix_fallocate)(file, offset, length));
}

int posix_fallocate64(int file, off_t offset, off_t length) { return posix_fallocate(file, offset, length); }

int fallocate(int file, int mode, off_t offset, off_t length) {
    WATCHING(file, (uint64_t)offset, UINT64_MAX, CALL(fallocate)(file, mode, offset, length));
}

int fallocate64(int file, int mode, off_t offset, off_t length) { return fallocate(file, mode, offset, length); }

static int is_watched(int file) {
    char path[PATH_MAX];
    return path_of(file, path) && below(path);
}

/* Refused for watched files; callers fall back to reading and writing, which is seen. */
ssize_t copy_file_range(int from, off_t *at, int to, off_t *offset, size_t length, unsigned flags) {
    if (is_watched(to)) return errno = ENOSYS, -1;
    return CALL(copy_file_range)(from, at, to, offset, length, flags);
}

ssize_t sendfile(int to, int from, off_t *offset, size_t length) {
    if (is_watched(to)) return errno = EINVAL, -1;
    return CALL(sendfile)(to, from, offset, length);
}

ssize_t sendfile64(int to, int from, off_t *offset, size_t length) { return sendfile(to, from, offset, length); }

/* Drops a file's records, and the links of removed files they name. */
static void forget(const char *name) {
    char journal[PATH_MAX], link_name[NAME_MAX + 1], link_path[2 * PATH_MAX];
    struct record record;
    int file;
    journal_of(name, journal);
    file = CALL(open)(journal, O_RDONLY | O_CLOEXEC);
    if (file < 0) return;
    while (read(file, &record, sizeof record) == sizeof record && record.magic == RECORD_MAGIC) {
        if (record.kind != REMOVED) {
            lseek(file, (off_t)record.length, SEEK_CUR);
            continue;
        }
        if (record.length > NAME_MAX || read(file, link_name, record.length) != (ssize_t)record.length) break;
        link_name[record.length] = 0;
        snprintf(link_path, sizeof link_path, "%s/" UNDO_FOLDER "/%s", watched, link_name);
        CALL(unlink)(link_path);
    }
    close(file);
    CALL(unlink)(journal);
}

static uint32_t last_kind(const char *journal) {
    struct record record;
    uint32_t kind = 0;
    int file = CALL(open)(journal, O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    while (read(file, &record, sizeof record) == sizeof record && record.magic == RECORD_MAGIC) {
        kind = record.kind;
        lseek(file, (off_t)record.length, SEEK_CUR);
    }
    close(file);
    return kind;
}

/* A synced folder keeps its names: files made or removed in it stay so, unless their content still waits for its own sync. */
static void forget_names_in(const char *folder) {
    char undo[PATH_MAX + sizeof UNDO_FOLDER], journal[2 * PATH_MAX], name[PATH_MAX], parent[2 * PATH_MAX];
    struct dirent *entry;
    DIR *list;
    snprintf(undo, sizeof undo, "%s/" UNDO_FOLDER, watched);
    list = opendir(undo);
    while (list && (entry = readdir(list))) {
        if (!name_of_journal(entry->d_name, name, sizeof name)) continue;
        snprintf(parent, sizeof parent, "%s/%s", watched, name);
        *strrchr(parent, '/') = 0;
        snprintf(journal, sizeof journal, "%s/%s", undo, entry->d_name);
        if (!strcmp(parent, folder) && last_kind(journal) != WRITTEN) forget(name);
    }
    if (list) closedir(list);
}

static int sync_watched(int file, int (*sync)(int)) {
    char path[PATH_MAX];
    const char *name = NULL;
    struct stat stat;
    int is_folder = 0, result;
    if (path_of(file, path)) {
        name = below(path);
        is_folder = fstat(file, &stat) == 0 && S_ISDIR(stat.st_mode) && (name || !strcmp(path, watched));
    }
    if (!name && !is_folder) return sync(file);
    enter();
    result = is_fast ? 0 : sync(file);
    if (result == 0 && is_folder) forget_names_in(path);
    else if (result == 0) forget(name);
    leave();
    return result;
}

int fsync(int file) { return sync_watched(file, CALL(fsync)); }

int fdatasync(int file) { return sync_watched(file, CALL(fdatasync)); }

static int open_watched(int folder, const char *given, int flags, mode_t mode) {
    char path[PATH_MAX];
    const char *name = NULL;
    int file, existed;
    if (flags & (O_CREAT | O_TRUNC) && (flags & O_TMPFILE) != O_TMPFILE && resolve(folder, given, path)) name = below(path);
    if (!name) return CALL(openat)(folder, given, flags, mode);
    enter();
    existed = faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    if (!existed && flags & O_CREAT) append(name, (struct record){.kind = CREATED}, NULL);
    file = CALL(openat)(folder, given, flags & ~O_TRUNC, mode);
    if (file >= 0 && existed && flags & O_TRUNC) {
        remember(file, name, 0, UINT64_MAX);
        if (CALL(ftruncate)(file, 0) < 0) give_up("cannot truncate");
    }
    leave();
    return file;
}

#define WITH_MODE(flags, mode)                                                                                             \
    mode_t mode = 0;                                                                                                       \
    if ((flags) & (O_CREAT | O_TMPFILE)) {                                                                                 \
        va_list rest;                                                                                                      \
        va_start(rest, flags);                                                                                             \
        mode = va_arg(rest, mode_t);                                                                                       \
        va_end(rest);                                                                                                      \
    }

int open(const char *path, int flags, ...) {
    WITH_MODE(flags, mode)
    return open_watched(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    WITH_MODE(flags, mode)
    return open_watched(AT_FDCWD, path, flags, mode);
}

int openat(int folder, const char *path, int flags, ...) {
    WITH_MODE(flags, mode)
    return open_watched(folder, path, flags, mode);
}

int openat64(int folder, const char *path, int flags, ...) {
    WITH_MODE(flags, mode)
    return open_watched(folder, path, flags, mode);
}

int creat(const char *path, mode_t mode) { return open_watched(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }

int creat64(const char *path, mode_t mode) { return creat(path, mode); }

/* Keeps a file that is about to lose its name under a hard link, to give it back. */
static void keep(const char *path, const char *name) {
    static unsigned count;
    char link_name[64], link_path[2 * PATH_MAX];
    do {
        snprintf(link_name, sizeof link_name, "%s%ld-%u", REMOVED_PREFIX, (long)getpid(), count++);
        snprintf(link_path, sizeof link_path, "%s/" UNDO_FOLDER "/%s", watched, link_name);
    } while (link(path, link_path) < 0 && errno == EEXIST);
    if (access(link_path, F_OK) == 0) append(name, (struct record){.kind = REMOVED, .length = strlen(link_name)}, link_name);
}

int unlinkat(int folder, const char *given, int flags) {
    char path[PATH_MAX];
    const char *name = NULL;
    int result;
    if (!(flags & AT_REMOVEDIR) && resolve(folder, given, path)) name = below(path);
    if (!name) return CALL(unlinkat)(folder, given, flags);
    enter();
    keep(path, name);
    result = CALL(unlinkat)(folder, given, flags);
    leave();
    return result;
}

int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }

/* What is unsynced of a file goes with it to its new name. */
static void copy_records(const char *from, const char *to) {
    char source[PATH_MAX];
    struct record record;
    char *content;
    int file;
    journal_of(from, source);
    file = CALL(open)(source, O_RDONLY | O_CLOEXEC);
    if (file < 0) return;
    while (read(file, &record, sizeof record) == sizeof record && record.magic == RECORD_MAGIC) {
        content = malloc(record.length + 1);
        if (!content || read(file, content, record.length) != (ssize_t)record.length) give_up("cannot read an undo record");
        if (record.kind == WRITTEN) append(to, record, content);
        free(content);
    }
    close(file);
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
    char from_path[PATH_MAX], to_path[PATH_MAX];
    const char *from_name = resolve(from_folder, from, from_path) ? below(from_path) : NULL;
    const char *to_name = resolve(to_folder, to, to_path) ? below(to_path) : NULL;
    int result;
    if ((!from_name && !to_name) || flags) return CALL(renameat2)(from_folder, from, to_folder, to, flags);
    enter();
    if (to_name) {
        keep(to_path, to_name);
        append(to_name, (struct record){.kind = CREATED}, NULL);
    }
    if (from_name && to_name) copy_records(from_name, to_name);
    if (from_name) keep(from_path, from_name);
    result = CALL(renameat2)(from_folder, from, to_folder, to, 0);
    leave();
    return result;
}

int renameat(int from_folder, const char *from, int to_folder, const char *to) {
    return renameat2(from_folder, from, to_folder, to, 0);
}

int rename(const char *from, const char *to) { return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0); }
