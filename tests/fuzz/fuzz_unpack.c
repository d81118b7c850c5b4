/* SPDX-License-Identifier: Apache-2.0
 * fuzz_unpack.c: libFuzzer target. Any octets given at once to one of the readers of what lies
 * inside mails, whatever they look like (fuzz_mime.c gets there only by octets that are known
 * for such a thing): the first octet says which.
 */
#include "fuzz.h"
#include "mime/calendar.h"
#include "mime/charset.h"
#include "mime/inside.h"
#include "mime/params.h"
#include "mime/pgp.h"
#include "mime/reader.h"
#include "mime/rtf.h"
#include "mime/sealed.h"

static void charset(struct reader *r, struct str in)
{
    struct str label, octets = in;
    if (str_split(&octets, '\n', &label)) {
        const struct charset *c = charset_find(label);
        CLEANUP(buf_free) struct buf out = BUF_INIT(1 << 16);
        if (c) {
            struct charset_result done = charset_decode(c, octets, &out);
            size_t good, bad;
            charset_count_utf8(buf_str(&out), &good, &bad);
            must(bad == 0 || done.full); /* what comes out is UTF-8 */
        }
        (void)charset_of_html(octets);
        (void)charset_is_western(octets);
        const struct charset *switching = charset_by_escapes(octets);
        must(!switching || switching->kind == CHARSET_ISO_2022_JP ||
             switching->kind == CHARSET_OTHER);
    }
}

static void calendar(struct reader *r, struct str in)
{
    static struct view_event events[8];
    CLEANUP(buf_free) struct buf whole = BUF_INIT(1 << 16), words = BUF_INIT(1 << 16);
    if (calendar_unfold(in, &whole) == 0) {
        must(calendar_read(buf_str(&whole), events, ARRAY_LEN(events)) <= ARRAY_LEN(events));
        buf_reset(&words);
        calendar_words(buf_str(&whole), &words);
    }
}

static void tnef_file(void *arg, const struct tnef_file *f)
{
    const struct str *in = arg;
    must(f->octets.n == 0 || (f->octets.p >= in->p && f->octets.p + f->octets.n <= in->p + in->n));
    must(f->name && f->type);
}

static void must_be_utf8(struct str text)
{
    size_t good, bad;
    charset_count_utf8(text, &good, &bad);
    must(bad == 0);
}

static void tnef_body(void *arg, const struct tnef_bodies *b)
{
    must_be_utf8(b->subject);
    must_be_utf8(b->texts[TNEF_RTF]);
}

static void tnef(struct reader *r, struct str in)
{
    const struct piece p = {in, "1", "winmail.dat", MIME_ATTACHMENT};
    read_tnef(r, &p);
    tnef_show(r, &p, &(struct tnef_wants){tnef_body, tnef_file, &in});
}

static void old_office(struct reader *r, struct str in)
{
    const char *type;
    read_ole(r, &(struct piece){in, "1", "x.doc", MIME_ATTACHMENT}, &type);
}

static void rtf(struct reader *r, struct str in)
{
    CLEANUP(buf_free) struct buf out = BUF_INIT(1 << 16);
    read_rtf(r, &(struct piece){in, "1", "x.rtf", MIME_ATTACHMENT});
    (void)rtf_text(r, "1", in, &out);
    must_be_utf8(buf_str(&out)); /* whatever its pages are */
}

static void archive(struct reader *r, struct str in)
{
    uint8_t raw = take_octet(&in);
    read_archive(r, &(struct piece){in, "1", "x.zip", MIME_ATTACHMENT}, raw & 1);
}

static void document(struct reader *r, struct str in)
{
    struct strings shared = {.text = BUF_INIT(1 << 16)};
    CLEANUP(buf_free) struct buf out = BUF_INIT(1 << 16);
    (void)!read_shared_strings(r, "1", in, &shared);
    (void)!read_document_xml(r, "1", in, &shared, &out);
    strings_free(&shared);
}

static void html(struct reader *r, struct str in)
{
    read_html(r, &(struct piece){in, "1", "", MIME_BODY});
}

static void lines(struct reader *r, struct str in)
{
    CLEANUP(buf_free) struct buf out = BUF_INIT(1 << 16);
    struct inside_file file;
    (void)!flowed_join(in, true, &out);
    buf_reset(&out);
    words_text(r, "", in, &out);
    for (enum inside kind = INSIDE_TEXT; kind <= INSIDE_HTML; kind++) {
        for (struct str rest = in; inside_next(kind, &rest, &file);) {
            must(file.octets.p >= in.p && file.octets.p + file.octets.n <= in.p + in.n);
        }
        inside_read(r, "1", kind, in);
    }
}

static void pdf(struct reader *r, struct str in)
{
    read_pdf_objects(r, &(struct piece){in, "1", "x.pdf", MIME_ATTACHMENT});
}

static void sealed(struct reader *r, struct str in)
{
    CLEANUP(buf_free) struct buf said = BUF_INIT(1 << 16);
    const struct piece p = {in, "1", "", MIME_BODY};
    enum seal seal = sealed_octets(in);
    must(seal != SEAL_PGP || sealed_begins_pgp(in, false));
    (void)sealed_begins_pgp(in, true);
    enum pgp is = pgp_read(r, &p);
    must(seal != SEAL_PGP || in.p[0] == '-' || (unsigned char)in.p[0] <= ' ' ||
         is == PGP_IS_SEALED);
    pgp_read_armour(r, &p);
    (void)!pgp_text(r, in, &said);
}

static void field(struct reader *r, struct str in)
{
    static struct params params;
    CLEANUP(buf_free) struct buf copy = BUF_INIT(in.n + 1);
    params_read(r, "", in, &params);
    for (size_t i = 0; i < params.n; i++) {
        must(params.v[i].value);
    }
    params_free(&params);
    if (in.n > 0 && buf_add(&copy, in) == 0) {
        char *octets = copy.p + copy.head;
        tame_fields(r, "", octets, in.n);
        for (size_t i = 0; i < in.n; i++) {
            must(octets[i] == in.p[i] || octets[i] == ' '); /* no place changes */
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const readers[])(struct reader *, struct str) = {
        archive,    calendar, charset, document, html,   lines,
        old_office, rtf,      tnef,    pdf,      sealed, field,
    };
    struct str in = str_from((const char *)data, size);
    struct mime_limits limits = mime_standard_limits;
    limits.text_octets = 1 << 20;
    limits.opened_octets = 4 << 20;
    mime_init();
    uint8_t which = take_octet(&in) % ARRAY_LEN(readers);
    struct reader r = reader_new(&limits, in);
    readers[which](&r, in);
    mime_reading_free(r.out);
    return 0;
}
