/* SPDX-License-Identifier: Apache-2.0
 * rest.c: the octets of an archive that belong to none of the files which were read of it.
 * Called by archive.c.
 *
 * libarchive reads a zip by its last directory, or as a stream where it finds none; everything
 * else up to the first end. What another program may find there is read as an archive of its
 * own, and what nobody can tell is `damaged`. A zip is walked here by the same directory
 * (APPNOTE.TXT 4.3), so that what lies between and before its files is met, too.
 */
#include "mime/kind.h"
#include "mime/reader.h"

#include <stdlib.h>

/* TAIL: how far from the end libarchive looks for the end of a directory. DESCRIPTOR: the
 * longest that follows a file. */
enum {
    TAIL = 16384,
    LOCAL = 30,
    CENTRAL = 46,
    END = 22,
    LOCATOR = 20,
    END64 = 56,
    DESCRIPTOR = 24,
    NAME_MAX_OCTETS = 1024
};

struct range {
    size_t from, to;
};

struct walk {
    struct reader *r;
    const struct piece *p;
    struct range *v; /* what is accounted for */
    size_t n, cap;
    size_t directory, end; /* where the directory begins, and its last record */
    uint64_t origin;       /* what stands before the octet that offsets are counted from */
};

static uint64_t rest_number(struct str o, size_t at, unsigned octets)
{
    uint64_t n = 0;
    for (unsigned i = octets; i > 0; i--) {
        n = n << 8 | (at + i <= o.n ? (unsigned char)o.p[at + i - 1] : 0);
    }
    return n;
}

static bool rest_begins(struct str o, size_t at, struct str word)
{
    return at <= o.n && o.n - at >= word.n && memcmp(o.p + at, word.p, word.n) == 0;
}

/* What tapes, modems and mail programs fill up with. */
static bool is_padding(struct str o)
{
    for (size_t i = 0; i < o.n; i++) {
        if (!memchr("\0 \t\r\n\x1a", o.p[i], 6)) {
            return false;
        }
    }
    return true;
}

/* The head of a file in a zip, and no four octets in a program that can write such. */
static bool is_zip_file(struct str o, size_t at)
{
    static const unsigned char methods[] = {0, 1, 6, 8, 9, 12, 14, 93, 95, 96, 97, 98, 99};
    uint64_t method = rest_number(o, at + 8, 2), name = rest_number(o, at + 26, 2);
    bool is =
        rest_begins(o, at, STR("PK\3\4")) && o.n - at >= LOCAL && (unsigned char)o.p[at + 4] <= 63;
    return is && method < 100 && memchr(methods, (int)method, sizeof methods) && name > 0 &&
           name <= NAME_MAX_OCTETS && LOCAL + name <= o.n - at &&
           (unsigned char)o.p[at + LOCAL] >= ' ';
}

/* Where an archive begins in these octets; their end: nowhere. */
static size_t find_archive(struct str o)
{
    /* one step for each octet: looking ahead for one letter costs the more, the more there are
     * of another */
    size_t at = 0;
    while (at < o.n) {
        char c = o.p[at];
        if ((c == 'P' && is_zip_file(o, at)) ||
            (c == 'R' && rest_begins(o, at, STR("Rar!\x1a\x07"))) ||
            (c == '7' && rest_begins(o, at, STR("7z\xbc\xaf\x27\x1c")))) {
            return at;
        }
        at++;
    }
    return o.n;
}

static void read_inside(struct reader *r, const struct piece *p, struct str octets)
{
    char part[MIME_PART];
    reader_inner_part(p->part, 0, part);
    reader_piece(r, &(struct piece){
                        .octets = octets,
                        .part = part,
                        .name = p->name,
                        .place = MIME_ATTACHMENT,
                    });
}

/* Octets that belong to nothing; is_told: they are allowed to be there when they are no archive. */
static void rest_read_stray(struct reader *r, const struct piece *p, struct str octets,
                            bool is_told)
{
    while (octets.n > 0 && is_padding(str_slice(octets, 0, 1))) {
        octets = str_slice(octets, 1, octets.n);
    }
    enum kind kind = is_told ? KIND_UNKNOWN : kind_of(octets, "");
    size_t at = kind == KIND_ARCHIVE || kind == KIND_PACKED ? 0 : find_archive(octets);
    if (at > 0 && !is_told) {
        reader_problem(r, MIME_DAMAGED, p->part, "octets that belong to no file in it");
    }
    if (at > 0) {
        read_strings(r, &(struct piece){
                            .octets = str_slice(octets, 0, at),
                            .part = p->part,
                            .name = p->name,
                            .place = p->place,
                        });
    }
    if (at < octets.n) {
        read_inside(r, p, str_slice(octets, at, octets.n));
    }
}

/* --- zip ---------------------------------------------------------------- */

/* Behind the records of a directory that begin here. */
static size_t skip_directory(struct str o, size_t at)
{
    size_t from;
    do {
        from = at;
        if (rest_begins(o, at, STR("PK\1\2"))) {
            at += CENTRAL + rest_number(o, at + 28, 2) + rest_number(o, at + 30, 2) +
                  rest_number(o, at + 32, 2);
        } else if (rest_begins(o, at, STR("PK\5\5"))) {
            at += 6 + rest_number(o, at + 4, 2);
        } else if (rest_begins(o, at, STR("PK\6\6"))) {
            uint64_t n = rest_number(o, at + 4, 8);
            at += n < o.n ? 12 + (size_t)n : o.n;
        } else if (rest_begins(o, at, STR("PK\6\7"))) {
            at += LOCATOR;
        } else if (rest_begins(o, at, STR("PK\5\6"))) {
            at += END + rest_number(o, at + 20, 2);
            break;
        }
    } while (at > from && at < o.n);
    return at < o.n ? at : o.n;
}

/* Finds the directory that libarchive goes by. */
static bool find_directory(struct walk *w)
{
    struct str o = w->p->octets;
    size_t tail = o.n < TAIL ? o.n : TAIL, at = o.n - tail;
    size_t end = o.n >= END ? o.n - END : 0;
    while (end > at && !rest_begins(o, end, STR("PK\5\6"))) {
        end--;
    }
    if (end <= at) {
        return false;
    }
    uint64_t size = rest_number(o, end + 12, 4), offset = rest_number(o, end + 16, 4),
             at64 = rest_number(o, end - LOCATOR + 8, 8);
    bool is64 = end >= LOCATOR && rest_begins(o, end - LOCATOR, STR("PK\6\7")) &&
                at64 + END64 <= o.n && at64 < o.n && rest_begins(o, (size_t)at64, STR("PK\6\6"));
    bool is =
        is64 || (rest_number(o, end + 4, 4) == 0 &&
                 rest_number(o, end + 8, 2) == rest_number(o, end + 10, 2) && offset + size <= end);
    uint64_t from = is64 ? rest_number(o, (size_t)at64 + 48, 8) : end - size;
    offset = is64 ? from : offset;
    while (is && from < end && !rest_begins(o, (size_t)from, STR("PK\1\2"))) {
        from++;
    }
    w->directory = (size_t)from;
    w->end = end;
    w->origin = is ? from - offset : 0;
    return is && from <= end && from >= offset;
}

/* A size or an offset too large for its field stands in the extra field 1, in the order of the
 * fields (4.5.3). */
static void widen(struct str extra, uint64_t *size, uint64_t *packed, uint64_t *offset)
{
    uint64_t *const values[] = {size, packed, offset};
    for (size_t at = 0; at + 4 <= extra.n; at += 4 + (size_t)rest_number(extra, at + 2, 2)) {
        size_t value = at + 4;
        for (size_t i = 0; rest_number(extra, at, 2) == 1 && i < ARRAY_LEN(values); i++) {
            if (*values[i] == UINT32_MAX) {
                *values[i] = rest_number(extra, value, 8);
                value += 8;
            }
        }
    }
}

static void account(struct walk *w, size_t from, size_t to)
{
    if (w->n == w->cap) {
        w->cap = w->cap ? 2 * w->cap : 64;
        w->v = realloc(w->v, w->cap * sizeof *w->v);
        must(w->v);
    }
    w->v[w->n++] = (struct range){from, to};
}

/* libarchive gives the name that stands before the file; programs with windows show the one in
 * the directory. */
static void compare_names(struct walk *w, struct str central, size_t local)
{
    struct str o = w->p->octets;
    size_t n = (size_t)rest_number(o, local + 26, 2);
    if (!str_eq(central, str_slice(o, local + LOCAL < o.n ? local + LOCAL : o.n,
                                   local + LOCAL + n < o.n ? local + LOCAL + n : o.n))) {
        char *name = str_dup(central);
        reader_name(w->r, w->p->part, name);
        free(name);
    }
}

static void take_directory(struct walk *w)
{
    struct str o = w->p->octets;
    size_t at = w->directory;
    while (at + CENTRAL <= w->end && rest_begins(o, at, STR("PK\1\2"))) {
        size_t name = (size_t)rest_number(o, at + 28, 2),
               extra = (size_t)rest_number(o, at + 30, 2),
               note = (size_t)rest_number(o, at + 32, 2);
        uint64_t packed = rest_number(o, at + 20, 4), size = rest_number(o, at + 24, 4),
                 offset = rest_number(o, at + 42, 4);
        size_t behind = at + CENTRAL + name + extra;
        if (behind + note > w->end) {
            break;
        }
        widen(str_slice(o, behind - extra, behind), &size, &packed, &offset);
        uint64_t local = offset < o.n ? w->origin + offset : o.n;
        if (local < o.n && rest_begins(o, (size_t)local, STR("PK\3\4"))) {
            uint64_t head = LOCAL + rest_number(o, (size_t)local + 26, 2) +
                            rest_number(o, (size_t)local + 28, 2);
            uint64_t to = packed < o.n ? local + head + packed : o.n;
            account(w, (size_t)local, to < o.n ? (size_t)to : o.n);
            compare_names(w, str_slice(o, at + CENTRAL, at + CENTRAL + name), (size_t)local);
        }
        at = behind + note;
    }
}

static int rest_by_place(const void *a, const void *b)
{
    const struct range *x = a, *y = b;
    return (x->from > y->from) - (x->from < y->from);
}

/* Between two files: what describes the first, what aligns the second, and the signatures of
 * Android. */
static void read_gap(struct walk *w, size_t from, size_t to)
{
    struct str gap = str_slice(w->p->octets, from, to), mark = STR("APK Sig Block 42");
    bool is_told = gap.n <= DESCRIPTOR || is_padding(str_slice(gap, DESCRIPTOR, gap.n)) ||
                   (gap.n > mark.n && rest_begins(gap, gap.n - mark.n, mark));
    if (!is_told || find_archive(gap) < gap.n) {
        rest_read_stray(w->r, w->p, gap, is_told);
    }
}

/* True when it has a directory. */
static bool walk_zip(struct reader *r, const struct piece *p)
{
    struct walk w = {.r = r, .p = p};
    if (!find_directory(&w)) {
        return false;
    }
    size_t done = 0, note = w.end + END, n = (size_t)rest_number(p->octets, w.end + 20, 2);
    size_t behind = n < p->octets.n - note ? note + n : p->octets.n;
    take_directory(&w);
    account(&w, w.directory, note);
    qsort(w.v, w.n, sizeof *w.v, rest_by_place);
    for (size_t i = 0; i < w.n && !reader_is_spent(r, p->part); i++) {
        if (w.v[i].from > done) {
            read_gap(&w, done, w.v[i].from);
        }
        done = w.v[i].to > done ? w.v[i].to : done;
    }
    free(w.v);
    rest_read_stray(r, p, str_slice(p->octets, note, behind), true);
    rest_read_stray(r, p, str_slice(p->octets, behind, p->octets.n), false);
    return true;
}

/* --- all of them -------------------------------------------------------- */

/* Where it ends by what it says itself, else where reading it ended; its end: nobody knows. */
static size_t end_of(struct str o, uint64_t consumed)
{
    uint64_t end = consumed;
    if (rest_begins(o, 0, STR("7z\xbc\xaf\x27\x1c"))) {
        uint64_t at = rest_number(o, 12, 8), n = rest_number(o, 20, 8);
        end = at < o.n && n < o.n ? 32 + at + n : o.n;
    } else if (rest_begins(o, 0, STR("MSCF"))) { /* with a reserve: its signature may follow */
        end = rest_number(o, 30, 2) & 4 ? o.n : rest_number(o, 8, 4);
    } else if (rest_begins(o, 0, STR("PK"))) {
        end = skip_directory(o, consumed < o.n ? (size_t)consumed : o.n);
    }
    return end < o.n ? (size_t)end : o.n;
}

void read_rest(struct reader *r, const struct piece *p, uint64_t consumed)
{
    struct str o = p->octets;
    if (reader_is_spent(r, p->part) || (rest_begins(o, 0, STR("PK")) && walk_zip(r, p))) {
        return;
    }
    bool is_rar = rest_begins(o, 0, STR("Rar!"));
    size_t end = end_of(o, consumed);
    if (rest_begins(o, 0, STR("PK")) && consumed < UINT64_MAX && end <= consumed) {
        reader_problem(r, MIME_DAMAGED, p->part, "it has no directory");
    }
    rest_read_stray(r, p, str_slice(o, end, o.n), is_rar);
}
