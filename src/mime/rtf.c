/* SPDX-License-Identifier: Apache-2.0
 * rtf.c: the text of Rich Text Format (Microsoft's specification 1.9.1), and the HTML or plain text
 * that Outlook packed into it (MS-OXRTFEX). Called by reader.c, and by tnef.c for what Outlook
 * packs. Own code: Debian has programs for it under the GPL and no library.
 *
 * Octets from 0x80 are characters of the font's code page: they are gathered, with what follows
 * them, until another page or something else is due, as one character may be of two octets.
 * Encapsulated HTML stands in {\*\htmltag} and as the text around it; what stands between \htmlrtf
 * and \htmlrtf0 is for those that know RTF alone. These see another text, which is read as well.
 * What can go wrong: groups without end (bounded), binary data said to be longer than the file,
 * octets that are none of their page.
 */
#include "mime/rtf.h"
#include "mime/charset.h"

#include <stdlib.h>

enum {
    GROUPS_MAX = 2000, /* Outlook opens one for each element */
    WORD_MAX = 32,
    FONTS_MAX = 32768,
    PAGES_MAX = 40, /* different ones in a file */
    NO_FONT = -1,
    FIRST_TOKENS = 20, /* MS-OXRTFEX 2.2.3.1 looks at ten */
    CLOCK_OCTETS = 64 * 1024,
    PAGE_SYMBOL = 42,
    PAGE_ANSI = 1252,
    PAGE_PC = 437,
    PAGE_PS2 = 850,
    PAGE_MAC = 10000,
};

enum source { SOURCE_RTF, SOURCE_TEXT, SOURCE_HTML };

struct group {
    bool skipped;        /* not for people: fonts, colours, pictures */
    bool in_fonts;       /* the font table */
    bool in_tag;         /* an HTML tag, as it stood there */
    bool is_rtf_only;    /* behind \htmlrtf */
    unsigned char after; /* fallback characters behind \u */
    int font;            /* NO_FONT: that of the whole */
};

struct rtf {
    struct str rest;
    struct buf *out, run; /* run: octets of one page that are not yet characters */
    const struct charset *run_set;
    struct group groups[GROUPS_MAX];
    unsigned depth, fallback;
    uint32_t high;      /* the first half of a character of two, 0: none */
    enum source source; /* as what it is read */
    bool without_tags;  /* of a file with HTML inside, what RTF alone says */
    bool star, full, hides /* some of it is for others */, odd /* octets that do not fit */;
    unsigned page;                    /* of the whole */
    int font, defined;                /* of the whole; under way in the font table */
    uint16_t *font_pages, early_page; /* early: said before the font's number */
    struct {
        unsigned page;
        const struct charset *set;
    } sets[PAGES_MAX];
    size_t n_sets;
};

static struct group *now(struct rtf *x)
{
    return &x->groups[x->depth];
}

/* --- what is put out ---------------------------------------------------- */

static void rtf_end_run(struct rtf *x)
{
    if (buf_len(&x->run) > 0) {
        struct charset_result done = charset_decode(x->run_set, buf_str(&x->run), x->out);
        x->full |= done.full;
        x->odd |= done.errors > 0;
        buf_reset(&x->run);
    }
}

/* Looked up once: labels are many. */
static const struct charset *set_of_page(struct rtf *x, unsigned page)
{
    for (size_t i = 0; i < x->n_sets; i++) {
        if (x->sets[i].page == page) {
            return x->sets[i].set;
        }
    }
    const struct charset *set = x->n_sets < PAGES_MAX ? rtf_page(page) : NULL;
    if (x->n_sets < PAGES_MAX) {
        x->sets[x->n_sets].page = page;
        x->sets[x->n_sets++].set = set;
    }
    return set;
}

/* The page of the text here: a tag's is that of the whole (as Outlook writes it), other text's that
 * of its font. */
static unsigned page_here(struct rtf *x)
{
    int font = now(x)->font == NO_FONT ? x->font : now(x)->font;
    unsigned page = now(x)->in_tag || font == NO_FONT ? 0 : x->font_pages[font];
    return page ? page : x->page;
}

static const struct charset *set_here(struct rtf *x)
{
    const struct charset *set = set_of_page(x, page_here(x));
    x->odd |= !set;
    return set ? set : set_of_page(x, PAGE_ANSI);
}

static bool is_wanted(struct rtf *x)
{
    if (now(x)->skipped) {
        return false;
    }
    if (x->fallback > 0) {
        x->fallback--;
        return false;
    }
    bool hidden = now(x)->is_rtf_only && x->source != SOURCE_RTF;
    x->hides |= hidden;
    return !hidden;
}

static void put_utf8(struct rtf *x, uint32_t c)
{
    char text[CHARSET_UTF8_MAX];
    x->full |= buf_append(x->out, text, charset_put_utf8(c, text)) < 0;
}

/* A character that RTF names by its number or by a word. */
static void rtf_put_code(struct rtf *x, uint32_t c)
{
    uint32_t high = x->high;
    x->fallback = 0;
    if (!is_wanted(x) || c == 0) {
        return;
    }
    x->high = c >= 0xd800 && c < 0xdc00 ? c : 0;
    rtf_end_run(x);
    if (c >= 0xdc00 && c < 0xe000) {
        put_utf8(x, high ? 0x10000 + ((high - 0xd800) << 10) + (c - 0xdc00) : 0xfffd);
    } else if (!x->high) {
        put_utf8(x, c);
    }
}

/* One of the text's own. Outside the tags of HTML no octet is a tag. */
static void rtf_put_octet(struct rtf *x, unsigned char c)
{
    if (!is_wanted(x) || c == 0) {
        return;
    }
    if (x->source == SOURCE_HTML && !now(x)->in_tag && (c == '<' || c == '>')) {
        rtf_end_run(x);
        x->full |= buf_add(x->out, c == '<' ? STR("&lt;") : STR("&gt;")) < 0;
    } else if (c < 0x80 && buf_len(&x->run) == 0) {
        x->full |= buf_append(x->out, &c, 1) < 0;
    } else {
        const struct charset *set = set_here(x);
        if (set != x->run_set) {
            rtf_end_run(x);
        }
        x->run_set = set;
        x->full |= buf_append(&x->run, &c, 1) < 0;
    }
}

/* --- control words ------------------------------------------------------ */

static bool rtf_is_one_of(struct str word, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq(word, str_c(list[i]))) {
            return true;
        }
    }
    return false;
}

/* {\*\htmltag64 ...}: RTF alone has no such thing. Told all the same where nothing says that it is
 * HTML, or where readers of HTML leave it out. */
static void begin_tag(struct rtf *x)
{
    now(x)->in_tag = x->source == SOURCE_HTML;
    now(x)->skipped |= x->without_tags && !now(x)->is_rtf_only;
}

/* What stands in a group of its own and is no text. True: the word began such a one. */
static bool begin_destination(struct rtf *x, struct str word)
{
    static const char *const skipped[] = {
        "fonttbl",   "colortbl",          "stylesheet",
        "pict",      "themedata",         "colorschememapping",
        "listtable", "listoverridetable", "rsidtbl",
        "generator", "latentstyles",      "datastore",
        "xmlnstbl",  "fldinst",           "objdata",
    };
    static const char *const told[] = {
        "bkmkstart", "annotation", "shptxt", "footnote", "nesttableprops",
    };
    static const char *const not_html[] = {"info", "pntext"};
    if (x->star && str_eq(word, STR("htmltag"))) {
        begin_tag(x);
        x->star = false;
        return true;
    }
    bool html = x->source == SOURCE_HTML && rtf_is_one_of(word, not_html, ARRAY_LEN(not_html));
    if (!x->star && !html && !rtf_is_one_of(word, skipped, ARRAY_LEN(skipped))) {
        return false;
    }
    now(x)->in_fonts |= str_eq(word, STR("fonttbl"));
    now(x)->skipped |= !x->star || !rtf_is_one_of(word, told, ARRAY_LEN(told));
    return true;
}

/* A word that is a character. True: it was one. */
static bool put_word(struct rtf *x, struct str word)
{
    static const struct {
        const char *word;
        uint32_t code;
    } words[] = {
        {"par", '\n'},         {"line", '\n'},      {"row", '\n'},       {"page", '\n'},
        {"sect", '\n'},        {"nestrow", '\n'},   {"tab", '\t'},       {"cell", '\t'},
        {"nestcell", '\t'},    {"lquote", 0x2018},  {"rquote", 0x2019},  {"ldblquote", 0x201c},
        {"rdblquote", 0x201d}, {"bullet", 0x2022},  {"endash", 0x2013},  {"emdash", 0x2014},
        {"enspace", 0x2002},   {"emspace", 0x2003}, {"qmspace", 0x2005},
    };
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (str_eq(word, str_c(words[i].word))) {
            rtf_put_code(x, words[i].code);
            return true;
        }
    }
    return false;
}

/* In the font table. \cpg goes before \fcharset. */
static void on_font_word(struct rtf *x, struct str word, long number)
{
    bool cpg = str_eq(word, STR("cpg")) && number > 0 && number <= UINT16_MAX;
    if (str_eq(word, STR("f"))) {
        x->defined = number >= 0 && number < FONTS_MAX ? (int)number : NO_FONT;
        if (x->defined != NO_FONT && x->early_page) {
            x->font_pages[x->defined] = x->early_page;
        }
        x->early_page = 0;
    } else if (cpg || str_eq(word, STR("fcharset"))) {
        uint16_t *page = x->defined == NO_FONT ? &x->early_page : &x->font_pages[x->defined];
        *page = cpg ? (uint16_t)number : *page ? *page : (uint16_t)rtf_page_of_font(number);
    }
}

/* A character by its number. Fonts of symbols have theirs in U+F000 to U+F0FF. */
static void on_number(struct rtf *x, long number)
{
    uint32_t c = (uint32_t)(number < 0 ? number + 65536 : number) & 0xffff;
    bool symbol = c > 0xf020 && c < 0xf07f && page_here(x) == PAGE_SYMBOL;
    rtf_put_code(x, symbol ? c - 0xf000 : c);
    x->fallback = now(x)->after;
}

/* What the octets are from here on, or in the whole. True: it was a word for that. */
static bool on_charset_word(struct rtf *x, struct str word, long number)
{
    static const struct {
        const char *word;
        unsigned page;
    } words[] = {{"mac", PAGE_MAC}, {"pc", PAGE_PC}, {"pca", PAGE_PS2}};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (str_eq(word, str_c(words[i].word))) {
            x->page = words[i].page;
            return true;
        }
    }
    if (str_eq(word, STR("ansicpg")) && number > 0 && number <= UINT16_MAX) {
        x->page = (unsigned)number;
    } else if (str_eq(word, STR("deff"))) {
        x->font = number >= 0 && number < FONTS_MAX ? (int)number : NO_FONT;
    } else if (str_eq(word, STR("f")) || str_eq(word, STR("plain"))) {
        bool named = word.n == 1 && number >= 0 && number < FONTS_MAX;
        now(x)->font = named ? (int)number : NO_FONT;
    } else {
        return false;
    }
    return true;
}

static void on_word(struct rtf *x, struct str word, bool has_number, long number)
{
    if (now(x)->in_fonts) {
        on_font_word(x, word, number);
    }
    if (begin_destination(x, word) || put_word(x, word) || on_charset_word(x, word, number)) {
        /* done */
    } else if (str_eq(word, STR("uc")) && has_number && number >= 0 && number < 16) {
        now(x)->after = (unsigned char)number;
    } else if (str_eq(word, STR("u")) && has_number) {
        on_number(x, number);
    } else if (str_eq(word, STR("bin")) && has_number && number > 0) {
        x->rest =
            str_slice(x->rest, (size_t)number < x->rest.n ? (size_t)number : x->rest.n, x->rest.n);
    } else if (str_eq(word, STR("htmlrtf"))) {
        now(x)->is_rtf_only = !has_number || number != 0;
    }
    x->star = false;
}

/* A word behind a backslash, with its number; both are taken off. */
static struct str rtf_take_word(struct str *s, bool *ret_has_number, long *ret_number)
{
    size_t n = 0;
    long number = 0;
    while (n < s->n && n < WORD_MAX && str_lower(s->p[n]) >= 'a' && str_lower(s->p[n]) <= 'z') {
        n++;
    }
    struct str word = str_slice(*s, 0, n);
    bool negative = n < s->n && s->p[n] == '-';
    n += negative;
    *ret_has_number = false;
    for (; n < s->n && s->p[n] >= '0' && s->p[n] <= '9'; n++) {
        number = number < 100000000 ? number * 10 + (s->p[n] - '0') : number;
        *ret_has_number = true;
    }
    n += n < s->n && s->p[n] == ' ';
    *s = str_slice(*s, n, s->n);
    *ret_number = negative ? -number : number;
    return word;
}

/* A sign behind a backslash. */
static void rtf_on_sign(struct rtf *x)
{
    struct str *s = &x->rest;
    char c = s->p[0];
    bool code = c == '\'' && s->n >= 3 && str_hex(s->p[1]) >= 0 && str_hex(s->p[2]) >= 0,
         html = x->source == SOURCE_HTML;
    if (code) {
        rtf_put_octet(x, (unsigned char)(str_hex(s->p[1]) * 16 + str_hex(s->p[2])));
    } else if (c == '\\' || c == '{' || c == '}') {
        rtf_put_octet(x, (unsigned char)c);
    } else if (c == '~') {
        rtf_put_code(x, html ? 0xa0 : ' ');
    } else if (c == '_') {
        rtf_put_code(x, html ? 0xad : '-');
    } else if (c == '\n' || c == '\r') {
        rtf_put_code(x, '\n');
    }
    x->star = c == '*';
    *s = str_slice(*s, code ? 3 : 1, s->n);
}

/* Behind a backslash. */
static void on_control(struct rtf *x)
{
    bool has_number;
    long number;
    if (x->rest.n == 0) {
        return;
    }
    if (str_lower(x->rest.p[0]) < 'a' || str_lower(x->rest.p[0]) > 'z') {
        rtf_on_sign(x);
        return;
    }
    struct str word = rtf_take_word(&x->rest, &has_number, &number);
    on_word(x, word, has_number, number);
}

/* False: too deep. */
static bool on_octet(struct rtf *x, char c)
{
    if (c == '{') {
        if (x->depth + 1 == GROUPS_MAX) {
            return false;
        }
        x->groups[x->depth + 1] = x->groups[x->depth];
        x->depth++;
        x->star = false;
        x->fallback = 0;
    } else if (c == '}') {
        x->defined = now(x)->in_fonts ? NO_FONT : x->defined;
        x->depth -= x->depth > 0;
        x->fallback = 0;
    } else if (c == '\\') {
        on_control(x);
    } else if (c != '\r' && c != '\n') {
        rtf_put_octet(x, (unsigned char)c);
    }
    return true;
}

/* --- whole files -------------------------------------------------------- */

/* By its first words (MS-OXRTFEX 2.2.3.1): nothing but them and openings of groups stands before
 * it. */
static enum source source_of(struct str rtf)
{
    bool has_number;
    long number;
    for (unsigned i = 0; i < FIRST_TOKENS && rtf.n > 1; i++) {
        while (rtf.n > 1 && (rtf.p[0] == '\r' || rtf.p[0] == '\n')) {
            rtf = str_slice(rtf, 1, rtf.n);
        }
        char c = rtf.p[0];
        rtf = str_slice(rtf, 1, rtf.n);
        if (c == '{') {
            continue;
        }
        struct str word = c == '\\' ? rtf_take_word(&rtf, &has_number, &number) : STR("");
        if (word.n == 0 || str_eq(word, STR("fromtext"))) {
            return word.n == 0 ? SOURCE_RTF : SOURCE_TEXT;
        }
        if (str_eq(word, STR("fromhtml")) && has_number && number > 0) {
            return SOURCE_HTML;
        }
    }
    return SOURCE_RTF;
}

bool rtf_is_html(struct str rtf)
{
    return source_of(rtf) == SOURCE_HTML;
}

static void read_octets(struct rtf *x, struct reader *r, const char *part)
{
    size_t next = x->rest.n;
    while (x->rest.n > 0 && !x->full) {
        if (x->rest.n <= next) { /* the clock, now and then */
            if (reader_is_spent(r, part)) {
                return;
            }
            next = x->rest.n > CLOCK_OCTETS ? x->rest.n - CLOCK_OCTETS : 0;
        }
        char c = x->rest.p[0];
        x->rest = str_slice(x->rest, 1, x->rest.n);
        if (!on_octet(x, c)) {
            reader_problem(r, MIME_LIMIT, part, "groups inside groups, too deep");
            return;
        }
    }
}

/* Reads it as that. True: some of it is for others. */
static bool read_as(struct reader *r, const char *part, struct str octets, enum source source,
                    bool without_tags, struct buf *out)
{
    struct rtf *x = err_calloc(1, sizeof *x);
    *x = (struct rtf){
        .rest = octets,
        .out = out,
        .run = BUF_INIT(octets.n + 1),
        .source = source,
        .without_tags = without_tags,
    };
    x->page = PAGE_ANSI;
    x->font = x->defined = x->groups[0].font = NO_FONT;
    x->font_pages = err_calloc(FONTS_MAX, sizeof *x->font_pages);
    x->groups[0].after = 1;
    read_octets(x, r, part);
    rtf_end_run(x);
    if (x->full) {
        reader_problem(r, MIME_LIMIT, part, "too much text");
    }
    if (x->odd) {
        reader_problem(r, MIME_CHARSET, part, "in RTF");
    }
    bool hides = x->hides;
    free(x->font_pages);
    buf_wipe(&x->run);
    free(x);
    return hides;
}

bool rtf_text(struct reader *r, const char *part, struct str rtf, struct buf *out)
{
    enum source source = source_of(rtf);
    return read_as(r, part, rtf, source, false, out) || source == SOURCE_HTML;
}

/* What a reader sees who knows nothing of the HTML or text inside. Its quotations have no marks: no
 * flag counts there. */
static void read_for_others(struct reader *r, const struct piece *p)
{
    struct buf *out = reader_text(r, MIME_ATTACHMENT, p->part);
    if (out) {
        (void)read_as(r, p->part, p->octets, SOURCE_RTF, true, out);
        reader_text_done(r, out);
    }
}

void read_rtf(struct reader *r, const struct piece *p)
{
    struct buf html = BUF_INIT(r->text_left + 1);
    bool is_html = rtf_is_html(p->octets);
    struct buf *out = is_html ? &html : reader_text(r, p->place, p->part);
    bool hides = out && rtf_text(r, p->part, p->octets, out);
    if (is_html) {
        read_html(r, &(struct piece){
                         .octets = buf_str(&html),
                         .part = p->part,
                         .name = p->name,
                         .place = p->place,
                     });
    } else if (out) {
        reader_text_done(r, out);
    }
    if (hides) {
        read_for_others(r, p);
    }
    buf_wipe(&html);
}
