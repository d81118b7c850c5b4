/* SPDX-License-Identifier: Apache-2.0
 * charset_labels.c: which character set a label means: by the WHATWG Encoding Standard (4.2),
 * which all readers follow, and for what mail has besides by the C library's names. Called by
 * charset.c and charset_meta.c.
 *
 * The standard's labels stand first in a row, what mail programs say besides behind them. Of the
 * sets that it replaces with U+FFFD for the safety of web pages those are read that mail is
 * written in. What can go wrong: nothing.
 */
#include "mime/charset.h"

#include <stdio.h>

const struct charset charset_sets[] = {
    {"big5", CHARSET_BIG5, "BIG5-HKSCS",
     "big5 big5-hkscs cn-big5 csbig5 x-x-big5 cp950 windows-950 x-big5 big5hkscs big5-eten"},
    {"euc-jp", CHARSET_EUC_JP, "EUC-JP", "cseucpkdfmtjapanese euc-jp x-euc-jp eucjp ujis cp51932"},
    {"euc-kr", CHARSET_EUC_KR, "UHC",
     "cseuckr csksc56011987 euc-kr iso-ir-149 korean ks_c_5601-1987 ks_c_5601-1989 ksc5601 "
     "ksc_5601 windows-949 cp949 uhc x-windows-949 euckr"},
    {"gb18030", CHARSET_GB18030, "GB18030", "gb18030"},
    {"gbk", CHARSET_GB18030, "GB18030",
     "chinese csgb2312 csiso58gb231280 gb2312 gb_2312 gb_2312-80 gbk iso-ir-58 x-gbk cp936 "
     "windows-936 euc-cn x-euc-cn gb2312-80"},
    {"ibm866", CHARSET_SINGLE, "CP866", "866 cp866 csibm866 ibm866"},
    {"iso-2022-jp", CHARSET_ISO_2022_JP, NULL,
     "csiso2022jp iso-2022-jp cp50220 cp50221 cp50222 iso-2022-jp-ms"},
    {"iso-8859-10", CHARSET_SINGLE, "ISO-8859-10",
     "csisolatin6 iso-8859-10 iso-ir-157 iso8859-10 iso885910 l6 latin6"},
    {"iso-8859-13", CHARSET_SINGLE, "ISO-8859-13", "iso-8859-13 iso8859-13 iso885913 latin7 l7"},
    {"iso-8859-14", CHARSET_SINGLE, "ISO-8859-14", "iso-8859-14 iso8859-14 iso885914 latin8 l8"},
    {"iso-8859-15", CHARSET_SINGLE, "ISO-8859-15",
     "csisolatin9 iso-8859-15 iso8859-15 iso885915 iso_8859-15 l9"},
    {"iso-8859-16", CHARSET_SINGLE, "ISO-8859-16", "iso-8859-16 latin10 l10"},
    {"iso-8859-2", CHARSET_SINGLE, "ISO-8859-2",
     "csisolatin2 iso-8859-2 iso-ir-101 iso8859-2 iso88592 iso_8859-2 iso_8859-2:1987 l2 "
     "latin2"},
    {"iso-8859-3", CHARSET_SINGLE, "ISO-8859-3",
     "csisolatin3 iso-8859-3 iso-ir-109 iso8859-3 iso88593 iso_8859-3 iso_8859-3:1988 l3 "
     "latin3"},
    {"iso-8859-4", CHARSET_SINGLE, "ISO-8859-4",
     "csisolatin4 iso-8859-4 iso-ir-110 iso8859-4 iso88594 iso_8859-4 iso_8859-4:1988 l4 "
     "latin4"},
    {"iso-8859-5", CHARSET_SINGLE, "ISO-8859-5",
     "csisolatincyrillic cyrillic iso-8859-5 iso-ir-144 iso8859-5 iso88595 iso_8859-5 "
     "iso_8859-5:1988"},
    {"iso-8859-6", CHARSET_SINGLE, "ISO-8859-6",
     "arabic asmo-708 csiso88596e csiso88596i csisolatinarabic ecma-114 iso-8859-6 "
     "iso-8859-6-e iso-8859-6-i iso-ir-127 iso8859-6 iso88596 iso_8859-6 iso_8859-6:1987"},
    {"iso-8859-7", CHARSET_SINGLE, "ISO-8859-7",
     "csisolatingreek ecma-118 elot_928 greek greek8 iso-8859-7 iso-ir-126 iso8859-7 iso88597 "
     "iso_8859-7 iso_8859-7:1987 sun_eu_greek"},
    {"iso-8859-8", CHARSET_SINGLE, "ISO-8859-8",
     "csiso88598e csisolatinhebrew hebrew iso-8859-8 iso-8859-8-e iso-ir-138 iso8859-8 "
     "iso88598 iso_8859-8 iso_8859-8:1988 visual"},
    {"iso-8859-8-i", CHARSET_SINGLE, "ISO-8859-8", "csiso88598i iso-8859-8-i logical"},
    {"koi8-r", CHARSET_SINGLE, "KOI8-R", "cskoi8r koi koi8 koi8-r koi8_r cp878"},
    {"koi8-u", CHARSET_SINGLE, "KOI8-U", "koi8-ru koi8-u"},
    {"macintosh", CHARSET_SINGLE, "MACINTOSH", "csmacintosh mac macintosh x-mac-roman"},
    {"replacement", CHARSET_REPLACEMENT, NULL, "replacement"},
    {"shift_jis", CHARSET_SHIFT_JIS, "CP932",
     "csshiftjis ms932 ms_kanji shift-jis shift_jis sjis windows-31j x-sjis cp932 windows-932 "
     "ms_932"},
    {"utf-16be", CHARSET_UTF16BE, NULL, "unicodefffe utf-16be ucs-2be"},
    {"utf-16le", CHARSET_UTF16LE, NULL,
     "csunicode iso-10646-ucs-2 ucs-2 unicode unicodefeff utf-16 utf-16le ucs-2le"},
    {"utf-8", CHARSET_UTF8, NULL,
     "unicode-1-1-utf-8 unicode11utf8 unicode20utf8 utf-8 utf8 x-unicode20utf8 utf_8 utf-8n "
     "cp65001"},
    {"windows-1250", CHARSET_SINGLE, "CP1250", "cp1250 windows-1250 x-cp1250 ms-ee"},
    {"windows-1251", CHARSET_SINGLE, "CP1251", "cp1251 windows-1251 x-cp1251 ms-cyrl"},
    {"windows-1252", CHARSET_SINGLE, "CP1252",
     "ansi_x3.4-1968 ascii cp1252 cp819 csisolatin1 ibm819 iso-8859-1 iso-ir-100 iso8859-1 "
     "iso88591 iso_8859-1 iso_8859-1:1987 l1 latin1 us-ascii windows-1252 x-cp1252 iso646-us "
     "iso_646.irv:1991 ansi_x3.4-1986 iso-ir-6 cp367 ibm367 646 us csascii latin-1 ms-ansi"},
    {"windows-1253", CHARSET_SINGLE, "CP1253", "cp1253 windows-1253 x-cp1253 ms-greek"},
    {"windows-1254", CHARSET_SINGLE, "CP1254",
     "cp1254 csisolatin5 iso-8859-9 iso-ir-148 iso8859-9 iso88599 iso_8859-9 iso_8859-9:1989 "
     "l5 latin5 windows-1254 x-cp1254 ms-turk"},
    {"windows-1255", CHARSET_SINGLE, "CP1255", "cp1255 windows-1255 x-cp1255 ms-hebr"},
    {"windows-1256", CHARSET_SINGLE, "CP1256", "cp1256 windows-1256 x-cp1256 ms-arab"},
    {"windows-1257", CHARSET_SINGLE, "CP1257", "cp1257 windows-1257 x-cp1257 winbaltrim"},
    {"windows-1258", CHARSET_SINGLE, "CP1258", "cp1258 windows-1258 x-cp1258"},
    {"windows-874", CHARSET_SINGLE, "CP874",
     "dos-874 iso-8859-11 iso8859-11 iso885911 tis-620 windows-874 cp874 x-windows-874 tis620"},
    {"x-mac-cyrillic", CHARSET_SINGLE, "MAC-UK", "x-mac-cyrillic x-mac-ukrainian"},
    {"x-user-defined", CHARSET_USER_DEFINED, NULL, "x-user-defined"},
    /* not in the standard */
    {"hz-gb-2312", CHARSET_HZ, NULL, "hz-gb-2312 hz"},
    {"iso-2022-kr", CHARSET_OTHER, "ISO-2022-KR", "iso-2022-kr csiso2022kr"},
    {"iso-2022-cn", CHARSET_OTHER, "ISO-2022-CN", "iso-2022-cn csiso2022cn"},
    {"iso-2022-cn-ext", CHARSET_OTHER, "ISO-2022-CN-EXT", "iso-2022-cn-ext"},
    {"iso-2022-jp-2", CHARSET_OTHER, "ISO-2022-JP-2", "iso-2022-jp-2 csiso2022jp2 iso-2022-jp-1"},
    {"iso-2022-jp-3", CHARSET_OTHER, "ISO-2022-JP-3", "iso-2022-jp-3 iso-2022-jp-2004"},
    {"utf-7", CHARSET_OTHER, "UTF-7", "utf-7 utf7 unicode-1-1-utf-7 csunicode11utf7 cp65000"},
    {"utf-32", CHARSET_OTHER, "UTF-32", "utf-32 utf32 ucs-4 iso-10646-ucs-4 csucs4"},
    {"utf-32le", CHARSET_OTHER, "UTF-32LE", "utf-32le ucs-4le"},
    {"utf-32be", CHARSET_OTHER, "UTF-32BE", "utf-32be ucs-4be"},
    {"euc-tw", CHARSET_OTHER, "EUC-TW", "euc-tw x-euc-tw euctw cns11643"},
    {"johab", CHARSET_OTHER, "JOHAB", "johab ms1361 cp1361"},
    {"tcvn", CHARSET_OTHER, "TCVN", "tcvn tcvn5712-1 tcvn5712-1:1993 x-viet-tcvn5712"},
    {"viscii", CHARSET_OTHER, "VISCII", "viscii csviscii x-viet-vps viscii1.1-1"},
    {"armscii-8", CHARSET_OTHER, "ARMSCII-8", "armscii-8 armscii8"},
    {"georgian-ps", CHARSET_OTHER, "GEORGIAN-PS", "georgian-ps"},
    {"koi8-t", CHARSET_OTHER, "KOI8-T", "koi8-t"},
    {"pt154", CHARSET_OTHER, "PT154", "pt154 ptcp154 csptcp154 cp154 cyrillic-asian"},
    {"rk1048", CHARSET_OTHER, "RK1048", "rk1048 kz-1048 cskz1048 strk1048-2002"},
    {"mac-centraleurope", CHARSET_OTHER, "MAC-CENTRALEUROPE",
     "mac-centraleurope x-mac-ce x-mac-centraleurroman"},
    {"hp-roman8", CHARSET_OTHER, "HP-ROMAN8", "hp-roman8 roman8 r8 cshproman8"},
    {"cp437", CHARSET_OTHER, "CP437", "cp437 ibm437 437 cspc8codepage437"},
    {"cp737", CHARSET_OTHER, "CP737", "cp737 ibm737 737"},
    {"cp775", CHARSET_OTHER, "CP775", "cp775 ibm775 775 cspc775baltic"},
    {"cp850", CHARSET_OTHER, "CP850", "cp850 ibm850 850 cspc850multilingual"},
    {"cp852", CHARSET_OTHER, "CP852", "cp852 ibm852 852 cspcp852"},
    {"cp855", CHARSET_OTHER, "CP855", "cp855 ibm855 855 csibm855"},
    {"cp857", CHARSET_OTHER, "CP857", "cp857 ibm857 857 csibm857"},
    {"cp858", CHARSET_OTHER, "CP858", "cp858 ibm858 858 ibm00858 cp00858"},
    {"cp860", CHARSET_OTHER, "CP860", "cp860 ibm860 860 csibm860"},
    {"cp861", CHARSET_OTHER, "CP861", "cp861 ibm861 861 csibm861 cp-is"},
    {"cp862", CHARSET_OTHER, "CP862", "cp862 ibm862 862 cspc862latinhebrew"},
    {"cp863", CHARSET_OTHER, "CP863", "cp863 ibm863 863 csibm863"},
    {"cp864", CHARSET_OTHER, "CP864", "cp864 ibm864 864 csibm864"},
    {"cp865", CHARSET_OTHER, "CP865", "cp865 ibm865 865 csibm865"},
    {"cp869", CHARSET_OTHER, "CP869", "cp869 ibm869 869 csibm869 cp-gr"},
    {"cp1125", CHARSET_OTHER, "CP1125", "cp1125 ibm1125 1125"},
    {"ibm037", CHARSET_OTHER, "IBM037", "ibm037 cp037 ebcdic-cp-us csibm037 ebcdic-cp-ca"},
    {"ibm273", CHARSET_OTHER, "IBM273", "ibm273 cp273 csibm273"},
    {"ibm297", CHARSET_OTHER, "IBM297", "ibm297 cp297 ebcdic-cp-fr"},
    {"ibm500", CHARSET_OTHER, "IBM500", "ibm500 cp500 500 ebcdic-cp-be ebcdic-cp-ch"},
    {"ibm1047", CHARSET_OTHER, "IBM1047", "ibm1047 cp1047"},
    {"ibm1140", CHARSET_OTHER, "IBM1140", "ibm1140 cp1140 ibm01140 ccsid01140"},
    {"ibm1141", CHARSET_OTHER, "IBM1141", "ibm1141 cp1141 ibm01141"},
};
const size_t charset_n_sets = ARRAY_LEN(charset_sets);
_Static_assert(ARRAY_LEN(charset_sets) <= CHARSET_SETS_MAX, "tables for all");

/* What stands around a label in mail: blanks, quotes, a comment (`us-ascii (Plain text)`), a
 * second parameter. */
static struct str charset_labels_bare(struct str label)
{
    size_t from = 0, end;
    while (from < label.n &&
           ((unsigned char)label.p[from] <= ' ' || strchr("'\"", label.p[from]))) {
        from++;
    }
    end = from;
    while (end < label.n && (unsigned char)label.p[end] > ' ' && !strchr("'\"(;,", label.p[end])) {
        end++;
    }
    return str_slice(label, from, end);
}

static bool has_label(const struct charset *c, struct str label)
{
    struct str rest = str_c(c->labels), one;
    while (str_split(&rest, ' ', &one)) {
        if (str_eq_nocase(one, label)) {
            return true;
        }
    }
    return false;
}

static const struct charset *find_bare(struct str label)
{
    for (size_t i = 0; label.n > 0 && i < charset_n_sets; i++) {
        if (has_label(&charset_sets[i], label)) {
            return &charset_sets[i];
        }
    }
    return NULL;
}

/* A code page with a stroke in its name (CP-850, ibm_850), as Unicode's rules for names allow
 * (UTS #22 1.4). Only where ASCII is ASCII: who does not know the name reads the same numbers. */
static const struct charset *find_page(struct str label)
{
    size_t n = str_starts_nocase(label, STR("ibm"))  ? 3
               : str_starts_nocase(label, STR("cp")) ? 2
                                                     : 0;
    char name[16];
    if (n == 0 || label.n <= n + 1 || label.n > sizeof name || !strchr("-_", label.p[n])) {
        return NULL;
    }
    struct str number = str_slice(label, n + 1, label.n);
    snprintf(name, sizeof name, STR_FMT STR_FMT, STR_ARG(str_slice(label, 0, n)), STR_ARG(number));
    const struct charset *c = find_bare(str_c(name));
    return c && (c->kind == CHARSET_SINGLE || str_starts_nocase(str_c(c->name), STR("cp"))) ? c
                                                                                            : NULL;
}

const struct charset *charset_find(struct str label)
{
    label = charset_labels_bare(label);
    const struct charset *c = find_bare(label);
    return c ? c : find_page(label);
}
