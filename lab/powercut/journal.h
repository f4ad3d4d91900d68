/* The undo journal shared by the shim that writes it and the tool that reads it.
 *
 * For each file F of the watched directory DIR there is DIR/.undo/<F with '/' as %2F>, a sequence of records, oldest first:
 * a header, then `length` bytes. Undoing them newest first gives the state of the last sync. A record that is cut short
 * belongs to a write that never began. */
#ifndef POWERCUT_JOURNAL_H
#define POWERCUT_JOURNAL_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define UNDO_FOLDER ".undo"
#define LOCK_NAME "%lock" /* no journal is called so: its name would hold %25 */
#define REMOVED_PREFIX "%removed-"
#define RECORD_MAGIC 0x50435554u

enum record_kind {
    WRITTEN = 1, /* bytes at `offset` were `content`, the file was `size` long */
    CREATED = 2, /* the file was not there */
    REMOVED = 3  /* the file was there; `content` names its hard link in the undo folder */
};

struct record {
    uint32_t magic;
    uint32_t kind;
    uint64_t offset;
    uint64_t size;
    uint64_t length;
};

/* The file a journal is about, relative to DIR; 0 for what else lies in the undo folder. */
static inline int name_of_journal(const char *journal, char *name, size_t limit) {
    size_t used = 0;
    if (!strncmp(journal, REMOVED_PREFIX, strlen(REMOVED_PREFIX)) || !strcmp(journal, LOCK_NAME)) return 0;
    if (!strcmp(journal, ".") || !strcmp(journal, "..")) return 0;
    for (; *journal && used + 1 < limit; used++) {
        unsigned byte;
        if (*journal == '%' && sscanf(journal + 1, "%2X", &byte) == 1) {
            name[used] = (char)byte;
            journal += 3;
        } else {
            name[used] = *journal++;
        }
    }
    name[used] = 0;
    return 1;
}

#endif
