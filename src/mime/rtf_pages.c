/* SPDX-License-Identifier: Apache-2.0
 * rtf_pages.c: the character sets of RTF (Microsoft's specification 1.9.1, "Character Set", "Font
 * Table" and "Code Page Support"): code pages by their number, and what a font's \fcharset means.
 * Called by rtf.c.
 *
 * What can go wrong: a page that nobody knows, or one in which ASCII is not ASCII. It counts as
 * unknown: RTF itself is ASCII.
 */
#include "mime/rtf.h"

#include <stdio.h>

enum { PAGE_ASCII = 20127, PAGE_ISO = 28590, PAGE_ISO_LAST = PAGE_ISO + 16 };

static const struct {
    unsigned page;
    const char *label;
} named[] = {
    {42, "windows-1252"}, /* of symbols */
    {10000, "macintosh"},
    {10001, "shift_jis"},
    {10002, "big5"},
    {10003, "euc-kr"},
    {10007, "x-mac-cyrillic"},
    {10008, "gbk"},
    {10029, "mac-centraleurope"},
    {PAGE_ASCII, "us-ascii"},
    {20866, "koi8-r"},
    {20932, "euc-jp"},
    {20936, "gbk"},
    {21866, "koi8-u"},
    {51936, "gbk"},
    {51949, "euc-kr"},
    {54936, "gb18030"},
};

/* One that begins each character below 0x80 with the octet of ASCII, whatever stands before it. */
static bool rtf_pages_is_ascii_based(const struct charset *c)
{
    static const enum charset_kind kinds[] = {
        CHARSET_UTF8,   CHARSET_SINGLE,    CHARSET_GB18030, CHARSET_BIG5,
        CHARSET_EUC_JP, CHARSET_SHIFT_JIS, CHARSET_EUC_KR,
    };
    struct str name = str_c(c->name);
    bool dos = str_starts_nocase(name, STR("cp")) || str_starts_nocase(name, STR("mac-")) ||
               str_eq(name, STR("johab"));
    bool fits = c->kind == CHARSET_OTHER && dos; /* not EBCDIC, UTF-7 and the like */
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        fits |= c->kind == kinds[i];
    }
    return fits;
}

const struct charset *rtf_page(unsigned page)
{
    char label[24];
    snprintf(label, sizeof label, "cp%u", page);
    if (page > PAGE_ISO && page <= PAGE_ISO_LAST) {
        snprintf(label, sizeof label, "iso-8859-%u", page - PAGE_ISO);
    }
    for (size_t i = 0; i < ARRAY_LEN(named); i++) {
        if (named[i].page == page) {
            str_copy_cut(str_c(named[i].label), label, sizeof label);
        }
    }
    const struct charset *c = charset_find(str_c(label));
    return c && rtf_pages_is_ascii_based(c) ? c : NULL;
}

unsigned rtf_page_of_font(long fcharset)
{
    static const struct {
        unsigned char fcharset;
        uint16_t page;
    } pages[] = {
        {0, 1252},   {2, 42},     {77, 10000}, {78, 10001}, {79, 10003}, {80, 10008}, {81, 10002},
        {88, 10029}, {89, 10007}, {128, 932},  {129, 949},  {130, 1361}, {134, 936},  {136, 950},
        {161, 1253}, {162, 1254}, {163, 1258}, {177, 1255}, {178, 1256}, {186, 1257}, {204, 1251},
        {222, 874},  {238, 1250}, {254, 437},  {255, 850},
    };
    for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
        if (pages[i].fcharset == fcharset) {
            return pages[i].page;
        }
    }
    bool is_page = fcharset > UINT8_MAX && fcharset <= UINT16_MAX &&
                   rtf_page((unsigned)fcharset); /* some programs write that */
    return is_page ? (unsigned)fcharset : 0;
}
