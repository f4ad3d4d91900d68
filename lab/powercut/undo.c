/* powercut undo DIR [SEED] -- take back what a killed program had not synced below DIR (see powercut.c), so that DIR is what a
 * power cut would have left: unsynced writes newest first, names that were not synced, and all `-shm` files.
 * With SEED each file keeps a random number of its oldest unsynced writes, as if the system had been flushing meanwhile.
 * The programs that wrote must be dead. Prints how much was undone; exit code 0 if all of it was. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal.h"

static char directory[PATH_MAX], undo_folder[PATH_MAX + 16];
static unsigned long files_undone, records_undone, records_kept;
static int is_seeded;

static void fail(const char *what, const char *name) {
    fprintf(stderr, "powercut: %s %s: %s\n", what, name, strerror(errno));
    exit(1);
}

static void undo_record(const char *path, const struct record *record, const char *content) {
    char kept[PATH_MAX + NAME_MAX + 32];
    int file;
    switch (record->kind) {
    case CREATED:
        if (unlink(path) < 0 && errno != ENOENT) fail("cannot remove", path);
        break;
    case REMOVED:
        snprintf(kept, sizeof kept, "%s/%.*s", undo_folder, (int)record->length, content);
        if (rename(kept, path) < 0 && errno != ENOENT) fail("cannot give back", path);
        unlink(kept); /* rename does nothing when both names are the same file */
        break;
    default:
        file = open(path, O_WRONLY);
        if (file < 0 && errno == ENOENT) return; /* recorded, then killed before the file was there */
        if (file < 0) fail("cannot open", path);
        if (pwrite(file, content, record->length, (off_t)record->offset) != (ssize_t)record->length) fail("cannot restore", path);
        if (ftruncate(file, (off_t)record->size) < 0) fail("cannot cut", path);
        close(file);
    }
}

/* Undoes the whole records of one journal, newest first; a last one that is cut short is left out. */
static void undo_journal(const char *journal, const char *path) {
    size_t count = 0, room = 0, *starts = NULL, at = 0, keep;
    struct record record;
    struct stat stat;
    char *all;
    int file = open(journal, O_RDONLY);
    if (file < 0 || fstat(file, &stat) < 0) fail("cannot read", journal);
    all = malloc((size_t)stat.st_size + 1);
    if (!all || read(file, all, (size_t)stat.st_size) != stat.st_size) fail("cannot read", journal);
    close(file);
    while (at + sizeof record <= (size_t)stat.st_size) {
        memcpy(&record, all + at, sizeof record);
        if (record.magic != RECORD_MAGIC || record.length > (size_t)stat.st_size - at - sizeof record) break;
        if (count == room && !(starts = realloc(starts, (room = room * 2 + 64) * sizeof *starts))) fail("no memory for", journal);
        starts[count++] = at;
        at += sizeof record + record.length;
    }
    keep = is_seeded ? (size_t)random() % (count + 1) : 0;
    for (size_t i = count; i > keep; i--) {
        memcpy(&record, all + starts[i - 1], sizeof record);
        undo_record(path, &record, all + starts[i - 1] + sizeof record);
    }
    files_undone += count > keep;
    records_undone += count - keep;
    records_kept += keep;
    free(starts);
    free(all);
}

static int drop_shared_memory(const char *path, const struct stat *stat, int kind, struct FTW *place) {
    size_t length = strlen(path);
    (void)stat, (void)place;
    if (kind == FTW_F && length > 4 && !strcmp(path + length - 4, "-shm")) unlink(path);
    return 0;
}

static int remove_any(const char *path, const struct stat *stat, int kind, struct FTW *place) {
    (void)stat, (void)kind, (void)place;
    return remove(path);
}

int main(int count, char **words) {
    struct dirent **entries;
    int found;
    if (count < 3 || count > 4 || strcmp(words[1], "undo") || !realpath(words[2], directory)) {
        fprintf(stderr, "usage: powercut undo DIR [SEED]\n");
        return 2;
    }
    if (count == 4) {
        is_seeded = 1;
        srandom((unsigned)strtoul(words[3], NULL, 10));
    }
    snprintf(undo_folder, sizeof undo_folder, "%s/" UNDO_FOLDER, directory);
    found = scandir(undo_folder, &entries, NULL, alphasort); /* a fixed order, so that a seed always means the same */
    for (int i = 0; i < found; i++) {
        char name[PATH_MAX], path[2 * PATH_MAX], journal[2 * PATH_MAX];
        if (!name_of_journal(entries[i]->d_name, name, sizeof name)) continue;
        snprintf(path, sizeof path, "%s/%s", directory, name);
        snprintf(journal, sizeof journal, "%s/%s", undo_folder, entries[i]->d_name);
        undo_journal(journal, path);
    }
    if (found >= 0) nftw(undo_folder, remove_any, 16, FTW_DEPTH | FTW_PHYS);
    nftw(directory, drop_shared_memory, 16, FTW_PHYS);
    printf("undone %lu writes of %lu files, kept %lu\n", records_undone, files_undone, records_kept);
    return 0;
}
