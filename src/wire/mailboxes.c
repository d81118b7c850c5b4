/* SPDX-License-Identifier: Apache-2.0
 * mailboxes.c: address lists, RFC 5322 3.4. Called by sendmail (-t) and smtpin (whose From it is).
 */
#include "wire/mailboxes.h"

/* Where the mailbox that begins at `from` ends: a comma, a semicolon or a group's colon outside
 * quotes, comments and angle brackets. */
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

/* Where the address behind "<" ends: at the ">" outside quotes and comments, for "a>b"@c.test is
 * one address. */
static size_t angle_end(struct str s, size_t from)
{
    bool quoted = false;
    unsigned depth = 0;
    size_t first = s.n; /* where a comment has no end, its ">" counts */
    for (size_t i = from; i < s.n; i++) {
        char c = s.p[i];
        if (c == '\\' && (quoted || depth > 0)) {
            i++;
        } else if (c == '"' && depth == 0) {
            quoted = !quoted;
        } else if (!quoted && c == '(') {
            depth++;
        } else if (!quoted && c == ')' && depth > 0) {
            depth--;
        } else if (!quoted && c == '>') {
            first = first == s.n ? i : first;
            if (depth == 0) {
                return i;
            }
        }
    }
    return first;
}

/* Behind blanks and comments at i; a comment without an end is none. */
static size_t mailboxes_skip_blanks(struct str s, size_t i)
{
    unsigned depth = 0;
    size_t from = i;
    for (; i < s.n; i++) {
        char c = s.p[i];
        if (depth > 0 && c == '\\') {
            i++;
        } else if (c == '(') {
            from = depth++ == 0 ? i : from;
        } else if (c == ')' && depth > 0) {
            depth--;
        } else if (depth == 0 && !strchr(" \t\r\n", c)) {
            return i;
        }
    }
    return depth > 0 ? from : s.n;
}

/* Blanks and comments go where dots, "@" or an end are beside them; between two words they stay,
 * for "a b@c.test" is not ab@c.test. A view of s where nothing goes. */
static struct str without_blanks(struct str s, char text[ADDRESS_ROOM])
{
    bool quoted = false;
    size_t n = 0;
    for (size_t i = 0; i < s.n;) {
        size_t next = quoted ? i : mailboxes_skip_blanks(s, i);
        bool joins = next == s.n || n == 0 || strchr(".@", text[n - 1]) || strchr(".@", s.p[next]);
        if (next > i && !joins) {
            return s;
        }
        i = next;
        if (i < s.n && n + 2 > ADDRESS_MAX) {
            return s;
        }
        bool pair = i + 1 < s.n && quoted && s.p[i] == '\\';
        quoted ^= i < s.n && s.p[i] == '"';
        for (size_t k = 0; k < 1u + pair && i < s.n; k++) {
            text[n++] = s.p[i++];
        }
    }
    return n == s.n ? s : str_from(text, n);
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

/* The next mailbox of the list; ret_end: where it ends in the list. False: there are no more. */
static bool next_place(struct str list, size_t *ret_end, struct str *ret)
{
    size_t at = 0;
    while (at < list.n) {
        struct str rest = str_slice(list, at, list.n);
        size_t end = mailbox_end(rest);
        bool group = end < rest.n && rest.p[end] == ':';
        struct str one = address_in(str_slice(rest, 0, end));
        at += end < rest.n ? end + 1 : end;
        if (!group && one.n > 0) {
            *ret = one;
            *ret_end = at;
            return true;
        }
    }
    *ret_end = list.n;
    return false;
}

bool mailboxes_next(struct str *rest, struct mailbox *ret)
{
    struct str place;
    size_t end;
    bool found;
    do { /* a comment alone between the brackets is no address */
        found = next_place(*rest, &end, &place);
        *rest = str_slice(*rest, end, rest->n);
        ret->address = found ? without_blanks(place, ret->text) : STR("");
    } while (found && ret->address.n == 0);
    return found;
}

int mailboxes_tidy(struct str field, struct buf *out)
{
    struct str place;
    size_t end;
    int r = 0;
    while (r == 0 && next_place(field, &end, &place)) {
        char text[ADDRESS_ROOM];
        size_t at = (size_t)(place.p - field.p);
        r = buf_add(out, str_slice(field, 0, at));
        r = r < 0 ? r : buf_add(out, without_blanks(place, text));
        r = r < 0 ? r : buf_add(out, str_slice(field, at + place.n, end));
        field = str_slice(field, end, field.n);
    }
    return r < 0 ? r : buf_add(out, field);
}
