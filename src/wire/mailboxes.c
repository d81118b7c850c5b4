/* SPDX-License-Identifier: Apache-2.0
 * mailboxes.c: address lists, RFC 5322 3.4. Called by sendmail (-t) and smtpin (whose From it is).
 */
#include "wire/mailboxes.h"

/* Where the mailbox that begins at `from` ends: a comma, a semicolon or a group's colon outside quotes,
 * comments and angle brackets. */
static size_t mailbox_end(struct str s)
{
    unsigned depth = 0;
    bool quoted = false, angle = false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '\\' && (quoted || depth > 0)) {
            i++;
        } else if (c == '"' && depth == 0) {
            quoted = !quoted;
        } else if (!quoted && c == '(') {
            depth++;
        } else if (!quoted && c == ')' && depth > 0) {
            depth--;
        } else if (!quoted && depth == 0 && (c == '<' || c == '>')) {
            angle = c == '<';
        } else if (!quoted && depth == 0 && !angle && (c == ',' || c == ';' || c == ':')) {
            return i;
        }
    }
    return s.n;
}

/* @a.test,@b.test:user@c.test, as in old mail (RFC 5322 4.4). */
static struct str without_route(struct str s)
{
    s = str_trim(s);
    size_t colon = s.n > 0 && s.p[0] == '@' ? str_find(s, ':', 0) : s.n;
    return colon < s.n ? str_slice(s, colon + 1, s.n) : s;
}

/* Where the address behind "<" ends: at the ">" outside quotes, for "a>b"@c.test is one address. */
static size_t angle_end(struct str s, size_t i)
{
    bool quoted = false;
    for (; i < s.n && (quoted || s.p[i] != '>'); i++) {
        if (s.p[i] == '\\' && quoted) {
            i++;
        } else if (s.p[i] == '"') {
            quoted = !quoted;
        }
    }
    return i < s.n ? i : s.n;
}

/* The text of a mailbox without comments and display name, as far as it stands in one piece. */
static struct str address_in(struct str s)
{
    unsigned depth = 0;
    bool quoted = false;
    size_t from = s.n, to = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '\\' && (quoted || depth > 0)) {
            i++;
            continue;
        }
        if (c == '"' && depth == 0) {
            quoted = !quoted;
        } else if (!quoted && c == '(') {
            depth++;
            continue;
        } else if (!quoted && c == ')' && depth > 0) {
            depth--;
            continue;
        }
        if (depth > 0) {
            continue;
        }
        if (!quoted && c == '<') {
            return str_trim(without_route(str_slice(s, i + 1, angle_end(s, i + 1))));
        }
        if (!strchr(" \t\r\n", c)) {
            from = from == s.n ? i : from;
            to = i + 1;
        }
    }
    return from < to ? str_slice(s, from, to) : str_slice(s, 0, 0);
}

bool mailboxes_next(struct str *rest, struct str *ret)
{
    while (rest->n > 0) {
        size_t end = mailbox_end(*rest);
        bool group = end < rest->n && rest->p[end] == ':';
        struct str one = address_in(str_slice(*rest, 0, end));
        *rest = str_slice(*rest, end < rest->n ? end + 1 : end, rest->n);
        if (!group && one.n > 0) {
            *ret = one;
            return true;
        }
    }
    return false;
}
