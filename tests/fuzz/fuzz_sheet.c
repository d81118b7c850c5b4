/* SPDX-License-Identifier: Apache-2.0
 * fuzz_sheet.c: libFuzzer target. Style sheets of strangers' pages, what they say of an element
 * inside two others, and a style attribute: what stays is declarations that fetch nothing. First
 * line: the element's names and style; the rest: the page.
 */
#include "fuzz.h"
#include "mime/colour.h"
#include "mime/sheet.h"
#include "mime/style.h"

/* "name id class class" */
static struct sheet_element element_of(struct str words)
{
    struct sheet_element e = {.name = ""};
    struct str name = words, id = STR("");
    struct str rest = words;
    if (str_split(&rest, ' ', &name)) {
        id = rest;
        (void)str_split(&rest, ' ', &id);
    }
    str_copy_cut(name, e.name, sizeof e.name);
    str_copy_cut(id, e.id, sizeof e.id);
    str_copy_cut(rest, e.classes, sizeof e.classes);
    return e;
}

static bool holds(struct str text, struct str word)
{
    for (size_t i = 0; i + word.n <= text.n; i++) {
        if (str_eq_nocase(str_slice(text, i, i + word.n), word)) {
            return true;
        }
    }
    return false;
}

/* OWASP's cheat sheet of cross-site scripting, and what a style can fetch (CSS Images 3, CSS
 * Cascade 4 2). */
static void check_harmless(struct str style)
{
    static const char *const never[] = {
        "url(", "image(", "image-set(", "expression(", "@import", "behavior:", "-moz-binding:",
    };
    for (size_t i = 0; i < ARRAY_LEN(never); i++) {
        must(!holds(style, str_c(never[i])));
    }
    must(style.n == 0 || style.p[style.n - 1] == ';');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(buf_free)
    struct buf said = BUF_INIT(1 << 18), clean = BUF_INIT(1 << 18), own = BUF_INIT(1 << 18);
    struct str page = str_from((const char *)data, size), line = STR(""), words;
    (void)str_split(&page, '\n', &line);
    words = line;
    (void)str_split(&line, '\t', &words);
    const struct sheet_element elements[] = {
        {.name = "html"},
        {.name = "body", .classes = "a"},
        element_of(words),
    };
    struct sheet *s = sheet_of_page(page);
    sheet_style(s, elements, ARRAY_LEN(elements), line, &said);
    sheet_free(s);
    (void)style_clean(buf_str(&said), &clean);
    (void)style_clean(page, &own);
    check_harmless(buf_str(&clean));
    check_harmless(buf_str(&own));
    const struct rgb text = colour_of_text(line), ground = colour_of_text(words);
    (void)colour_is_lost_on(text, ground);
    must(!colour_is_lost_on(colour_to_read_on(ground), ground));
    return 0;
}
