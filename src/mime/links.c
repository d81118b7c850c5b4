/* SPDX-License-Identifier: Apache-2.0
 * links.c: links (links.h).
 *
 * In plain text only what is written out with its scheme is one: a link shows where it leads. It
 * ends at a blank, at marks that stand around an address (RFC 3986 appendix C) and at what turns
 * the direction of writing; a full stop behind it is the sentence's.
 */
#include "mime/links.h"
#include "base/err.h"
#include "base/unseen.h"

bool links_is_allowed(struct str url)
{
    static const char *const schemes[] = {"http://", "https://", "mailto:", "tel:", "sms:"};
    for (size_t i = 0; i < url.n; i++) {
        if ((unsigned char)url.p[i] <= ' ') {
            return false;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        if (str_starts_nocase(url, str_c(schemes[i])) && url.n > strlen(schemes[i])) {
            return true;
        }
    }
    return false;
}

static bool is_ascii_word(char c)
{
    return (c >= '0' && c <= '9') || (str_lower(c) >= 'a' && str_lower(c) <= 'z');
}

/* An address ends here. Beyond ASCII: signs nobody sees, and the quotation marks and blanks of
 * U+2000 to U+206F and U+3000 to U+303F. */
static bool ends_at(struct str s)
{
    static const char *const marks[] = {"\xe2\x80", "\xe2\x81", "\xe3\x80", "\xc2\xab", "\xc2\xbb"};
    unsigned char c = (unsigned char)s.p[0];
    if (c < 0x80) {
        return c <= ' ' || c == 0x7f || strchr("<>\"`\\^{|}", c);
    }
    bool ends = unseen_at(s) > 0 || unseen_blank_at(s) > 0;
    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        ends |= s.n > 1 && memcmp(s.p, marks[i], 2) == 0;
    }
    return ends;
}

static size_t links_count(struct str s, char c)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        n += s.p[i] == c;
    }
    return n;
}

/* "(see https://a.test/x)." without what belongs to the sentence. */
static struct str without_marks(struct str s)
{
    while (s.n > 0) {
        char c = s.p[s.n - 1];
        bool closes = (c == ')' && links_count(s, ')') > links_count(s, '(')) ||
                      (c == ']' && links_count(s, ']') > links_count(s, '['));
        if (!closes && !strchr(".,;:!?'*_", c)) {
            break;
        }
        s.n--;
    }
    return s;
}

/* The link that begins here; empty: none does. *ret_looked: how far that is known. */
static struct str link_at(struct str s, size_t *ret_looked)
{
    static const struct str schemes[] = {
        STR("https://"),
        STR("http://"),
        STR("mailto:"),
        STR("tel:"),
    };
    size_t scheme = 0, n = 0;
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        scheme = str_starts_nocase(s, schemes[i]) ? schemes[i].n : scheme;
    }
    for (n = scheme; scheme > 0 && n < s.n && n <= LINK_MAX && !ends_at(str_slice(s, n, s.n));
         n++) {
    }
    *ret_looked = n > 0 ? n : 1;
    struct str link = without_marks(str_slice(s, 0, n)),
               behind = str_slice(link, scheme < link.n ? scheme : link.n, link.n);
    bool address = str_lower(s.p[0]) == 'm', number = str_lower(s.p[0]) == 't';
    bool sound =
        behind.n > 0 && (number ? behind.p[0] == '+' || (behind.p[0] >= '0' && behind.p[0] <= '9')
                                : is_ascii_word(behind.p[0]) ||
                                      (unsigned char)behind.p[0] >= 0x80 || behind.p[0] == '[');
    sound = sound && (!address || str_find(behind, '@', 0) < behind.n);
    return sound && n <= LINK_MAX && links_is_allowed(link) ? link : STR("");
}

bool links_next(struct str *rest, struct str *ret, bool *ret_is_link)
{
    struct str s = *rest, link = {.n = 0};
    size_t at = 0, looked = 1;
    for (; at < s.n; at += looked) {
        bool may = s.p[at] && strchr("hHmMtT", s.p[at]) && (at == 0 || !is_ascii_word(s.p[at - 1]));
        looked = 1;
        link = may ? link_at(str_slice(s, at, s.n), &looked) : link;
        if (link.n > 0) {
            break;
        }
    }
    *ret_is_link = link.n > 0 && at == 0;
    *ret = *ret_is_link ? link : str_slice(s, 0, at);
    *rest = str_slice(s, ret->n, s.n);
    return ret->n > 0;
}
