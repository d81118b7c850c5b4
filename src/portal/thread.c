/* SPDX-License-Identifier: Apache-2.0
 * thread.c: addresses and message ids of conversations. Called by smtpin, queue, smtpout and web.
 */
#include "portal/thread.h"

#include <stdio.h>

static bool is_thread(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = str_lower(s.p[i]);
        if (!((c >= 'a' && c <= 'z') || (c >= '2' && c <= '9'))) {
            return false;
        }
    }
    return s.n == THREAD_LETTERS;
}

void thread_address(const struct conf *c, struct str thread, char *dst, size_t size)
{
    struct str from = str_c(c->portal.from);
    size_t at = str_find_last(from, '@');
    snprintf(dst, size, STR_FMT "%s" STR_FMT STR_FMT, STR_ARG(str_slice(from, 0, at)),
             thread.n > 0 ? "+" : "", STR_ARG(thread), STR_ARG(str_slice(from, at, from.n)));
}

struct str thread_of_address(const struct conf *c, struct str address)
{
    if (!c->portal.url) {
        return STR("");
    }
    struct str from = str_c(c->portal.from);
    size_t at = str_find_last(from, '@'), mine = str_find_last(address, '@');
    bool ours = mine < address.n && mine > at && domain_eq(domain_of(address), domain_of(from)) &&
                str_starts_nocase(address, str_slice(from, 0, at)) && address.p[at] == '+';
    struct str thread = ours ? str_slice(address, at + 1, mine) : STR("");
    return is_thread(thread) ? thread : STR("");
}

struct str thread_of_references(const struct conf *c, struct str field)
{
    static const char begin[] = "<portal.";
    while (c->portal.url && field.n > sizeof begin) {
        const char *p = memmem(field.p, field.n, begin, sizeof begin - 1);
        if (!p) {
            break;
        }
        struct str id =
            str_from(p + sizeof begin - 1, field.n - (size_t)(p - field.p) - (sizeof begin - 1));
        size_t dot = str_find(id, '.', 0), at = str_find(id, '@', 0), end = str_find(id, '>', 0);
        if (dot < at && at < end && end < id.n && is_thread(str_slice(id, 0, dot)) &&
            domain_eq(domain_from(str_slice(id, at + 1, end)), domain_from(str_c(c->hostname)))) {
            return str_slice(id, 0, dot);
        }
        field = id;
    }
    return STR("");
}
