/* SPDX-License-Identifier: Apache-2.0
 * section.c: changes to a header section while a message arrives. Called by smtpin; pure.
 *
 * Authentication-Results that claim our own name were not written by us: a reader behind us would
 * believe them (RFC 8601 5). What can go wrong: folded fields and comments that hide the name; the
 * name is read as the grammar says, quoted strings and nested comments included.
 */
#include "wire/section.h"
#include "wire/fold.h"
#include "wire/header.h"
#include "wire/domain.h"

size_t section_end(struct str begin, size_t from)
{
    from = from > 3 ? from - 3 : 0; /* the end may lie across */
    if (begin.n >= 2 && begin.p[0] == '\r' && begin.p[1] == '\n') {
        return 2;
    }
    for (size_t at = str_find(begin, '\n', from); at + 2 < begin.n;
         at = str_find(begin, '\n', at + 1)) {
        if (begin.p[at + 1] == '\r' && begin.p[at + 2] == '\n') {
            return at + 3;
        }
    }
    return 0;
}

/* after white space, line ends and comments. */
static struct str skip_cfws(struct str s)
{
    unsigned depth = 0;
    size_t i = 0;
    for (; i < s.n; i++) {
        char c = s.p[i];
        if (depth > 0 && c == '\\') {
            i++;
        } else if (c == '(') {
            depth++;
        } else if (depth > 0 && c == ')') {
            depth--;
        } else if (depth == 0 && c != ' ' && c != '\t' && c != '\r' && c != '\n') {
            break;
        }
    }
    return str_slice(s, i < s.n ? i : s.n, s.n);
}

struct str section_authserv_id(struct str value)
{
    struct str s = skip_cfws(value);
    if (s.n > 0 && s.p[0] == '"') {
        size_t end = str_find(s, '"', 1);
        return str_slice(s, 1, end);
    }
    size_t n = 0;
    while (n < s.n && !strchr(" \t\r\n;(", s.p[n])) {
        n++;
    }
    return str_slice(s, 0, n);
}

bool section_next_from(struct str *section, struct str *ret)
{
    struct str name;
    while (header_next(section, &name, ret)) {
        if (str_eq_nocase(name, STR("From"))) {
            return true;
        }
    }
    return false;
}

/* A stranger's spelling of our name is our name; an id need not be a domain (RFC 8601 2.5). */
static bool section_name_same(struct str a, struct str b)
{
    struct domain_name x = domain_from(a), y = domain_from(b);
    return str_eq_nocase(a, b) || (domain_is_name(x) && domain_eq(x, y));
}

static bool claims_us(struct str name, struct str value, struct str authserv_id)
{
    return authserv_id.n > 0 && str_eq_nocase(name, STR("Authentication-Results")) &&
           section_name_same(section_authserv_id(value), authserv_id);
}

static int add_field(struct buf *out, const char *name, struct str value)
{
    struct str before = buf_str(out);
    /* a section that ends in the middle of a line */
    bool open = before.n > 0 && before.p[before.n - 1] != '\n';
    return buf_printf(out, "%s%s: " STR_FMT "\r\n", open ? "\r\n" : "", name, STR_ARG(value));
}

/* RFC 5321 3.7.2 MUST NOT: Received fields of others are not changed
 * RFC 5321 4.4 MUST NOT: Received fields keep their order */
int section_write(struct str section, const struct section_change *change, struct buf *out,
                  struct section_done *ret)
{
    struct str rest = section, name, value;
    struct section_done done = {
        .added_date = change->add_date.n > 0,
        .added_message_id = change->add_message_id.n > 0,
        .added_from = change->add_from.n > 0,
    };
    bool folds = !fold_breaks_signature(section);
    int r = 0;
    for (struct str before = rest; r == 0 && header_next(&rest, &name, &value); before = rest) {
        if (claims_us(name, value, change->authserv_id)) {
            done.removed++;
            continue;
        }
        done.added_date &= !str_eq_nocase(name, STR("Date"));
        done.added_message_id &= !str_eq_nocase(name, STR("Message-ID"));
        done.added_from &= !str_eq_nocase(name, STR("From"));
        struct str field = str_slice(before, 0, before.n - rest.n);
        r = folds ? fold_field(field, out) : buf_add(out, field);
    }
    r = r < 0 || !done.added_from ? r : add_field(out, "From", change->add_from);
    r = r < 0 || !done.added_date ? r : add_field(out, "Date", change->add_date);
    r = r < 0 || !done.added_message_id ? r : add_field(out, "Message-ID", change->add_message_id);
    *ret = done;
    return r < 0 ? r : buf_add(out, rest);
}
