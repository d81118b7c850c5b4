/* SPDX-License-Identifier: Apache-2.0
 * journal_format.h: how a batch lies in a file of the journal. For journal.c.
 *
 * It begins at a multiple of PAGE, so that writing one never touches a page of another: a header,
 * its entries, its bodies, and zeros to the end of the page. Numbers have their lowest octet first.
 */
#pragma once
#include "store/journal.h"

/* A header: where each number is, and how many octets the header has. The checksum is of the
 * entries, seeded with that of the bodies, which is seeded with that of the header; AT_CHAIN has
 * the checksum of the batch before, 0 where it was not known; AT_ENTRIES_CHECK that of the
 * entries alone: where only bodies are damaged, it is known whose. Journals before format 17
 * have shorter headers, which lack both, and a checksum that is seeded with the number alone. */
enum {
    MAGIC = 0x324a4f50,
    MAGIC_16 = 0x314a4f50,
    AT_MAGIC = 0,
    AT_FILE = 4,
    AT_ENTRIES = 8,
    AT_BODIES = 12,
    AT_NUMBER = 16,
    AT_CHECK = 24,
    AT_PLACE = 32,
    AT_STORE = 40,
    HEADER_16 = 48,
    AT_CHAIN = 48,
    AT_ENTRIES_CHECK = 56,
    HEADER = 64,
    PAGE = 4096,
};

size_t journal_whole_pages(size_t n);
/* Whether the header is of a journal before format 17. */
bool journal_is_old(const char *header);
size_t journal_header_size(const char *header);
uint64_t journal_checksum(const char *header, struct str entries, struct str bodies);
/* Writes the header of a batch; its checksum. */
uint64_t journal_put_header(char *p, const struct journal_batch *b, uint64_t place, uint64_t store,
                            uint64_t chain);
/* Octets in the file of the batch whose header this is. */
size_t journal_size_in_file(const char *header);
