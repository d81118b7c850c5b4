/* SPDX-License-Identifier: Apache-2.0
 * journal.c: the two files of the journal and the batches in them. Called by the rest of this
 * folder.
 *
 * Batches go to the disk past the page cache, written and synced in one call. Where a file is
 * already as long as it may become, that changes nothing but these octets: the file system has
 * nothing of its own to write, which halves the time.
 */
#include "store/journal.h"
#include "store/journal_format.h"
#include "store/octets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>
#include <xxhash.h>

enum {
    KEPT_MAX = 256 * 1024 * 1024, /* more than two files of entries alone come to */
    PIECES = 128,
    ROOMY = 8
};

struct journal_file {
    int in, out;   /* out: past the page cache where the file system can do that */
    uint64_t last; /* its newest batch, 0: none that counts */
    size_t size;   /* its octets */
    size_t used;   /* those after it are all zero */
};

struct journal {
    struct journal_file files[JOURNAL_FILES];
    unsigned file;        /* the one that is written */
    size_t end, file_max; /* octets written to it in this round; at most */
    uint64_t store, newest, settled_for_good;
    uint64_t chain; /* checksum of the newest batch; 0: not known */
    /* headers and entries of those that wait, then of the one that is being gathered */
    struct buf kept;
    size_t waiting;          /* octets of the first in `kept` */
    size_t in_files;         /* octets of the first in the files */
    struct buf lost_entries; /* of batches whose bodies alone are damaged */
    uint64_t lost;           /* batches that could not be read when it was opened */
    uint64_t begin;          /* place of the first octet in `kept` */
    struct buf bodies;       /* of the one that is being gathered */
    char *pages;             /* a batch as it is written, from a page of memory on */
    size_t pages_n;
};

/* --- reading what is there ---------------------------------------------- */

/* A whole batch in a file. */
struct found {
    size_t at;
    /* what lies before it is no batch, and must have been one: this was written after it */
    bool behind_damage;
};

/* What a file holds: the whole batches of its last round. */
struct round {
    char *octets;
    struct found *found;
    size_t n;
    uint64_t first, last;
    size_t *legible; /* places of others that can be read but for bodies */
    size_t n_legible;
};

static void free_rounds(struct round (*rounds)[JOURNAL_FILES])
{
    for (unsigned i = 0; i < JOURNAL_FILES; i++) {
        free((*rounds)[i].octets);
        free((*rounds)[i].found);
        free((*rounds)[i].legible);
    }
}

static int journal_read_some(int fd, char *p, size_t n, off_t at, size_t *ret)
{
    *ret = 0;
    while (*ret < n) {
        ssize_t got = pread(fd, p + *ret, n - *ret, at + (off_t)*ret);
        if (got == 0) {
            return 0;
        }
        if (got < 0 && errno != EINTR) {
            return -errno;
        }
        *ret += got > 0 ? (size_t)got : 0;
    }
    return 0;
}

static bool is_header(const char *p, unsigned file, size_t at)
{
    return (get_number(p + AT_MAGIC, 4) == MAGIC || journal_is_old(p)) &&
           get_number(p + AT_FILE, 4) == file && get_number(p + AT_PLACE, 8) == at &&
           get_number(p + AT_ENTRIES, 4) > 0 && get_number(p + AT_NUMBER, 8) > 0;
}

static bool is_whole(const char *p)
{
    uint64_t entries = get_number(p + AT_ENTRIES, 4), bodies = get_number(p + AT_BODIES, 4);
    const char *at = p + journal_header_size(p);
    return get_number(p + AT_CHECK, 8) ==
           journal_checksum(p, str_from(at, entries), str_from(at + entries, bodies));
}

/* The batch that may begin at a place. ret: whether one that nothing happened to lies there. */
static int read_batch(int fd, unsigned file, size_t size, struct round *r, size_t at, bool *ret)
{
    char *p = r->octets + at;
    size_t left = size - at, got;
    int error = journal_read_some(fd, p, left < PAGE ? left : PAGE, (off_t)at, &got);
    *ret = error == 0 && got >= HEADER && is_header(p, file, at) &&
           journal_header_size(p) + get_number(p + AT_ENTRIES, 4) + get_number(p + AT_BODIES, 4) <=
               left;
    size_t whole = *ret ? journal_size_in_file(p) : 0;
    if (whole > got && left > got) {
        size_t rest = (whole < left ? whole : left) - got;
        error = journal_read_some(fd, p + got, rest, (off_t)(at + got), &got);
    }
    *ret = *ret && error == 0 && is_whole(p);
    return error;
}

static void keep_found(struct round *r, size_t at, uint64_t number, bool behind_damage)
{
    if (r->n % 64 == 0) {
        r->found = reallocarray(r->found, r->n + 64, sizeof *r->found);
        must(r->found);
    }
    r->found[r->n++] = (struct found){at, behind_damage};
    r->first = r->first ? r->first : number;
    r->last = number;
}

/* One whose header and entries are as they were written. */
static void keep_legible(int fd, size_t size, uint64_t store, struct round *r, size_t at)
{
    char *p = r->octets + at;
    size_t got = 0, entries = (size_t)get_number(p + AT_ENTRIES, 4),
           number = (size_t)get_number(p + AT_NUMBER, 8);
    if (journal_is_old(p) || entries > size - at - HEADER || get_number(p + AT_STORE, 8) != store ||
        journal_read_some(fd, p, HEADER + entries, (off_t)at, &got) < 0 || got < HEADER + entries ||
        get_number(p + AT_ENTRIES_CHECK, 8) != XXH3_64bits_withSeed(p + HEADER, entries, number)) {
        return;
    }
    r->legible = reallocarray(r->legible, r->n_legible + 1, sizeof *r->legible);
    must(r->legible);
    r->legible[r->n_legible++] = at;
}

/* Batches are written one behind the other, each synced before the next begins. So a torn end
 * has nothing new behind it: whole newer batches behind one that is not whole say that the disk
 * lost it. Behind the end lie batches of an older round, whose numbers are lower and in the
 * tables; so numbers tell, not the places. ret_used: what of the file may hold anything. */
static int read_round(int fd, unsigned file, uint64_t store, struct round *r, size_t *ret_size,
                      size_t *ret_used)
{
    struct stat st;
    bool whole, damaged = false;
    if (fstat(fd, &st) < 0) {
        return -errno;
    }
    size_t size = st.st_size < JOURNAL_READ_MAX ? (size_t)st.st_size : JOURNAL_READ_MAX;
    r->octets = err_calloc(1, size + HEADER); /* most of it is never touched */
    int error = 0;
    for (size_t at = 0; at < size && (error = read_batch(fd, file, size, r, at, &whole)) == 0;) {
        uint64_t number = whole ? get_number(r->octets + at + AT_NUMBER, 8) : 0;
        if (!whole) {
            damaged = true;
            if (size - at >= HEADER && is_header(r->octets + at, file, at)) {
                keep_legible(fd, size, store, r, at);
            }
            at += PAGE;
            continue;
        }
        if (r->last != 0 && (number <= r->last || (!damaged && number != r->last + 1))) {
            break; /* of an older round */
        }
        if (get_number(r->octets + at + AT_STORE, 8) != store) {
            return -EBADMSG;
        }
        keep_found(r, at, number, damaged);
        damaged = false;
        at += journal_size_in_file(r->octets + at);
    }
    *ret_size = size;
    /* the first page is wiped last */
    *ret_used = r->n == 0 && get_number(r->octets, 4) == 0 ? 0 : size;
    return error;
}

/* What after() found. */
struct loaded {
    uint64_t last, check; /* of the newest batch: its number, and its checksum where it is there */
    size_t in_files;
    uint64_t lost; /* batches that were promised and are not there */
    uint64_t waiting;
};

static int keep_batch(const char *p, struct buf *to, struct loaded *ret)
{
    ret->lost += get_number(p + AT_NUMBER, 8) - ret->last - 1;
    ret->last = get_number(p + AT_NUMBER, 8);
    ret->check = get_number(p + AT_CHECK, 8);
    ret->in_files += journal_size_in_file(p);
    ret->waiting++;
    return buf_append(to, p, journal_header_size(p) + get_number(p + AT_ENTRIES, 4));
}

/* Whether a batch is the one that another one was written behind, and that was promised. */
static bool is_in_chain(const char *p, const char *before, struct journal_promise promised)
{
    uint64_t number = get_number(p + AT_NUMBER, 8),
             chain = journal_is_old(p) ? 0 : get_number(p + AT_CHAIN, 8);
    if (number == promised.number && promised.check != 0 &&
        get_number(p + AT_CHECK, 8) != promised.check) {
        return false;
    }
    return !before || chain == 0 || get_number(before + AT_NUMBER, 8) + 1 != number ||
           get_number(before + AT_CHECK, 8) == chain;
}

/* Those that were promised and of which nothing is left. */
static void miss_promised(struct journal_promise promised, struct loaded *ret)
{
    if (promised.number > ret->last) {
        ret->lost += promised.number - ret->last;
        ret->last = promised.number;
        ret->check = 0;
    }
    ret->check = promised.number == ret->last && ret->check == 0 ? promised.check : ret->check;
}

static bool has_number(const struct round *r, uint64_t number)
{
    for (size_t i = 0; i < r->n; i++) {
        if (get_number(r->octets + r->found[i].at + AT_NUMBER, 8) == number) {
            return true;
        }
    }
    return false;
}

/* The entries of the lost batches of which only bodies are damaged. */
static int keep_lost_entries(struct round rounds[JOURNAL_FILES], uint64_t settled, uint64_t last,
                             struct buf *to)
{
    int error = 0;
    for (unsigned i = 0; i < JOURNAL_FILES; i++) {
        for (size_t k = 0; k < rounds[i].n_legible && error == 0; k++) {
            const char *p = rounds[i].octets + rounds[i].legible[k];
            uint64_t number = get_number(p + AT_NUMBER, 8);
            if (number > settled && number <= last && !has_number(&rounds[0], number) &&
                !has_number(&rounds[1], number)) {
                error = buf_append(to, p + HEADER, get_number(p + AT_ENTRIES, 4));
            }
        }
    }
    return error;
}

/* The heads and entries of the batches after `settled` in both, the older file first. */
static int after(struct round rounds[JOURNAL_FILES], struct journal_promise promised,
                 uint64_t settled, struct buf *kept, struct loaded *ret)
{
    unsigned older = rounds[0].first <= rounds[1].first ? 0 : 1;
    const char *before = NULL;
    int error = 0;
    *ret = (struct loaded){.last = settled};
    for (unsigned i = 0; i < JOURNAL_FILES; i++) {
        const struct round *r = &rounds[(older + i) % JOURNAL_FILES];
        for (size_t k = 0; k < r->n && error == 0; k++) {
            const char *p = r->octets + r->found[k].at;
            uint64_t number = get_number(p + AT_NUMBER, 8);
            bool is_gap = number > ret->last + 1 && !r->found[k].behind_damage;
            if ((is_gap && !promised.take_what_is_there) || !is_in_chain(p, before, promised)) {
                return -EBADMSG;
            }
            before = p;
            if (number > ret->last) {
                error = keep_batch(p, kept, ret);
            }
        }
    }
    miss_promised(promised, ret);
    return error;
}

void journal_name(unsigned file, char dst[16])
{
    snprintf(dst, 16, "journal-%u", file);
}

/* --- opening ------------------------------------------------------------ */

static int open_files(struct journal *j, const char *directory)
{
    char name[16];
    CLEANUP(err_close_fd) int dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0) {
        return -errno;
    }
    for (unsigned i = 0; i < JOURNAL_FILES; i++) {
        journal_name(i, name);
        struct journal_file *f = &j->files[i];
        f->in = openat(dir, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (f->in < 0) {
            return -errno;
        }
        f->out = openat(dir, name, O_WRONLY | O_DIRECT | O_CLOEXEC | O_NOFOLLOW);
        f->out = f->out < 0 && errno == EINVAL
                     ? openat(dir, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW)
                     : f->out;
        if (f->out < 0) {
            return -errno;
        }
    }
    return fsync(dir) < 0 ? -errno : 0; /* their names survive as well */
}

static int load(struct journal *j, struct journal_promise promised, uint64_t settled)
{
    CLEANUP(free_rounds) struct round rounds[JOURNAL_FILES] = {0};
    for (unsigned i = 0; i < JOURNAL_FILES; i++) {
        struct journal_file *f = &j->files[i];
        int r = read_round(f->in, i, j->store, &rounds[i], &f->size, &f->used);
        if (r < 0) {
            return r;
        }
        f->last = rounds[i].last;
    }
    /* how far the last round went is not known where its end was torn: the other file is next */
    j->file = rounds[0].last <= rounds[1].last ? 1 : 0;
    j->end = j->file_max;
    struct loaded l;
    int r = after(rounds, promised, settled, &j->kept, &l);
    j->newest = l.last;
    j->chain = l.check;
    r = r < 0 ? r : keep_lost_entries(rounds, settled, l.last, &j->lost_entries);
    j->in_files = l.in_files;
    j->lost = l.lost;
    j->waiting = buf_len(&j->kept);
    return r;
}

int journal_open(const char *directory, uint64_t store, struct journal_promise promised,
                 uint64_t settled, size_t file_max, struct journal **ret)
{
    struct journal *j = err_calloc(1, sizeof *j);
    j->kept = BUF_INIT(KEPT_MAX);
    j->bodies = BUF_INIT(JOURNAL_BODIES_MAX + 1024 * 1024);
    j->lost_entries = BUF_INIT(KEPT_MAX);
    j->store = store;
    j->file_max = file_max;
    j->settled_for_good = settled;
    for (unsigned i = 0; i < JOURNAL_FILES; i++) {
        j->files[i].in = j->files[i].out = -1;
    }
    int r = open_files(j, directory);
    r = r < 0 ? r : load(j, promised, settled);
    if (r < 0) {
        journal_close(j);
        return r;
    }
    *ret = j;
    return 0;
}

void journal_close(struct journal *j)
{
    if (!j) {
        return;
    }
    for (unsigned i = 0; i < JOURNAL_FILES; i++) {
        err_close_fd(&j->files[i].in);
        err_close_fd(&j->files[i].out);
    }
    buf_free(&j->kept);
    buf_free(&j->bodies);
    buf_free(&j->lost_entries);
    free(j->pages);
    free(j);
}

uint64_t journal_lost(const struct journal *j)
{
    return j->lost;
}

struct str journal_lost_entries(const struct journal *j)
{
    return buf_str(&j->lost_entries);
}

/* What batches say, without their headers. */
static int add_entries(struct str batches, struct buf *to)
{
    int r = 0;
    while (r == 0 && batches.n > 0) {
        size_t n = get_number(batches.p + AT_ENTRIES, 4), size = journal_header_size(batches.p);
        r = buf_append(to, batches.p + size, n);
        batches = str_slice(batches, size + n, batches.n);
    }
    return r;
}

int journal_look(const char *directory, uint64_t store, struct journal_promise promised,
                 uint64_t settled, struct buf *lost_entries, struct buf *waiting_entries,
                 struct journal_content *ret)
{
    CLEANUP(free_rounds) struct round rounds[JOURNAL_FILES] = {0};
    CLEANUP(buf_free) struct buf kept = BUF_INIT(KEPT_MAX);
    char path[4096], name[16];
    struct loaded l = {.last = settled};
    size_t size, used;
    int r = 0;
    for (unsigned i = 0; i < JOURNAL_FILES && r == 0; i++) {
        journal_name(i, name);
        int n = snprintf(path, sizeof path, "%s/%s", directory, name);
        CLEANUP(err_close_fd)
        int fd =
            n < 0 || (size_t)n >= sizeof path ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        r = fd >= 0           ? read_round(fd, i, store, &rounds[i], &size, &used)
            : errno == ENOENT ? 0
                              : -errno;
    }
    r = r < 0 ? r : after(rounds, promised, settled, &kept, &l);
    r = r < 0 || !lost_entries ? r : keep_lost_entries(rounds, settled, l.last, lost_entries);
    r = r < 0 || !waiting_entries ? r : add_entries(buf_str(&kept), waiting_entries);
    *ret = (struct journal_content){
        .waiting = l.waiting,
        .lost = l.lost,
        .newest = l.last,
        .check = l.check,
    };
    return r;
}

/* --- gathering and writing ---------------------------------------------- */

static size_t gathered(const struct journal *j)
{
    return buf_len(&j->kept) - j->waiting; /* header included */
}

int journal_room(struct journal *j, struct buf **ret_entries, struct buf **ret_bodies)
{
    static const char header[HEADER];
    size_t n = gathered(j);
    if (n >= JOURNAL_ENTRIES_MAX || buf_len(&j->bodies) >= JOURNAL_BODIES_MAX) {
        return -ENOSPC;
    }
    *ret_entries = &j->kept;
    *ret_bodies = &j->bodies;
    return n > 0 ? 0 : buf_append(&j->kept, header, sizeof header);
}

struct journal_batch journal_gathered(const struct journal *j)
{
    struct str all = buf_str(&j->kept);
    return (struct journal_batch){.entries = gathered(j) > HEADER
                                                 ? str_slice(all, j->waiting + HEADER, all.n)
                                                 : STR(""),
                                  .bodies = buf_str(&j->bodies)};
}

void journal_drop(struct journal *j, const struct journal_batch *before)
{
    struct journal_batch now = journal_gathered(j);
    if (before && before->entries.n > 0) {
        buf_cut(&j->kept, now.entries.n - before->entries.n);
        buf_cut(&j->bodies, now.bodies.n - before->bodies.n);
    } else {
        buf_cut(&j->kept, gathered(j));
        buf_reset(&j->bodies);
    }
}

static unsigned other(const struct journal *j)
{
    return (j->file + 1) % JOURNAL_FILES;
}

static bool journal_fits(const struct journal *j)
{
    return j->end + journal_whole_pages(gathered(j) + buf_len(&j->bodies)) <= j->file_max;
}

bool journal_has_room(const struct journal *j)
{
    return journal_fits(j) || j->files[other(j)].last <= j->settled_for_good;
}

/* From a page of memory to a page of the file. Where the file system cannot do without the page
 * cache it is used. */
static int write_pages(struct journal_file *f, const char *p, size_t n, size_t at, int flags)
{
    while (n > 0) {
        struct iovec octets = {.iov_base = (char *)(uintptr_t)p, .iov_len = n};
        ssize_t done = pwritev2(f->out, &octets, 1, (off_t)at, flags);
        int error = done < 0 ? errno : 0, mode = error == EINVAL ? fcntl(f->out, F_GETFL) : 0;
        if (mode > 0 && (mode & O_DIRECT) && fcntl(f->out, F_SETFL, mode & ~O_DIRECT) == 0) {
            continue;
        }
        if (error != 0 && error != EINTR) {
            return -error;
        }
        p += done > 0 ? done : 0;
        at += done > 0 ? (size_t)done : 0;
        n -= done > 0 ? (size_t)done : 0;
        f->size = f->size > at ? f->size : at;
    }
    return 0;
}

static void make_pages(struct journal *j, size_t n)
{
    if (n > j->pages_n) {
        free(j->pages);
        j->pages_n = journal_whole_pages(n + n / 2);
        j->pages = aligned_alloc(PAGE, j->pages_n);
        must(j->pages);
    }
}

static int write_gathered(struct journal *j)
{
    struct journal_file *f = &j->files[j->file];
    struct str bodies = buf_str(&j->bodies);
    size_t entries = gathered(j), n = journal_whole_pages(entries + bodies.n);
    make_pages(j, n);
    memcpy(j->pages, buf_str(&j->kept).p + j->waiting, entries);
    memcpy(j->pages + entries, bodies.p ? bodies.p : "", bodies.n);
    memset(j->pages + entries + bodies.n, 0, n - entries - bodies.n);
    f->used = f->used > j->end + n ? f->used : j->end + n; /* whatever becomes of it */
    return write_pages(f, j->pages, n, j->end, RWF_DSYNC);
}

int journal_write(struct journal *j)
{
    if (!journal_fits(j)) {
        must(journal_has_room(j));
        j->file = other(j);
        j->end = 0;
    }
    struct journal_batch b = journal_gathered(j);
    char *header = j->kept.p + j->kept.head + j->waiting;
    b.number = j->newest + 1;
    b.file = j->file;
    uint64_t check = journal_put_header(header, &b, j->end, j->store, j->chain);
    int r = write_gathered(j);
    if (r == 0) {
        j->end += journal_size_in_file(header);
        j->in_files += journal_size_in_file(header);
        j->waiting = buf_len(&j->kept);
        j->files[j->file].last = ++j->newest;
        j->chain = check;
        buf_reset(&j->bodies);
    }
    return r;
}

/* --- settling ----------------------------------------------------------- */

uint64_t journal_begin(const struct journal *j)
{
    return j->begin;
}

uint64_t journal_waiting_end(const struct journal *j)
{
    return j->begin + j->waiting;
}

uint64_t journal_end(const struct journal *j)
{
    return j->begin + buf_len(&j->kept);
}

struct str journal_at(const struct journal *j, uint64_t place)
{
    struct str all = buf_str(&j->kept);
    return str_slice(all, place - j->begin, all.n);
}

size_t journal_waiting(const struct journal *j)
{
    return j->in_files;
}

size_t journal_kept(const struct journal *j)
{
    return j->waiting;
}

uint64_t journal_newest(const struct journal *j)
{
    return j->newest;
}

struct journal_promise journal_promised(const struct journal *j)
{
    return (struct journal_promise){j->newest, j->chain};
}

bool journal_next(const struct journal *j, size_t *cursor, struct journal_batch *ret)
{
    if (*cursor >= j->waiting) {
        return false;
    }
    const char *header = buf_str(&j->kept).p + *cursor;
    size_t n = get_number(header + AT_ENTRIES, 4), size = journal_header_size(header);
    *ret = (struct journal_batch){
        .number = get_number(header + AT_NUMBER, 8),
        .entries = str_from(header + size, n),
        .file = (unsigned)get_number(header + AT_FILE, 4),
        .bodies_at = get_number(header + AT_PLACE, 8) + size + n,
    };
    *cursor += size + n;
    return true;
}

int journal_body(const struct journal *j, const struct journal_batch *b, uint64_t at, size_t n,
                 struct buf *dst, struct str *ret)
{
    size_t got = 0;
    char *p;
    if (b->number == 0) {
        *ret = str_slice(b->bodies, at, at + n);
        return ret->n == n ? 0 : -EBADMSG;
    }
    buf_reset(dst);
    int r = buf_reserve(dst, n + 1, &p);
    r = r < 0 ? r : journal_read_some(j->files[b->file].in, p, n, (off_t)(b->bodies_at + at), &got);
    *ret = str_from(p, got);
    return r < 0 ? r : got == n ? 0 : -EBADMSG;
}

void journal_settled(struct journal *j, uint64_t number, bool for_good)
{
    struct journal_batch b;
    size_t cursor = 0, done = 0;
    while (journal_next(j, &cursor, &b) && b.number <= number) {
        j->in_files -= journal_size_in_file(buf_str(&j->kept).p + done);
        done = cursor;
    }
    buf_consume(&j->kept, done);
    j->begin += done;
    j->waiting -= done;
    j->settled_for_good = for_good ? number : j->settled_for_good;
}

/* --- files of zeros ---------------------------------------------------- */

/* At most a part of a file that nobody waits long for. */
static int write_zeros(struct journal *j, struct journal_file *f, size_t n, size_t at)
{
    make_pages(j, n);
    memset(j->pages, 0, n);
    return write_pages(f, j->pages, n, at, 0);
}

bool journal_is_settled(const struct journal *j)
{
    return j->waiting == 0 && j->settled_for_good == j->newest;
}

bool journal_is_clear(const struct journal *j)
{
    return j->waiting == 0 && j->files[0].used == 0 && j->files[1].used == 0;
}

/* From the end on, so that a first page without a header says that nothing follows. What comes
 * meanwhile begins at the start again: behind octets that were wiped nobody would look for it. */
static int wipe_some(struct journal *j, struct journal_file *f)
{
    size_t piece = journal_whole_pages(j->file_max / PIECES), to = journal_whole_pages(f->used),
           n = piece < to ? piece : to;
    f->last = 0;
    j->end = f == &j->files[j->file] ? 0 : j->end;
    int r = write_zeros(j, f, n, to - n);
    f->used = r == 0 ? to - n : f->used; /* else: it is written over at some time */
    return r;
}

bool journal_clear(struct journal *j)
{
    for (unsigned i = 0; i < JOURNAL_FILES && journal_is_settled(j); i++) {
        if (j->files[i].used > 0) {
            return wipe_some(j, &j->files[i]) == 0;
        }
    }
    return false;
}

/* A small disk is not filled for speed. */
static bool is_roomy(const struct journal *j)
{
    struct statvfs disk;
    return fstatvfs(j->files[0].in, &disk) == 0 &&
           (uint64_t)disk.f_bavail * disk.f_frsize / ROOMY > (uint64_t)j->file_max * JOURNAL_FILES;
}

static int lengthen_some(struct journal *j, struct journal_file *f)
{
    size_t piece = journal_whole_pages(j->file_max / PIECES), before = f->size,
           at = before / PAGE * PAGE, left = j->file_max / PAGE * PAGE - at;
    size_t n = piece < left ? piece : left;
    int r = write_zeros(j, f, n, at);
    r = r < 0 ? r : n == left && fdatasync(f->out) < 0 ? -errno : 0;
    if (r < 0) { /* batches make it longer one by one */
        f->size = ftruncate(f->in, (off_t)before) == 0 ? before : f->size;
    }
    return r;
}

bool journal_prepare(struct journal *j)
{
    for (unsigned i = 0; i < JOURNAL_FILES; i++) {
        if (j->files[i].size / PAGE < j->file_max / PAGE) {
            return is_roomy(j) && lengthen_some(j, &j->files[i]) == 0;
        }
    }
    return false;
}
