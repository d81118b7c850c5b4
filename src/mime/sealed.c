/* SPDX-License-Identifier: Apache-2.0
 * sealed.c: encrypted or not, by the octets (sealed.h). What is encrypted counts as protected
 * already, so what only says so must not pass: a signature, a text in an envelope's type, armour
 * around nothing.
 *
 * What can go wrong: a form that is not known here is not encrypted, the safe side.
 */
#include "mime/sealed.h"
#include "mime/pgp.h"
#include "tls/cms.h"

enum {
    FRONT = 512,
    CONTROL_MAX = 400, /* octets of "Version: 1" */
    LOOK = 4096,
    RANDOM_LEAST = 64,  /* fewer octets may be any by chance */
    PACKETS_MAX = 1000, /* a session key for each recipient */
};

static const char begin_line[] = "-----BEGIN PGP MESSAGE-----";

/* Every second octet of what is encrypted is above 127; of text none or some. */
static bool looks_random(struct str o)
{
    size_t high = 0, n = o.n < LOOK ? o.n : LOOK;
    for (size_t i = 0; i < n; i++) {
        high += (unsigned char)o.p[i] >= 0x80;
    }
    return o.n < RANDOM_LEAST || high > n / 4;
}

/* --- OpenPGP packets (RFC 9580 10.3) ------------------------------------ */

static bool is_key(int tag)
{
    return tag == PGP_SESSION_KEY || tag == PGP_PASSWORD_KEY || tag == PGP_MARKER ||
           tag == PGP_PADDING;
}

static bool is_data(int tag)
{
    return tag == PGP_SEALED || tag == PGP_SEALED_CHECKED || tag == PGP_AEAD;
}

/* Keys, then what they open, and nothing behind it. */
static bool is_pgp(struct str o)
{
    size_t at = 0, begin = 0;
    int tag = -1;
    for (unsigned i = 0; i < PACKETS_MAX && at < o.n; i++) {
        begin = at;
        tag = pgp_packet(o, &at, NULL);
        if (!is_key(tag)) {
            break;
        }
    }
    while (is_data(tag) && at < o.n) {
        size_t data = begin;
        if (pgp_packet(o, &at, NULL) != PGP_PADDING) {
            return false;
        }
        begin = data;
    }
    return is_data(tag) && looks_random(str_slice(o, begin, o.n));
}

/* --- armour (RFC 9580 6.2) ---------------------------------------------- */

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

static bool begins_armour(struct str s)
{
    size_t n = sizeof begin_line - 1;
    return s.n >= n && memcmp(s.p, begin_line, n) == 0;
}

/* The whole is one message in armour, and nothing around it or in it. */
static bool is_armoured_pgp(struct str octets)
{
    struct str s = trim_all(octets);
    struct pgp_armour a;
    if (!begins_armour(s) || !pgp_armour_next(s, 0, &a)) {
        return false;
    }
    bool sealed = a.is_sound && a.begin == 0 && a.end == s.n && is_pgp(buf_str(&a.octets));
    buf_wipe(&a.octets);
    return sealed;
}

/* What an OpenPGP message begins with that is encrypted; is_open: or signed or packed, in any
 * case one that its reader needs OpenPGP for. */
static bool begins_packet(struct str octets, bool is_open)
{
    unsigned char first = octets.n > 0 ? (unsigned char)octets.p[0] : 0;
    int tag = !(first & 0x80) ? -1 : first & 0x40 ? first & 0x3f : (first >> 2) & 15;
    return is_key(tag) || is_data(tag) ||
           (is_open && (tag == PGP_COMPRESSED || tag == PGP_LITERAL || tag == PGP_ONE_PASS));
}

bool sealed_begins_pgp(struct str octets, bool armoured_only)
{
    struct pgp_armour a = {.end = 0};
    bool found = !armoured_only && begins_packet(octets, true);
    while (!found && pgp_armour_next(octets, a.end, &a)) {
        found = begins_packet(buf_str(&a.octets), !armoured_only);
        buf_wipe(&a.octets);
    }
    return found;
}

/* --- parts and messages ------------------------------------------------- */

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
    bool armour = begins_armour(s);
    return (armour && is_armoured_pgp(octets)) || ((first & 0x80) && is_pgp(octets)) ? SEAL_PGP
                                                                                     : SEAL_NONE;
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
    (void)!transfer_read_all(p->encoding, str_slice(p->raw, 0, p->raw.n < FRONT ? p->raw.n : FRONT),
                             &octets, NULL);
    struct str s = trim_all(buf_str(&octets));
    *ret_blank = s.n == 0 && p->raw.n < FRONT;
    bool may = s.n > 0 &&
               (s.p[0] == 0x30 || (s.p[0] & 0x80) || str_starts_nocase(s, STR("-----BEGIN PGP")));
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
    return all == SEAL_SMIME  ? MIME_SMIME
           : all == SEAL_NONE ? MIME_CLEAR
           : is_pgp_mime      ? MIME_PGP
                              : MIME_PGP_INLINE;
}
