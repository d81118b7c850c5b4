/* SPDX-License-Identifier: Apache-2.0
 * sqlite_pages.c: a checksum in each page of postern.db, so that a flipped bit is an error of
 * the disk and not another recipient. SQLite asks for files through a VFS; this one stands
 * before the usual one. It writes the checksum into the last PAGE_CHECK octets of a page, which
 * SQLite leaves free for that (its reserved octets), and compares it when the page is read.
 * Called by the rest of this folder.
 *
 * The log of commits (postern.db-wal) has checksums of SQLite's own, which it compares after a
 * crash alone: store_log_walk() compares them at any time.
 *
 * A program that does not know of this may read the file. If it writes, its pages are refused.
 */
#include "store/octets.h"
#include "store/sqlite_priv.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <xxhash.h>

enum { PAGE = 4096, AT_CHECK = PAGE - PAGE_CHECK, AT_RESERVED = 20, AT_PAGES = 28, HEADER = 100 };

/* --- files with checksums ----------------------------------------------- */

/* An open postern.db; the real file lies behind it in memory. */
struct checked {
    sqlite3_file base;
    bool has_checks; /* its pages end with a checksum */
    uint32_t pages;  /* how many it has, as it says itself */
};

static sqlite3_file *real(sqlite3_file *f)
{
    return (sqlite3_file *)((struct checked *)f + 1);
}

static uint32_t word_of(const unsigned char *p, bool high_first)
{
    return high_first ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]
                      : (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static uint64_t page_check(const char *page, sqlite3_int64 at)
{
    /* one in another's place is wrong, too */
    return XXH3_64bits_withSeed(page, AT_CHECK, (uint64_t)at);
}

/* The header says it, in the octets that SQLite reads and writes first. */
static void see_header(struct checked *c, const char *p, int n, sqlite3_int64 at)
{
    if (at == 0 && n >= HEADER) {
        c->has_checks = p[AT_RESERVED] == PAGE_CHECK;
        c->pages = word_of((const unsigned char *)p + AT_PAGES, true);
    }
}

static int checked_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at);

/* A part of a page, as SQLite 3.45 and later read the rest of a long row
 * (SQLITE_DIRECT_OVERFLOW_READ): the page as a whole tells whether it is sound. */
static int checked_part(sqlite3_file *f, void *to, int n, sqlite3_int64 at)
{
    char page[PAGE];
    int code = checked_read(f, page, PAGE, at - at % PAGE);
    if (code == SQLITE_OK) {
        memcpy(to, page + at % PAGE, (size_t)n);
    }
    return code;
}

static int checked_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at)
{
    struct checked *c = (struct checked *)f;
    if (c->has_checks && at >= PAGE && n < PAGE && at % PAGE + n <= PAGE) {
        return checked_part(f, to, n, at);
    }
    int code = real(f)->pMethods->xRead(real(f), to, n, at);
    if (code == SQLITE_OK) {
        see_header(c, to, n, at);
    }
    if (code == SQLITE_IOERR_SHORT_READ && c->has_checks && n == PAGE && at / PAGE < c->pages) {
        return SQLITE_IOERR_DATA; /* the file was cut; SQLite would read zeros */
    }
    if (code != SQLITE_OK || !c->has_checks || n != PAGE) {
        return code;
    }
    return get_number((const char *)to + AT_CHECK, PAGE_CHECK) == page_check(to, at)
               ? SQLITE_OK
               : SQLITE_IOERR_DATA;
}

static int checked_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at)
{
    struct checked *c = (struct checked *)f;
    char page[PAGE];
    see_header(c, from, n, at);
    if (!c->has_checks || n != PAGE) {
        return real(f)->pMethods->xWrite(real(f), from, n, at);
    }
    memcpy(page, from, PAGE);
    put_number(page + AT_CHECK, page_check(page, at), PAGE_CHECK);
    return real(f)->pMethods->xWrite(real(f), page, n, at);
}

/* Everything else is the real file's. */
static int checked_close(sqlite3_file *f)
{
    return real(f)->pMethods->xClose(real(f));
}

/* Also when what a crash left half made is undone: then it is no longer what its header said. */
static int checked_truncate(sqlite3_file *f, sqlite3_int64 n)
{
    struct checked *c = (struct checked *)f;
    c->pages = (sqlite3_int64)c->pages > n / PAGE ? (uint32_t)(n / PAGE) : c->pages;
    c->has_checks = c->has_checks && n > 0;
    return real(f)->pMethods->xTruncate(real(f), n);
}

static int checked_sync(sqlite3_file *f, int flags)
{
    return real(f)->pMethods->xSync(real(f), flags);
}

static int checked_size(sqlite3_file *f, sqlite3_int64 *ret)
{
    return real(f)->pMethods->xFileSize(real(f), ret);
}

static int checked_lock(sqlite3_file *f, int level)
{
    return real(f)->pMethods->xLock(real(f), level);
}

static int checked_unlock(sqlite3_file *f, int level)
{
    return real(f)->pMethods->xUnlock(real(f), level);
}

static int checked_is_reserved(sqlite3_file *f, int *ret)
{
    return real(f)->pMethods->xCheckReservedLock(real(f), ret);
}

static int checked_control(sqlite3_file *f, int what, void *arg)
{
    return real(f)->pMethods->xFileControl(real(f), what, arg);
}

static int checked_sector(sqlite3_file *f)
{
    return real(f)->pMethods->xSectorSize(real(f));
}

static int checked_traits(sqlite3_file *f)
{
    return real(f)->pMethods->xDeviceCharacteristics(real(f));
}

static int checked_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **ret)
{
    return real(f)->pMethods->xShmMap(real(f), page, size, extend, ret);
}

static int checked_shm_lock(sqlite3_file *f, int at, int n, int flags)
{
    return real(f)->pMethods->xShmLock(real(f), at, n, flags);
}

static void checked_shm_barrier(sqlite3_file *f)
{
    real(f)->pMethods->xShmBarrier(real(f));
}

static int checked_shm_unmap(sqlite3_file *f, int remove)
{
    return real(f)->pMethods->xShmUnmap(real(f), remove);
}

static const sqlite3_io_methods checked_methods = {
    .iVersion = 2, /* no mapped reads: they would go around the checksums */
    .xClose = checked_close,
    .xRead = checked_read,
    .xWrite = checked_write,
    .xTruncate = checked_truncate,
    .xSync = checked_sync,
    .xFileSize = checked_size,
    .xLock = checked_lock,
    .xUnlock = checked_unlock,
    .xCheckReservedLock = checked_is_reserved,
    .xFileControl = checked_control,
    .xSectorSize = checked_sector,
    .xDeviceCharacteristics = checked_traits,
    .xShmMap = checked_shm_map,
    .xShmLock = checked_shm_lock,
    .xShmBarrier = checked_shm_barrier,
    .xShmUnmap = checked_shm_unmap,
};

static sqlite3_vfs *usual(sqlite3_vfs *v)
{
    return v->pAppData;
}

static int checked_open(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags,
                        int *ret_flags)
{
    struct checked *c = (struct checked *)f;
    if (!(flags & SQLITE_OPEN_MAIN_DB)) {
        return usual(v)->xOpen(usual(v), name, f, flags, ret_flags);
    }
    *c = (struct checked){0};
    memset(real(f), 0, (size_t)usual(v)->szOsFile);
    int code = usual(v)->xOpen(usual(v), name, real(f), flags, ret_flags);
    c->base.pMethods = code == SQLITE_OK ? &checked_methods : NULL;
    return code;
}

const char *store_pages_vfs(void)
{
    static sqlite3_vfs vfs;
    if (!vfs.zName) {
        sqlite3_vfs *v = sqlite3_vfs_find(NULL);
        must(v);
        vfs = *v; /* all but opening needs no file of ours */
        vfs.zName = "postern-pages";
        vfs.pNext = NULL;
        vfs.pAppData = v;
        vfs.szOsFile = (int)sizeof(struct checked) + v->szOsFile;
        vfs.xOpen = checked_open;
        must(sqlite3_vfs_register(&vfs, 0) == SQLITE_OK);
    }
    return vfs.zName;
}

int store_pages_reserved(sqlite3 *db)
{
    int n = -1;
    return sqlite3_file_control(db, "main", SQLITE_FCNTL_RESERVE_BYTES, &n) == SQLITE_OK ? n : 0;
}

bool store_pages_ask(sqlite3 *db)
{
    int n = PAGE_CHECK;
    return sqlite3_file_control(db, "main", SQLITE_FCNTL_RESERVE_BYTES, &n) == SQLITE_OK;
}

/* --- the log of commits (https://sqlite.org/fileformat2.html#walformat) --- */

enum { LOG_HEADER = 32, FRAME_HEADER = 24, LOG_MAGIC = 0x377f0682, INDEX_FRAMES = 16 };

struct walk {
    uint32_t sums[2];
    bool high_first; /* the words that are summed have their highest octet first */
};

static void sqlite_pages_add_words(struct walk *w, const unsigned char *p, size_t n)
{
    for (size_t i = 0; i + 8 <= n; i += 8) {
        w->sums[0] += word_of(p + i, w->high_first) + w->sums[1];
        w->sums[1] += word_of(p + i + 4, w->high_first) + w->sums[0];
    }
}

static bool sums_are(const struct walk *w, const unsigned char *p)
{
    return word_of(p, true) == w->sums[0] && word_of(p + 4, true) == w->sums[1];
}

/* How many frames follow one another whole. */
static uint64_t count_frames(FILE *f)
{
    unsigned char header[LOG_HEADER], frame[FRAME_HEADER + PAGE];
    struct walk w = {0};
    uint64_t n = 0;
    if (fread(header, 1, sizeof header, f) != sizeof header ||
        (word_of(header, true) & ~1U) != LOG_MAGIC) {
        return 0;
    }
    w.high_first = word_of(header, true) & 1;
    sqlite_pages_add_words(&w, header, 24);
    if (!sums_are(&w, header + 24)) {
        return 0;
    }
    while (fread(frame, 1, sizeof frame, f) == sizeof frame &&
           memcmp(frame + 8, header + 16, 8) == 0) {
        sqlite_pages_add_words(&w, frame, 8);
        sqlite_pages_add_words(&w, frame + FRAME_HEADER, PAGE);
        if (!sums_are(&w, frame + 16)) {
            break;
        }
        n++;
    }
    return n;
}

static FILE *sqlite_pages_open_of(const char *directory, const char *name)
{
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/%s", directory, name);
    return n < 0 || (size_t)n >= sizeof path ? NULL : fopen(path, "re");
}

/* How many frames its users take for there, as the index says that they share. */
static uint64_t frames_in_use(const char *directory)
{
    unsigned char index[INDEX_FRAMES + 4];
    uint32_t frames = 0;
    FILE *f = sqlite_pages_open_of(directory, "postern.db-shm");
    if (f && fread(index, 1, sizeof index, f) == sizeof index) {
        memcpy(&frames, index + INDEX_FRAMES, sizeof frames); /* in the order of this machine */
    }
    if (f) {
        fclose(f);
    }
    return frames;
}

uint64_t store_log_walk(const char *directory, uint64_t *ret_used)
{
    *ret_used = frames_in_use(directory); /* first: there are only more later */
    FILE *f = sqlite_pages_open_of(directory, "postern.db-wal");
    uint64_t n = f ? count_frames(f) : 0;
    if (f) {
        fclose(f);
    }
    return n;
}
