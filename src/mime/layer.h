/* SPDX-License-Identifier: Apache-2.0
 * layer.h: one layer of packing, by libarchive: the files of one archive, or what one packed
 * file holds; never what is packed inside that.
 *
 * Called by archive.c. The library reads through a window that asks the clock every few KB and
 * ends what takes too long, and works inside a fence of memory (sys/fence.h). What can go wrong:
 * damage, passwords, the clock.
 */
#pragma once
#include "mime/reader.h"

#include <archive.h>
#include <archive_entry.h>

struct layer;

/* packed: a gz, bz2, xz ... and not an archive. octets and part are borrowed. NULL: damaged. */
struct layer *layer_open(struct reader *r, const char *part, struct str octets, bool packed);
void layer_free(struct layer *l);
/* As archive_read_next_header() and archive_read_data(). */
int layer_next(struct layer *l, struct archive_entry **ret);
la_ssize_t layer_data(struct layer *l, char *to, size_t n);
/* How many of the octets were read. */
uint64_t layer_consumed(struct layer *l);
/* Some of it needs a password. */
bool layer_is_locked(struct layer *l);
