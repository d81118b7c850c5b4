/* SPDX-License-Identifier: Apache-2.0
 * zip.c: libarchive's writer, with its output into a buffer (zip.h).
 */
#include "mime/zip.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>

struct zip {
    struct archive *archive;
    struct archive_entry *entry;
    struct buf *out; /* of the call under way */
    bool full;
};

static la_ssize_t on_write(struct archive *a, void *arg, const void *octets, size_t n)
{
    struct zip *z = arg;
    if (!z->out) {
        return (la_ssize_t)n; /* it is being given up */
    }
    z->full |= buf_append(z->out, octets, n) < 0;
    return z->full ? -1 : (la_ssize_t)n;
}

struct zip *zip_new(void)
{
    struct zip *z = err_calloc(1, sizeof *z);
    z->archive = archive_write_new();
    z->entry = archive_entry_new();
    must(z->archive && z->entry && archive_write_set_format_zip(z->archive) == ARCHIVE_OK);
    must(archive_write_set_bytes_per_block(z->archive, 0) == ARCHIVE_OK);
    (void)archive_write_set_options(z->archive, "zip:compression=deflate,zip:hdrcharset=UTF-8");
    must(archive_write_open(z->archive, z, NULL, on_write, NULL) == ARCHIVE_OK);
    return z;
}

void zip_free(struct zip *z)
{
    if (z) {
        z->out = NULL;
        archive_entry_free(z->entry);
        archive_write_free(z->archive);
        free(z);
    }
}

static int result(const struct zip *z, bool ok)
{
    return z->full ? -ENOSPC : ok ? 0 : -EIO;
}

int zip_begin(struct zip *z, const char *name, uint64_t size, struct buf *out)
{
    z->out = out;
    archive_entry_clear(z->entry);
    archive_entry_set_pathname_utf8(z->entry, name);
    archive_entry_set_size(z->entry, (la_int64_t)size);
    archive_entry_set_filetype(z->entry, AE_IFREG);
    archive_entry_set_perm(z->entry, 0600);
    return result(z, archive_write_header(z->archive, z->entry) >= ARCHIVE_WARN);
}

int zip_octets(struct zip *z, struct str octets, struct buf *out)
{
    z->out = out;
    return result(z, octets.n == 0 || archive_write_data(z->archive, octets.p, octets.n) >= 0);
}

int zip_end(struct zip *z, struct buf *out)
{
    z->out = out;
    int r = result(z, archive_write_close(z->archive) == ARCHIVE_OK);
    z->out = NULL;
    return r;
}
