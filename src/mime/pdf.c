/* SPDX-License-Identifier: Apache-2.0
 * pdf.c: one pdftotext after the other; what its exit status and words mean. Exit statuses: 1
 * cannot be opened, 3 not allowed (pdftotext(1)); a password is named on standard error.
 */
#include "mime/pdf.h"
#include "sys/filter.h"

#include <stdlib.h>

struct mime_pdf {
    struct filter *filter;
};

struct mime_pdf *mime_pdf_new(void)
{
    static const char *const argv[] =
        {"/usr/bin/pdftotext", "-layout", "-enc", "UTF-8", "-q", "-", "-", NULL};
    struct filter *filter;
    if (filter_new(argv, &filter) < 0) {
        return NULL;
    }
    struct mime_pdf *p = err_calloc(1, sizeof *p);
    p->filter = filter;
    return p;
}

void mime_pdf_free(struct mime_pdf *p)
{
    if (p) {
        filter_free(p->filter);
        free(p);
    }
}

enum mime_document mime_pdf_read(void *arg, struct str octets, int64_t cpu_ms, struct buf *out)
{
    const struct mime_pdf *p = arg;
    struct filter_outcome o;
    if (!p || filter_run(p->filter, octets, cpu_ms, out, &o) < 0) {
        return MIME_DOCUMENT_NOBODY;
    }
    if (o.too_much || !o.exited) {
        return MIME_DOCUMENT_LIMIT;
    }
    if (o.status == 0) {
        return MIME_DOCUMENT_TEXT;
    }
    return memmem(o.words, strlen(o.words), "assword", 7) || o.status == 3 ||
                   memmem(octets.p, octets.n, "/Encrypt", 8)
               ? MIME_DOCUMENT_PASSWORD
               : MIME_DOCUMENT_DAMAGED;
}
