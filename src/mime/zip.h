/* SPDX-License-Identifier: Apache-2.0
 * zip.h: a zip archive written while it is sent, by libarchive; nothing of the files stays in
 * memory. Called by the web process, for all attachments at once.
 */
#pragma once
#include "base/buf.h"

struct zip;

struct zip *zip_new(void);
/* NULL is harmless. */
void zip_free(struct zip *z);
/* Each appends what is ready of the archive to out. 0 or -errno. A file has exactly `size`
 * octets. */
int zip_begin(struct zip *z, const char *name, uint64_t size, struct buf *out) MUST_USE;
int zip_octets(struct zip *z, struct str octets, struct buf *out) MUST_USE;
int zip_end(struct zip *z, struct buf *out) MUST_USE;
