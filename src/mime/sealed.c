/* SPDX-License-Identifier: Apache-2.0
 * sealed.c: encrypted or not, by the octets (sealed.h). What is encrypted counts as protected already, so what only
 * says so must not pass: a signature, a text in an envelope's type, armour around nothing.
 *
 * What can go wrong: a form that is not known here is not encrypted, the safe side.
 */
#include "mime/sealed.h"
#include "tls/cms.h"
#include "wire/base64.h"

enum {
    FRONT = 512,
    CONTROL_MAX = 400,     /* octets of "Version: 1", of the header lines of armour */
    LOOK = 4096,
    RANDOM_LEAST = 64,     /* fewer octets may be any by chance */
    PACKETS_MAX = 1000,    /* a session key for each recipient */
};

static const char begin_line[] = "-----BEGIN PGP MESSAGE-----", end_line[] = "-----END PGP MESSAGE-----";

/* Every second octet of what is encrypted is above 127; of text none or some. */
static bool looks_random(struct str o)
{
    size_t high = 0, n = o.n < LOOK ? o.n : LOOK;
    for (size_t i = 0; i < n; i++) {
        high += (unsigned char)o.p[i] >= 0x80;
    }
    return o.n < RANDOM_LEAST || high > n / 4;
}

/* --- OpenPGP packets (RFC 9580 4.2, 4.3, 5) ------------------------------------------------------- */

enum { TAG_SESSION_KEY = 1, TAG_PASSWORD_KEY = 3, TAG_SEALED = 9, TAG_MARKER = 10, TAG_SEALED_CHECKED = 18, TAG_AEAD = 20, TAG_PADDING = 21 };

static size_t number(struct str o, size_t at, unsigned n)
{
    size_t value = 0;
    for (unsigned i = 0; i < n; i++) {
        value = value << 8 | (unsigned char)o.p[at + i];
    }
    return value;
}

/* A length of the new form at *at, which moves behind it. *ret_goes_on: another length stands behind so many octets. */
static bool new_length(struct str o, size_t *at, size_t *ret, bool *ret_goes_on)
{
    unsigned char a = *at < o.n ? (unsigned char)o.p[*at] : 0;
    unsigned more = a < 192 || (a >= 224 && a < 255) ? 0 : a < 224 ? 1 : 4;
    if (*at + 1 + more > o.n) {
        return false;
    }
    *ret_goes_on = a >= 224 && a < 255;
    *ret = a < 192 ? a : a < 224 ? ((size_t)(a - 192) << 8) + (unsigned char)o.p[*at + 1] + 192 : a < 255 ? (size_t)1 << (a & 31) : number(o, *at + 1, 4);
    *at += 1 + more;
    return *ret <= o.n - *at;
}

/* The packet at *at, which moves behind it. -1: none, or it is cut. */
static int next_packet(struct str o, size_t *at)
{
    static const unsigned octets[] = {1, 2, 4, 0};
    unsigned char first = *at < o.n ? (unsigned char)o.p[*at] : 0;
    size_t n = 0;
    bool goes_on = false;
    (*at)++;
    if (!(first & 0x80)) {
        return -1;
    }
    if (!(first & 0x40)) { /* the old form; its last kind of length goes to the end */
        unsigned k = octets[first & 3];
        if (*at + k > o.n) {
            return -1;
        }
        n = k > 0 ? number(o, *at, k) : o.n - *at;
        *at += k;
        if (n > o.n - *at) {
            return -1;
        }
        *at += n;
        return (first >> 2) & 15;
    }
    do {
        if (!new_length(o, at, &n, &goes_on)) {
            return -1;
        }
        *at += n;
    } while (goes_on);
    return first & 0x3f;
}

static bool is_key(int tag)
{
    return tag == TAG_SESSION_KEY || tag == TAG_PASSWORD_KEY || tag == TAG_MARKER || tag == TAG_PADDING;
}

static bool is_data(int tag)
{
    return tag == TAG_SEALED || tag == TAG_SEALED_CHECKED || tag == TAG_AEAD;
}

/* Keys, then what they open, and nothing behind it. */
static bool is_pgp(struct str o)
{
    size_t at = 0, begin = 0;
    int tag = -1;
    for (unsigned i = 0; i < PACKETS_MAX && at < o.n; i++) {
        begin = at;
        tag = next_packet(o, &at);
        if (!is_key(tag)) {
            break;
        }
    }
    while (is_data(tag) && at < o.n) {
        size_t data = begin;
        if (next_packet(o, &at) != TAG_PADDING) {
            return false;
        }
        begin = data;
    }
    return is_data(tag) && looks_random(str_slice(o, begin, o.n));
}

/* --- armour (RFC 9580 6.2) ------------------------------------------------------------------------ */

static struct str trim_all(struct str s)
{
    while (s.n > 0 && (unsigned char)s.p[0] <= ' ') {
        s = str_slice(s, 1, s.n);
    }
    while (s.n > 0 && (unsigned char)s.p[s.n - 1] <= ' ') {
        s.n--;
    }
    return s;
}

/* The base64 of armour, without its header lines and checksum; s begins behind the first line. */
static struct str armoured(struct str s)
{
    for (size_t at = str_find(s, '\n', 0); at < s.n && at < CONTROL_MAX; at = str_find(s, '\n', at + 1)) {
        struct str rest = str_slice(s, at + 1, s.n);
        struct str line = str_trim_lines(str_slice(rest, 0, str_find(rest, '\n', 0)));
        if (line.n == 0) { /* the empty line behind the header lines */
            size_t sum = 0;
            while (sum < rest.n && !(rest.p[sum] == '=' && sum > 0 && rest.p[sum - 1] == '\n') && rest.p[sum] != '-') {
                sum++;
            }
            return str_slice(rest, 0, sum);
        }
        if (str_find(line, ':', 0) == line.n) {
            break;
        }
    }
    return STR("");
}

/* The whole is one message in armour, and nothing around it. */
static bool is_armoured_pgp(struct str octets)
{
    struct str s = trim_all(octets);
    size_t b = sizeof begin_line - 1, e = sizeof end_line - 1;
    if (s.n <= b + e || !str_starts_nocase(s, str_c(begin_line)) || !str_ends_nocase(s, str_c(end_line)) ||
        memmem(s.p + 1, s.n - 1, begin_line, b)) {
        return false;
    }
    struct buf plain = BUF_INIT(s.n + 1);
    (void)!base64_read(armoured(str_slice(s, b, s.n - e)), &plain);
    bool sealed = is_pgp(buf_str(&plain));
    buf_wipe(&plain);
    return sealed;
}

bool sealed_begins_pgp(struct str octets, bool armoured_only)
{
    const char *line = octets.n > 0 ? memmem(octets.p, octets.n, begin_line, sizeof begin_line - 1) : NULL;
    struct buf plain = BUF_INIT(octets.n + 1);
    struct str front = str_slice(octets, 0, octets.n < 1 ? octets.n : 1);
    if (line) {
        size_t at = (size_t)(line - octets.p) + sizeof begin_line - 1;
        (void)!base64_read(armoured(str_slice(octets, at, octets.n)), &plain);
        front = buf_str(&plain);
    }
    unsigned char first = front.n > 0 ? (unsigned char)front.p[0] : 0;
    int tag = !(first & 0x80) ? -1 : first & 0x40 ? first & 0x3f : (first >> 2) & 15;
    buf_wipe(&plain);
    return (is_key(tag) || is_data(tag)) && (line || !armoured_only);
}

/* --- parts and messages ---------------------------------------------------------------------------- */

enum seal sealed_octets(struct str octets)
{
    struct str s = trim_all(str_slice(octets, 0, octets.n < FRONT ? octets.n : FRONT));
    unsigned char first = octets.n > 0 ? (unsigned char)octets.p[0] : 0;
    if (first == 0x30) {
        struct buf inside = BUF_INIT(LOOK);
        bool sealed = cms_is_sealed(octets, LOOK, &inside) && looks_random(buf_str(&inside));
        buf_free(&inside);
        return sealed ? SEAL_SMIME : SEAL_NONE;
    }
    bool armour = str_starts_nocase(s, str_c(begin_line));
    return (armour && is_armoured_pgp(octets)) || ((first & 0x80) && is_pgp(octets)) ? SEAL_PGP : SEAL_NONE;
}

bool sealed_is_control(const struct part *p)
{
    return part_is(p, "application/pgp-encrypted") && p->raw.n <= CONTROL_MAX;
}

/* Without decoding what cannot be one: most parts begin as texts. */
static enum seal seal_of(const struct part *p, bool *ret_blank)
{
    struct buf octets = BUF_INIT(2 * p->raw.n + FRONT);
    bool sound;
    (void)!transfer_read_all(p->encoding, str_slice(p->raw, 0, p->raw.n < FRONT ? p->raw.n : FRONT), &octets, NULL);
    struct str s = trim_all(buf_str(&octets));
    *ret_blank = s.n == 0 && p->raw.n < FRONT;
    bool may = s.n > 0 && (s.p[0] == 0x30 || (s.p[0] & 0x80) || str_starts_nocase(s, STR("-----BEGIN PGP")));
    enum seal seal = SEAL_NONE;
    if (may) {
        buf_reset(&octets);
        seal = tree_octets(p, &octets, &sound) == 0 ? sealed_octets(buf_str(&octets)) : SEAL_NONE;
    }
    buf_wipe(&octets);
    return seal;
}

enum mime_encryption sealed_message(const struct tree *t)
{
    enum seal all = SEAL_NONE;
    bool is_pgp_mime = false;
    for (size_t i = 0; i < t->n; i++) {
        const struct part *p = &t->parts[i];
        bool blank = true;
        is_pgp_mime |= part_is(p, "multipart/encrypted");
        if (p->kind == PART_MULTIPART || (p->kind == PART_LEAF && sealed_is_control(p))) {
            continue;
        }
        enum seal seal = p->kind == PART_LEAF ? seal_of(p, &blank) : SEAL_NONE;
        if (seal == SEAL_NONE && (p->kind != PART_LEAF || !blank)) {
            return MIME_CLEAR;
        }
        all = all == SEAL_NONE ? seal : all;
    }
    return all == SEAL_SMIME ? MIME_SMIME : all == SEAL_NONE ? MIME_CLEAR : is_pgp_mime ? MIME_PGP : MIME_PGP_INLINE;
}
