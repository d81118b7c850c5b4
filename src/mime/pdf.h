/* SPDX-License-Identifier: Apache-2.0
 * pdf.h: the text of a PDF by pdftotext (Poppler), which runs behind walls of its own
 * (sys/filter.h): it is under the GPL and never linked, and its input is a stranger's. Called by
 * whoever reads messages, before any sandbox.
 */
#pragma once
#include "mime/mime.h"

struct mime_pdf;

/* NULL when pdftotext is not installed: PDF is then a problem "unknown". */
struct mime_pdf *mime_pdf_new(void);
void mime_pdf_free(struct mime_pdf *p);
/* For struct mime_limits: arg is a struct mime_pdf or NULL. */
enum mime_document mime_pdf_read(void *arg, struct str octets, int64_t cpu_ms, struct buf *out);
