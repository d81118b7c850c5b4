/* SPDX-License-Identifier: Apache-2.0
 * layer.c: libarchive with one filter or one family of formats at a time, and its window on the
 * octets (layer.h).
 *
 * libarchive follows filters by itself (gz in gz in gz) and keeps whatever it looks ahead at; so
 * exactly one is put on, chosen by the signature, and what comes out is looked at as a thing of
 * its own by reader.c, which counts.
 */
#include "mime/layer.h"
#include "sys/fence.h"

#include <errno.h>
#include <stdlib.h>

/* A window so small that what a few KB can grow to is unpacked in a moment. */
enum { WINDOW = 4096, FENCE = 192 * 1024 * 1024 };

struct layer {
    struct archive *a;
    struct reader *r;
    const char *part;
    struct str octets;
    size_t at;
    bool has_ended;
};

/* The head of a directory, for zips that have none: libarchive wants to see 24 octets behind a
 * file before it gives the file out. */
static const char directory[46] = "PK\1\2";

static la_ssize_t layer_on_read(struct archive *a, void *arg, const void **ret)
{
    struct layer *l = arg;
    if (reader_is_spent(l->r, l->part)) {
        archive_set_error(a, EIO, "out of time");
        return ARCHIVE_FATAL;
    }
    size_t left = l->octets.n - l->at, n = left < WINDOW ? left : WINDOW;
    *ret = l->octets.p + l->at;
    l->at += n;
    if (n == 0 && !l->has_ended && str_starts_nocase(l->octets, STR("PK\3\4"))) {
        l->has_ended = true;
        *ret = directory;
        return sizeof directory;
    }
    return (la_ssize_t)n;
}

static la_int64_t on_skip(struct archive *a, void *arg, la_int64_t wanted)
{
    struct layer *l = arg;
    size_t left = l->octets.n - l->at, n = wanted < 0                ? 0
                                           : (uint64_t)wanted < left ? (size_t)wanted
                                                                     : left;
    l->at += n;
    return (la_int64_t)n;
}

static la_int64_t on_seek(struct archive *a, void *arg, la_int64_t offset, int from)
{
    struct layer *l = arg;
    int64_t base = from == SEEK_SET ? 0 : from == SEEK_CUR ? (int64_t)l->at : (int64_t)l->octets.n;
    int64_t to = offset > -(INT64_C(1) << 40) && offset < (INT64_C(1) << 40) ? base + offset : -1;
    if (to < 0) {
        return ARCHIVE_FATAL;
    }
    l->at = (uint64_t)to < l->octets.n ? (size_t)to : l->octets.n;
    l->has_ended = false;
    return (la_int64_t)l->at;
}

/* The one filter, by the signature. */
static int filter_of(struct str o)
{
    static const struct {
        struct str begin;
        int filter;
    } filters[] = {
        {{"\x1f\x8b", 2}, ARCHIVE_FILTER_GZIP},
        {{"BZh", 3}, ARCHIVE_FILTER_BZIP2},
        {{"\xfd"
          "7zXZ",
          5},
         ARCHIVE_FILTER_XZ},
        {{"\x28\xb5\x2f\xfd", 4}, ARCHIVE_FILTER_ZSTD},
        {{"\x04\x22\x4d\x18", 4}, ARCHIVE_FILTER_LZ4},
        {{"LZIP", 4}, ARCHIVE_FILTER_LZIP},
        {{"\x1f\x9d", 2}, ARCHIVE_FILTER_COMPRESS},
    };
    for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
        if (o.n > filters[i].begin.n && memcmp(o.p, filters[i].begin.p, filters[i].begin.n) == 0) {
            return filters[i].filter;
        }
    }
    return ARCHIVE_FILTER_NONE;
}

/* True when the library knows how to read such octets. */
static bool layer_prepare(struct archive *a, struct str octets, bool packed)
{
    if (packed) {
        int filter = filter_of(octets);
        if (filter == ARCHIVE_FILTER_NONE || archive_read_support_format_raw(a) != ARCHIVE_OK) {
            return false;
        }
        /* when appended, libarchive reads of a file that is not open yet: a crash */
        if (filter == ARCHIVE_FILTER_COMPRESS) {
            return (octets.p[2] & 0x60) == 0 &&
                   archive_read_support_filter_compress(a) == ARCHIVE_OK;
        }
        return archive_read_append_filter(a, filter) == ARCHIVE_OK;
    }
    archive_read_support_format_zip(a);
    archive_read_support_format_7zip(a);
    archive_read_support_format_rar(a);
    archive_read_support_format_rar5(a);
    archive_read_support_format_tar(a);
    archive_read_support_format_cpio(a);
    archive_read_support_format_cab(a);
    archive_read_support_format_ar(a);
    return true;
}

struct layer *layer_open(struct reader *r, const char *part, struct str octets, bool packed)
{
    struct layer *l = err_calloc(1, sizeof *l);
    *l = (struct layer){.a = archive_read_new(), .r = r, .part = part, .octets = octets};
    must(l->a);
    archive_read_set_read_callback(l->a, layer_on_read);
    archive_read_set_skip_callback(l->a, on_skip);
    archive_read_set_seek_callback(l->a, on_seek);
    archive_read_set_callback_data(l->a, l);
    fence_raise(FENCE);
    bool ok = layer_prepare(l->a, octets, packed) && archive_read_open1(l->a) == ARCHIVE_OK;
    fence_lower();
    if (!ok) {
        layer_free(l);
        return NULL;
    }
    return l;
}

void layer_free(struct layer *l)
{
    archive_read_free(l->a);
    free(l);
}

uint64_t layer_consumed(struct layer *l)
{
    la_int64_t n = archive_filter_bytes(l->a, -1);
    return n < 0 ? 0 : (uint64_t)n;
}

int layer_next(struct layer *l, struct archive_entry **ret)
{
    fence_raise(FENCE);
    int code = archive_read_next_header(l->a, ret);
    fence_lower();
    /* half a head, with ours for the rest */
    return code != ARCHIVE_EOF && layer_consumed(l) > l->octets.n ? ARCHIVE_FATAL : code;
}

la_ssize_t layer_data(struct layer *l, char *to, size_t n)
{
    fence_raise(FENCE);
    la_ssize_t got = archive_read_data(l->a, to, n);
    fence_lower();
    return got;
}

bool layer_is_locked(struct layer *l)
{
    return archive_read_has_encrypted_entries(l->a) > 0 && layer_consumed(l) <= l->octets.n;
}
