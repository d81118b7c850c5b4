/* SPDX-License-Identifier: Apache-2.0
 * journal_format.c: the headers of batches in the journal's files. Called by journal.c. Pure.
 */
#include "store/journal_format.h"
#include "store/octets.h"

#include <string.h>
#include <xxhash.h>

size_t journal_whole_pages(size_t n)
{
    return (n + PAGE - 1) / PAGE * PAGE;
}

bool journal_is_old(const char *header)
{
    return get_number(header + AT_MAGIC, 4) == MAGIC_16;
}

size_t journal_header_size(const char *header)
{
    return journal_is_old(header) ? HEADER_16 : HEADER;
}

uint64_t journal_checksum(const char *header, struct str entries, struct str bodies)
{
    char copy[HEADER];
    uint64_t seed = get_number(header + AT_NUMBER, 8);
    if (!journal_is_old(header)) {
        memcpy(copy, header, HEADER);
        put_number(copy + AT_CHECK, 0, 8);
        seed = XXH3_64bits(copy, HEADER);
    }
    return XXH3_64bits_withSeed(entries.p, entries.n,
                                XXH3_64bits_withSeed(bodies.p, bodies.n, seed));
}

uint64_t journal_put_header(char *p, const struct journal_batch *b, uint64_t place, uint64_t store,
                            uint64_t chain)
{
    memset(p, 0, HEADER);
    put_number(p + AT_MAGIC, MAGIC, 4);
    put_number(p + AT_FILE, b->file, 4);
    put_number(p + AT_ENTRIES, b->entries.n, 4);
    put_number(p + AT_BODIES, b->bodies.n, 4);
    put_number(p + AT_NUMBER, b->number, 8);
    put_number(p + AT_PLACE, place, 8);
    put_number(p + AT_STORE, store, 8);
    put_number(p + AT_CHAIN, chain, 8);
    put_number(p + AT_ENTRIES_CHECK, XXH3_64bits_withSeed(b->entries.p, b->entries.n, b->number),
               8);
    uint64_t check = journal_checksum(p, b->entries, b->bodies);
    put_number(p + AT_CHECK, check, 8);
    return check;
}

size_t journal_size_in_file(const char *header)
{
    return journal_whole_pages(journal_header_size(header) + get_number(header + AT_ENTRIES, 4) +
                               get_number(header + AT_BODIES, 4));
}
