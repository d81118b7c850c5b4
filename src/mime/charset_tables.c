/* SPDX-License-Identifier: Apache-2.0
 * charset_tables.c: the characters of the octets, from the C library's tables, corrected where
 * they differ from the indexes of the WHATWG Encoding Standard. Called by the decoders.
 *
 * The C library keeps its tables in files, which a sandboxed process cannot open any more: each
 * is opened once before, and stays; what the decoders need of it is looked up once, when a text
 * first wants it. What can go wrong: a table that this machine does not have: nothing is a
 * character then.
 *
 * The corrections are what glibc 2.36 and 2.41 (Debian 12 and 13) have otherwise;
 * tests/unit/mime/test_charset.c compares all of it with another program's digests.
 */
#include "mime/charset.h"

#include <stdlib.h>

static struct table {
    iconv_t library;
    bool opened;
    uint32_t *codes;
} tables[CHARSET_SETS_MAX];

struct correction {
    uint16_t octets;
    uint16_t code;
};

static const struct correction big5[] = {
    {0x8e69, 0x7bb8}, {0x8e6f, 0x7c06}, {0x8e7e, 0x7cce}, {0x8eab, 0x7dd2}, {0x8eb4, 0x7e1d},
    {0x8ecd, 0x8005}, {0x8ed0, 0x8028}, {0x8f57, 0x83c1}, {0x8f69, 0x84a8}, {0x8f6e, 0x840f},
    {0x8fcb, 0x89a6}, {0x8fcc, 0x89a9}, {0x8ffe, 0x8d77}, {0x906d, 0x90fd}, {0x907a, 0x92b9},
    {0x90dc, 0x975c}, {0x90f1, 0x97ff}, {0x91bf, 0x9f16}, {0x9244, 0x8503}, {0x92af, 0x5159},
    {0x92b0, 0x515b}, {0x92b1, 0x515d}, {0x92b2, 0x515e}, {0x92c8, 0x936e}, {0x92d1, 0x7479},
    {0x9447, 0x6d67}, {0x94ca, 0x799b}, {0x95d9, 0x9097}, {0x9644, 0x975d}, {0x96ed, 0x701e},
    {0x96fc, 0x5b28}, {0x9b76, 0x7201}, {0x9b78, 0x77d7}, {0x9b7b, 0x7e87}, {0x9bc6, 0x99d6},
    {0x9bde, 0x91d4}, {0x9bec, 0x60de}, {0x9bf6, 0x6fb6}, {0x9c42, 0x8f36}, {0x9c53, 0x4fbb},
    {0x9c62, 0x71df}, {0x9c68, 0x9104}, {0x9c6b, 0x9df0}, {0x9c77, 0x83cf}, {0x9cbc, 0x5c10},
    {0x9cbd, 0x79e3}, {0x9cd0, 0x5a67}, {0x9d57, 0x8f0b}, {0x9d5a, 0x7b51}, {0x9dc4, 0x62d0},
    {0x9ea9, 0x6062}, {0x9eef, 0x75f9}, {0x9efd, 0x6c4a}, {0x9f60, 0x9b2e}, {0x9f66, 0x9f17},
    {0x9fcb, 0x50ed}, {0x9fd8, 0x5f0c}, {0xa063, 0x880f}, {0xa077, 0x62ce}, {0xa0d5, 0x7468},
    {0xa0df, 0x7162}, {0xa0e4, 0x7250}, {0xa145, 0x2027}, {0xa14e, 0xfe51}, {0xa15a, 0x2574},
    {0xa1c2, 0xaf},   {0xa1c3, 0xffe3}, {0xa1c5, 0x2cd},  {0xa1e3, 0xff5e}, {0xa1f2, 0x2295},
    {0xa1f3, 0x2299}, {0xa1fe, 0xff0f}, {0xa240, 0xff3c}, {0xa241, 0x2215}, {0xa242, 0xfe68},
    {0xa244, 0xffe5}, {0xa246, 0xffe0}, {0xa247, 0xffe1}, {0xa2cc, 0x5341}, {0xa2ce, 0x5345},
    {0xa3c0, 0x2400}, {0xa3c1, 0x2401}, {0xa3c2, 0x2402}, {0xa3c3, 0x2403}, {0xa3c4, 0x2404},
    {0xa3c5, 0x2405}, {0xa3c6, 0x2406}, {0xa3c7, 0x2407}, {0xa3c8, 0x2408}, {0xa3c9, 0x2409},
    {0xa3ca, 0x240a}, {0xa3cb, 0x240b}, {0xa3cc, 0x240c}, {0xa3cd, 0x240d}, {0xa3ce, 0x240e},
    {0xa3cf, 0x240f}, {0xa3d0, 0x2410}, {0xa3d1, 0x2411}, {0xa3d2, 0x2412}, {0xa3d3, 0x2413},
    {0xa3d4, 0x2414}, {0xa3d5, 0x2415}, {0xa3d6, 0x2416}, {0xa3d7, 0x2417}, {0xa3d8, 0x2418},
    {0xa3d9, 0x2419}, {0xa3da, 0x241a}, {0xa3db, 0x241b}, {0xa3dc, 0x241c}, {0xa3dd, 0x241d},
    {0xa3de, 0x241e}, {0xa3df, 0x241f}, {0xa3e0, 0x2421}, {0xa3e1, 0x20ac}, {0xc6cf, 0x5ef4},
    {0xc6d3, 0x65e0}, {0xc6d5, 0x7676}, {0xc6d7, 0x96b6}, {0xc6de, 0x3003}, {0xc6df, 0x4edd},
    {0xfa5f, 0x5029}, {0xfa66, 0x507d}, {0xfabd, 0x5305}, {0xfac5, 0x5344}, {0xfad5, 0x537f},
    {0xfb48, 0x5605}, {0xfbb8, 0x5a77}, {0xfbf3, 0x5e75}, {0xfbf9, 0x5ed0}, {0xfc4f, 0x5f58},
    {0xfc6c, 0x60a4}, {0xfcb9, 0x6490}, {0xfce2, 0x6674}, {0xfcf1, 0x675e}, {0xfdb7, 0x6c9c},
    {0xfdb8, 0x6e1d}, {0xfdbb, 0x6e2f}, {0xfdf1, 0x716e}, {0xfe52, 0x732a}, {0xfe6f, 0x745c},
    {0xfeaa, 0x74e9}, {0xfedd, 0x7809},
};
static const struct correction gb18030[] = {
    {0xa3a0, 0x3000}, {0xfe51, 0xe816}, {0xfe52, 0xe817}, {0xfe53, 0xe818},
    {0xfe6c, 0xe831}, {0xfe76, 0xe83b}, {0xfe91, 0xe855},
};
static const struct correction koi8_u[] = {{0xae, 0x45e}, {0xbe, 0x40e}};
static const struct correction mac_cyrillic[] = {{0xff, 0x20ac}};
static const struct correction macintosh[] = {{0xc6, 0x2206}, {0xf0, 0xf8ff}};
static const struct correction windows_1255[] = {{0xca, 0x5ba}};
static const struct {
    const char *name;
    const struct correction *list;
    size_t n;
} corrected[] = {
    {"big5", big5, ARRAY_LEN(big5)},
    {"gbk", gb18030, ARRAY_LEN(gb18030)},
    {"gb18030", gb18030, ARRAY_LEN(gb18030)},
    {"koi8-u", koi8_u, ARRAY_LEN(koi8_u)},
    {"x-mac-cyrillic", mac_cyrillic, ARRAY_LEN(mac_cyrillic)},
    {"macintosh", macintosh, ARRAY_LEN(macintosh)},
    {"windows-1255", windows_1255, ARRAY_LEN(windows_1255)},
};

static struct table *table_of(const struct charset *c)
{
    struct table *t = &tables[c - charset_sets];
    if (!t->opened) {
        const char *to = c->kind == CHARSET_OTHER ? "UTF-8" : "UTF-32LE";
        t->library = c->library ? iconv_open(to, c->library) : (iconv_t)-1;
        t->opened = true;
    }
    return t;
}

void charset_tables_open(void)
{
    for (size_t i = 0; i < charset_n_sets; i++) {
        (void)table_of(&charset_sets[i]);
    }
}

iconv_t charset_descriptor(const struct charset *c)
{
    iconv_t library = table_of(c)->library;
    if (library != (iconv_t)-1) {
        (void)iconv(library, NULL, NULL, NULL, NULL);
    }
    return library;
}

static uint32_t le32(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* What the C library makes of some octets that are one sign, or CHARSET_NONE. */
static uint32_t looked_up(iconv_t library, const unsigned char *octets, size_t n)
{
    unsigned char codes[16];
    char *in = (char *)(uintptr_t)octets, *to = (char *)codes;
    size_t room = sizeof codes;
    if (library == (iconv_t)-1) {
        return CHARSET_NONE;
    }
    (void)iconv(library, NULL, NULL, NULL, NULL);
    bool fits = iconv(library, &in, &n, &to, &room) != (size_t)-1 && n == 0;
    (void)iconv(library, NULL, NULL, &to, &room);
    size_t characters = (sizeof codes - room) / 4;
    uint32_t first = le32(codes);
    if (!fits || characters == 0 || characters > 2) {
        return CHARSET_NONE;
    }
    return characters == 1 ? first : CHARSET_TWO | le32(codes + 4) << 16 | first;
}

static void correct(const struct charset *c, uint32_t *codes, uint16_t base)
{
    for (size_t i = 0; i < ARRAY_LEN(corrected); i++) {
        for (size_t k = 0; strcmp(corrected[i].name, c->name) == 0 && k < corrected[i].n; k++) {
            codes[corrected[i].list[k].octets - base] = corrected[i].list[k].code;
        }
    }
}

/* --- single octets ------------------------------------------------------ */

uint32_t charset_single(const struct charset *c, unsigned char octet)
{
    struct table *t = table_of(c);
    if (!t->codes) {
        bool windows = str_starts_nocase(str_c(c->name), STR("windows-"));
        t->codes = err_calloc(128, sizeof *t->codes);
        for (unsigned i = 0; i < 128; i++) {
            unsigned char o = (unsigned char)(0x80 + i);
            uint32_t code = looked_up(t->library, &o, 1);
            /* the standard fills the holes of Windows' sets with the controls of ISO 8859 */
            t->codes[i] = code == CHARSET_NONE && windows && o < 0xa0 ? o : code;
        }
        correct(c, t->codes, 0x80);
    }
    return t->codes[octet - 0x80];
}

/* --- two and four ------------------------------------------------------- */

enum { LEAD_FIRST = 0x81, LEADS = 0xfe - LEAD_FIRST + 1, TRAILS = 256 };

static void load_pairs(const struct charset *c, struct table *t)
{
    bool three = c->kind == CHARSET_EUC_JP;
    t->codes = err_calloc(LEADS * TRAILS, sizeof *t->codes);
    for (unsigned lead = 0; lead < LEADS; lead++) {
        for (unsigned trail = 0x40; trail < 0xff; trail++) {
            const unsigned char octets[] = {
                0x8f,
                (unsigned char)(LEAD_FIRST + lead),
                (unsigned char)trail,
            };
            t->codes[lead * TRAILS + trail] =
                three ? looked_up(t->library, octets, 3) : looked_up(t->library, octets + 1, 2);
        }
    }
    correct(c, t->codes, LEAD_FIRST << 8);
}

uint32_t charset_pair(const struct charset *c, unsigned char lead, unsigned char trail)
{
    struct table *t = table_of(c);
    if (!t->codes) {
        load_pairs(c, t);
    }
    return t->codes[(size_t)(lead - LEAD_FIRST) * TRAILS + trail];
}

uint32_t charset_four(const struct charset *c, const unsigned char *octets)
{
    uint32_t all = (uint32_t)octets[0] << 24 | (uint32_t)octets[1] << 16 |
                   (uint32_t)octets[2] << 8 | octets[3];
    /* the places in a row: (lead, digit, lead, digit) */
    static const struct {
        uint32_t from, to, code;
    } moved[] = {{0x82359037, 0x82359134, 0x9fb4}, {0x84318236, 0x84318335, 0xfe10}};
    for (size_t i = 0; i < ARRAY_LEN(moved); i++) {
        if (all >= moved[i].from && all <= moved[i].to) {
            uint32_t digits = (all & 0xf) - (moved[i].from & 0xf);
            uint32_t leads = (all >> 8 & 0xff) - (moved[i].from >> 8 & 0xff);
            return moved[i].code + leads * 10 + digits;
        }
    }
    return looked_up(table_of(c)->library, octets, 4);
}
