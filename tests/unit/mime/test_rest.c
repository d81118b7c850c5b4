/* SPDX-License-Identifier: Apache-2.0
 * test_rest.c: what is in the octets of an archive besides the files that its reader names. Each
 * row is put together of whole archives and other octets, as the reports named did.
 */
#include "check.h"
#include "mime/texts.h"
#include "mime/zip.h"

#include <archive.h>
#include <archive_entry.h>

#define CARD "4539578763621486"

enum { PIECES = 4, ROOM = 1 << 20 };

/* What stands in a row: an archive with one file, or octets. */
enum form { NOTHING, ZIP, DOCX, LOCALS, TAR, GZ, RAW };

struct row {
    const char *about;
    struct {
        enum form form;
        const char *text;
        unsigned n; /* of RAW with NUL in it */
    } pieces[PIECES];
    bool found, damaged;
};

static void add_zip(struct buf *out, const char *name, const char *text)
{
    struct zip *z = zip_new();
    assert_int_equal(zip_begin(z, name, strlen(text), out), 0);
    assert_int_equal(zip_octets(z, str_c(text), out), 0);
    assert_int_equal(zip_end(z, out), 0);
    zip_free(z);
}

static void add_docx(struct buf *out, const char *text)
{
    static const char types[] =
        "<Types xmlns='http://schemas.openxmlformats.org/package/2006/content-types'><Override "
        "PartName=\"/x\" "
        "ContentType=\"application/"
        "vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml\"/></Types>";
    struct zip *z = zip_new();
    assert_int_equal(zip_begin(z, "[Content_Types].xml", strlen(types), out), 0);
    assert_int_equal(zip_octets(z, str_c(types), out), 0);
    struct buf xml = BUF_INIT(ROOM);
    assert_int_equal(buf_add(&xml, STR("<w:document "
                                       "xmlns:w='http://schemas.openxmlformats.org/"
                                       "wordprocessingml/2006/main'><w:body><w:p><w:r><w:t>")),
                     0);
    assert_int_equal(buf_add(&xml, str_c(text)), 0);
    assert_int_equal(buf_add(&xml, STR("</w:t></w:r></w:p></w:body></w:document>")), 0);
    assert_int_equal(zip_begin(z, "word/document.xml", buf_len(&xml), out), 0);
    assert_int_equal(zip_octets(z, buf_str(&xml), out), 0);
    assert_int_equal(zip_end(z, out), 0);
    zip_free(z);
    buf_free(&xml);
}

/* libarchive's own writer: tar with its blocks of zeros, or gzip. */
static void add_written(struct buf *out, bool is_tar, const char *text)
{
    static char room[65536];
    size_t used = 0;
    struct archive *a = archive_write_new();
    struct archive_entry *e = archive_entry_new();
    assert_int_equal(is_tar ? archive_write_set_format_ustar(a) : archive_write_set_format_raw(a),
                     ARCHIVE_OK);
    assert_int_equal(is_tar ? ARCHIVE_OK : archive_write_add_filter_gzip(a), ARCHIVE_OK);
    assert_int_equal(archive_write_open_memory(a, room, sizeof room, &used), ARCHIVE_OK);
    archive_entry_set_pathname(e, "a.txt");
    archive_entry_set_size(e, (la_int64_t)strlen(text));
    archive_entry_set_filetype(e, AE_IFREG);
    archive_entry_set_perm(e, 0600);
    assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
    assert_int_equal(archive_write_data(a, text, strlen(text)), strlen(text));
    assert_int_equal(archive_write_close(a), ARCHIVE_OK);
    archive_write_free(a);
    archive_entry_free(e);
    assert_int_equal(buf_append(out, room, used), 0);
}

/* A zip without its directory. */
static void add_locals(struct buf *out, const char *text)
{
    struct buf whole = BUF_INIT(ROOM);
    add_zip(&whole, "a.txt", text);
    struct str o = buf_str(&whole);
    const char *end = memmem(o.p, o.n, "PK\1\2", 4);
    assert_int_equal(buf_append(out, o.p, (size_t)(end - o.p)), 0);
    buf_free(&whole);
}

static struct mime_reading *read_row(const struct row *row)
{
    struct buf octets = BUF_INIT(ROOM);
    for (size_t i = 0; i < PIECES && row->pieces[i].form != NOTHING; i++) {
        const char *text = row->pieces[i].text;
        switch (row->pieces[i].form) {
        case ZIP:
            add_zip(&octets, "a.txt", text);
            break;
        case DOCX:
            add_docx(&octets, text);
            break;
        case LOCALS:
            add_locals(&octets, text);
            break;
        case TAR:
        case GZ:
            add_written(&octets, row->pieces[i].form == TAR, text);
            break;
        case RAW:
        case NOTHING:
            assert_int_equal(buf_append(&octets, text,
                                        row->pieces[i].n ? row->pieces[i].n : strlen(text)),
                             0);
            break;
        }
    }
    struct mime_reading *m = mime_read_file(buf_str(&octets), "a", &mime_standard_limits);
    buf_free(&octets);
    return m;
}

static bool has_problem(const struct mime_reading *m, enum mime_problem_kind kind)
{
    for (size_t i = 0; i < m->n_problems; i++) {
        if (m->problems[i].kind == kind) {
            return true;
        }
    }
    return false;
}

static void check_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct mime_reading *m = read_row(&rows[i]);
        if (stands_alone(m, CARD) != rows[i].found ||
            has_problem(m, MIME_DAMAGED) != rows[i].damaged) {
            fail_msg("%s: found %d, damaged %d", rows[i].about, stands_alone(m, CARD),
                     has_problem(m, MIME_DAMAGED));
        }
        mime_reading_free(m);
    }
}

/* Cisco-Talos/clamav#1460, #1014: programs disagree which of two directories counts, and some
 * take files that none names. */
static void archives_behind_archives(void **state)
{
    static const struct row rows[] = {
        {"zip, zip", {{ZIP, CARD}, {ZIP, "words"}}, true, false},
        {"zip, zip, the other way", {{ZIP, "words"}, {ZIP, CARD}}, true, false},
        {"three", {{ZIP, "words"}, {ZIP, CARD}, {ZIP, "words"}}, true, false},
        {"docx, docx", {{DOCX, CARD}, {DOCX, "words"}}, true, false},
        {"a document, a zip", {{ZIP, CARD}, {DOCX, "words"}}, true, false},
        {"a file without a directory", {{LOCALS, CARD}, {ZIP, "words"}}, true, true},
        {"behind the directory", {{ZIP, "words"}, {LOCALS, CARD}}, true, true},
        {"tar, tar", {{TAR, "words"}, {TAR, CARD}}, true, false},
        {"tar, zip", {{TAR, "words"}, {ZIP, CARD}}, true, false},
        {"gz, zip", {{GZ, "words"}, {ZIP, CARD}}, true, false},
        {"zip, gz", {{ZIP, "words"}, {GZ, CARD}}, true, false},
        {"gz, gz", {{GZ, "words\n"}, {GZ, CARD}}, true, false},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

/* The same reports; RFC 1952 2.2 (members one behind the other, and nothing else), POSIX pax
 * (two blocks of zeros end it). */
static void octets_of_no_file(void **state)
{
    static const struct row rows[] = {
        {"zip, text", {{ZIP, "words"}, {RAW, "\n" CARD "\n"}}, true, true},
        {"gz, text", {{GZ, "words"}, {RAW, "\n" CARD "\n"}}, true, true},
        {"tar, text", {{TAR, "words"}, {RAW, "\n" CARD "\n"}}, true, true},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

/* APPNOTE.TXT 4.3.16: a comment; padding of tapes, modems and mail programs; PK00 of archives
 * that were to be split (8.5.4). */
static void what_may_stand_there(void **state)
{
    static const struct row rows[] = {
        {"zip, zeros", {{ZIP, CARD}, {RAW, "\0\0\0\0\0\0\0\0", 8}}, true, false},
        {"zip, an empty line", {{ZIP, CARD}, {RAW, "\r\n\r\n"}}, true, false},
        {"gz, zeros", {{GZ, CARD}, {RAW, "\0\0\0\0\0\0\0\0", 8}}, true, false},
        {"tar, zeros", {{TAR, CARD}, {RAW, "\0\0\0\0\0\0\0\0", 8}}, true, false},
        {"a marker", {{RAW, "PK\x07\x08"}, {ZIP, CARD}}, true, false},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

/* APPNOTE.TXT 4.3.16: the comment is part of the archive, and no damage; it is text all the
 * same. */
static void comments(void **state)
{
    struct buf octets = BUF_INIT(ROOM);
    add_zip(&octets, "a.txt", "words");
    struct str comment = STR("Made by a program, " CARD "\n");
    octets.p[buf_len(&octets) - 2] = (char)comment.n;
    assert_int_equal(buf_add(&octets, comment), 0);
    struct mime_reading *m = mime_read_file(buf_str(&octets), "a.zip", &mime_standard_limits);
    assert_int_equal(m->n_problems, 0);
    assert_int_equal(m->n_texts, 2);
    assert_non_null(
        memmem(buf_str(&m->texts[1].text).p, buf_len(&m->texts[1].text), CARD, strlen(CARD)));
    mime_reading_free(m);
    buf_free(&octets);
}

/* rspamd/rspamd#4036, Stuk/jszip#671: the name before a file and the name in the directory need
 * not be the same. */
static void both_names_count(void **state)
{
    static const char *const names[] = {"invoice.doc", "invoice.wsf"};
    for (size_t i = 0; i < 2; i++) {
        struct buf octets = BUF_INIT(ROOM);
        add_zip(&octets, names[i], "words");
        char *local = memmem(octets.p, buf_len(&octets), names[i], strlen(names[i]));
        memcpy(local, names[1 - i], strlen(names[i]));
        struct mime_reading *m = mime_read_file(buf_str(&octets), "a.zip", &mime_standard_limits);
        assert_int_equal(m->n_attachments, 2);
        assert_string_equal(m->attachments[1].name, names[1 - i]);
        assert_int_equal(m->n_names, 1);
        assert_string_equal(m->names[0].name, names[i]);
        mime_reading_free(m);
        buf_free(&octets);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(archives_behind_archives), cmocka_unit_test(octets_of_no_file),
        cmocka_unit_test(what_may_stand_there),     cmocka_unit_test(comments),
        cmocka_unit_test(both_names_count),
    };
    mime_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
