/* SPDX-License-Identifier: Apache-2.0
 * nested.c: one decoding behind the other, each with its own range (nested.h).
 */
#include "wire/nested.h"

enum { BETWEEN_MAX = 1024 * 1024 };

void nested_begin(struct nested_reader *d, const struct nested_place *places, unsigned n,
                  uint64_t at)
{
    must(n > 0 && n <= NESTED_MAX && at <= places[0].at);
    *d = (struct nested_reader){.n = n};
    for (unsigned i = 0; i < n; i++) {
        d->places[i] = places[i];
        d->transfers[i].encoding = places[i].encoding;
        d->between[i] = BUF_INIT(BETWEEN_MAX);
    }
    d->seen[0] = at;
}

/* What is before the place goes, what is behind it too. */
static struct str cut_to_place(struct nested_reader *d, unsigned k, struct str octets)
{
    const struct nested_place *p = &d->places[k];
    uint64_t before = d->seen[k] < p->at ? p->at - d->seen[k] : 0;
    size_t skip = before < octets.n ? (size_t)before : octets.n;
    uint64_t left = p->at + p->octets - (d->seen[k] + skip);
    size_t n = left < octets.n - skip ? (size_t)left : octets.n - skip;
    d->seen[k] += skip + n;
    return str_slice(octets, skip, skip + n);
}

static int nested_read_place(struct nested_reader *d, unsigned k, struct str octets,
                             struct buf *out)
{
    const struct nested_place *p = &d->places[k];
    bool is_last = k + 1 == d->n;
    struct buf *to = is_last ? out : &d->between[k];
    int r = transfer_read(&d->transfers[k], cut_to_place(d, k, octets), to);
    bool over = d->seen[k] >= p->at + p->octets;
    r = r == 0 && over ? transfer_read_end(&d->transfers[k], to) : r;
    if (r == 0 && !is_last) {
        r = nested_read_place(d, k + 1, buf_str(to), out);
        buf_reset(to);
        return r == 0 && over ? -EBADMSG : r;
    }
    return r < 0 ? r : over;
}

int nested_read(struct nested_reader *d, struct str octets, struct buf *out)
{
    enum { PIECE = BETWEEN_MAX / 4 };
    int r = 0;
    for (size_t at = 0; r == 0 && at < octets.n; at += PIECE) {
        r = nested_read_place(d, 0,
                              str_slice(octets, at, at + PIECE < octets.n ? at + PIECE : octets.n),
                              out);
    }
    return r;
}

void nested_wipe(struct nested_reader *d)
{
    for (unsigned i = 0; i < d->n; i++) {
        buf_wipe(&d->between[i]);
    }
    explicit_bzero(d->transfers, sizeof d->transfers);
    d->n = 0;
}
