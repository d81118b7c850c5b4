/* SPDX-License-Identifier: Apache-2.0
 * test_pdf.c: the texts of a PDF that are on no page (ISO 32000-1 7.3.4, 7.5.7, 7.9.2, 12.5,
 * 12.7, 14.3). The two files in tests/fixtures/documents were written after the standard's
 * grammar; Poppler 22.12 reads their page, title (pdfinfo) and bookmark (pdftohtml -xml) as it
 * is expected here.
 */
#include "check.h"
#include "mime/mime.h"
#include "sys/file.h"

#include <stdio.h>
#include <stdlib.h>

static const char *page = "page\n";

static enum mime_document a_page(void *arg, struct str octets, int64_t cpu_ms, struct buf *out)
{
    assert_int_equal(buf_add(out, str_c(page)), 0);
    return MIME_DOCUMENT_TEXT;
}

static struct mime_reading *read_pdf_of(struct str octets)
{
    static struct mime_limits limits;
    limits = mime_standard_limits;
    limits.pdf = a_page;
    return mime_read_file(octets, "x.pdf", &limits);
}

static bool has_text(const struct mime_reading *m, const char *text)
{
    for (size_t i = 0; i < m->n_texts; i++) {
        struct str s = buf_str(&m->texts[i].text);
        if (s.n > 0 && memmem(s.p, s.n, text, strlen(text))) {
            return true;
        }
    }
    return false;
}

static void files(void **state)
{
    static const char *const names[] = {"notes.pdf", "notes-packed.pdf"};
    static const char *const texts[] = {
        "sticky SSN 536-90-4399 note",
        "title SSN 536-90-4391",
        "bookmark 536-90-4392",
        "field 536-90-4393",
        "key\n",
        "page\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char path[200];
        struct buf octets = BUF_INIT(1 << 20);
        snprintf(path, sizeof path, "tests/fixtures/documents/%s", names[i]);
        assert_int_equal(file_read(path, &octets), 0);
        struct mime_reading *m = read_pdf_of(buf_str(&octets));
        for (size_t k = 0; k < ARRAY_LEN(texts); k++) {
            if (!has_text(m, texts[k])) {
                fail_msg("%s: no \"%s\"", names[i], texts[k]);
            }
        }
        assert_int_equal(m->n_problems, 0);
        mime_reading_free(m);
        buf_free(&octets);
    }
}

static void strings(void **state)
{
    static const struct {
        const char *object, *text; /* NULL: nothing is read, and that is said */
    } rows[] = {
        {"<< /Contents (a \\(b\\) (c) d) >>", "a (b) (c) d\n"}, /* ISO 32000-1, 7.3.4.2 */
        {"<< /Contents (two\\\nlines) >>", "twolines\n"},
        {"<< /Contents (\\101\\1022\\0603) >>", "AB203\n"},
        {"<< /Contents <FEFF005B007300650063> >>", "[sec\n"}, /* 7.9.2.2 */
        {"<< /Contents (\xfe\xff\\000a\\000b) >>", "ab\n"},
        {"<< /Contents (Gr\xfc\xdf"
         "e) >>",
         "Gr\xc3\xbc\xc3\x9f"
         "e\n"},
        {"% (comment)\n<< /V (value) >>", "value\n"},
        {"<< /Opt [ (first) (second) ] >>", "second\n"},
        {"<< /V (never closed", "never closed\n"},
        {"<< /Type /Metadata /Subtype /XML /Length 9 >>\nstream\n<dc>title</dc>\nendstream",
         "<dc>title</dc>"},
        {"<< /Length 30 >>\nstream\nBT (on the page) Tj ET\nendstream\n<< /V (behind) >>",
         "behind\n"},
        {"<< /Encrypt 5 0 R >>", NULL},
        {"<< /AcroForm << /XFA 7 0 R >> >>", NULL},
        {"<< /Names << /EmbeddedFiles 8 0 R >> >>", NULL},
        {"<< /Type /ObjStm /N 1 /First 4 /Filter /LZWDecode /Length 3 >>\nstream\nabc\nendstream",
         NULL},
        {"<< /Type /ObjStm /N 1 /First 4 /Filter /FlateDecode /Length 3 >>\nstream\nx\x9c"
         "abc\nendstream",
         NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf octets = BUF_INIT(1 << 16);
        assert_int_equal(buf_printf(&octets, "%%PDF-1.5\n1 0 obj\n%s", rows[i].object), 0);
        struct mime_reading *m = read_pdf_of(buf_str(&octets));
        bool said = m->n_problems > 0 && m->problems[0].kind == MIME_UNKNOWN;
        if (rows[i].text ? !has_text(m, rows[i].text) || m->n_problems > 0 : !said) {
            fail_msg("row %zu: problems %zu", i, m->n_problems);
        }
        assert_false(has_text(m, "on the page"));
        mime_reading_free(m);
        buf_free(&octets);
    }
}

/* ISO 32000-1 8.9.5: a picture is a stream with its width and height. A page with a line or two
 * beside it is one that nobody read; pdftotext(1) ends each page with a form feed. */
static void pages_that_are_pictures(void **state)
{
    static const char text[] = "A letter of the clinic with enough words in it that a reader would "
                               "say the page has been read as a text.\n";
    static const struct {
        const char *before, *pages, *object;
        bool image;
    } rows[] = {
        {"", "Page 1/1\n\f", "/Subtype /Image\n/Width 1654\n/Height 2339", true},
        {text, "\fFAX 030 1234 PAGE 02/02\n\f", "/Width 1654 /Height 2339 /Subtype /Image", true},
        {"", "\n\f", "/Length 3", true},
        {"", "Page 1/1\n\f", "/Subtype /Image /Width 120 /Height 60", false},
        {"", "Page 1/1\n\f", "/Length 3", false},
        {text, "\f", "/Subtype /Image /Width 1654 /Height 2339", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char object[200], pages[300];
        snprintf(object, sizeof object,
                 "%%PDF-1.5\n1 0 obj\n<< /Type /XObject %s >>\nstream\nabc\nendstream",
                 rows[i].object);
        snprintf(pages, sizeof pages, "%s%s", rows[i].before, rows[i].pages);
        page = pages;
        struct mime_reading *m = read_pdf_of(str_c(object));
        if ((m->n_problems > 0 && m->problems[0].kind == MIME_IMAGE) != rows[i].image) {
            fail_msg("row %zu: problems %zu", i, m->n_problems);
        }
        mime_reading_free(m);
        page = "page\n";
    }
}

/* Own: small files that repeat one thing; a moment each. */
static void costs(void **state)
{
    static const char *const units[] = {
        "(",
        ")",
        "((a",
        "<",
        "<<",
        "stream\n",
        ">>stream\n",
        ">>stream\nendstream",
        "\\",
        "%",
        "<< /Type /ObjStm /FlateDecode >>\nstream\nx\x9c\nendstream\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        struct buf octets = BUF_INIT(4 << 20);
        assert_int_equal(buf_add(&octets, STR("%PDF-1.5\n")), 0);
        for (size_t k = 0; k < 30000; k++) {
            assert_int_equal(buf_add(&octets, str_c(units[i])), 0);
        }
        mime_reading_free(read_pdf_of(buf_str(&octets)));
        buf_free(&octets);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files),
        cmocka_unit_test(strings),
        cmocka_unit_test(pages_that_are_pictures),
        cmocka_unit_test(costs),
    };
    mime_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
