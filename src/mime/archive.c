/* SPDX-License-Identifier: Apache-2.0
 * archive.c: what lies in archives (zip, 7z, rar, tar, cpio, cab, ar) and packed files (gz, bz2,
 * xz, zstd, lz4), by libarchive; the documents that are zips themselves go to office.c. Called
 * by reader.c.
 *
 * Everything comes out of memory into memory. What can go wrong: bombs (all that comes out is
 * counted for the whole message, and a thing that grows more than RATIO_MAX times ends at once),
 * passwords, damage: a problem each.
 */
#include "mime/kind.h"
#include "mime/layer.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    BLOCK = 64 * 1024,
    RATIO_MAX = 300,
    RATIO_FREE = 4 * 1024 * 1024,
    ENTRIES_MAX = 2000,
    ENTRY_MAX = 64 * 1024 * 1024
};

struct opened {
    struct reader *r;
    const struct piece *p;
    struct layer *layer;
    unsigned entries;
    bool is_at_end;
    uint64_t came; /* octets out of this one archive */
};

/* One entry's octets, which are held until drop_entry(). 0; -ENOSPC (a limit, noted), -EBADMSG. */
static int take_entry(struct opened *o, struct buf *out)
{
    char *to;
    for (;;) {
        if (reader_is_spent(o->r, o->p->part)) {
            return -ENOSPC;
        }
        if (buf_reserve(out, BLOCK, &to) < 0) {
            reader_problem(o->r, MIME_LIMIT, o->p->part, "a file in it is too large");
            return -ENOSPC;
        }
        la_ssize_t n = layer_data(o->layer, to, BLOCK);
        if (n <= 0) {
            return n == 0 ? 0 : reader_is_spent(o->r, o->p->part) ? -ENOSPC : -EBADMSG;
        }
        buf_commit(out, (size_t)n);
        o->came += (uint64_t)n;
        if (!reader_hold(o->r, o->p->part, (uint64_t)n) ||
            !reader_open_octets(o->r, o->p->part, (uint64_t)n)) {
            return -ENOSPC;
        }
        if (o->came > RATIO_FREE && o->came / RATIO_MAX > o->p->octets.n) {
            reader_problem(o->r, MIME_LIMIT, o->p->part, "it grows without measure");
            return -ENOSPC;
        }
    }
}

static void drop_entry(struct opened *o, struct buf *octets)
{
    reader_let_go(o->r, buf_len(octets));
    buf_blank(octets); /* not what was never written: that would bring it into memory */
    buf_free(octets);
}

/* The next entry that is a file. False at the end; what stopped it was noted. */
static bool next_file(struct opened *o, struct archive_entry **ret)
{
    for (;;) {
        int code = layer_next(o->layer, ret);
        if (code == ARCHIVE_EOF) {
            o->is_at_end = true;
            return false;
        }
        if (code < ARCHIVE_WARN) {
            if (!reader_is_spent(o->r, o->p->part)) {
                reader_problem(o->r, layer_is_locked(o->layer) ? MIME_PASSWORD : MIME_DAMAGED,
                               o->p->part, "");
            }
            return false;
        }
        if (reader_is_spent(o->r, o->p->part)) {
            return false;
        }
        if (o->r->text_left == 0) { /* nothing that is in there could be kept */
            reader_problem(o->r, MIME_LIMIT, o->p->part, "too much text");
            return false;
        }
        if (++o->entries > ENTRIES_MAX) {
            reader_problem(o->r, MIME_LIMIT, o->p->part, "it holds too many files");
            return false;
        }
        if (archive_entry_is_encrypted(*ret)) {
            reader_problem(o->r, MIME_PASSWORD, o->p->part, "");
            continue;
        }
        if (archive_entry_filetype(*ret) == AE_IFREG || archive_entry_filetype(*ret) == 0) {
            return true;
        }
    }
}

int read_packed(struct reader *r, const struct piece *p, struct buf *out)
{
    struct opened o = {.r = r, .p = p, .layer = layer_open(r, p->part, p->octets, true)};
    struct archive_entry *entry;
    int e = -EBADMSG;
    if (o.layer) {
        e = layer_next(o.layer, &entry) >= ARCHIVE_WARN ? take_entry(&o, out) : e;
        layer_free(o.layer);
    }
    return e;
}

int read_deflated(struct reader *r, const struct piece *p, enum deflate form, struct buf *out)
{
    /* nobody compares the sum */
    static const char head[] = "\x1f\x8b\x08\0\0\0\0\0\0\xff", sum[8] = "";
    size_t frame = form == DEFLATE_ZLIB ? 2 : 0;
    struct buf gz = BUF_INIT(p->octets.n + sizeof head + sizeof sum);
    int e = p->octets.n > frame ? buf_append(&gz, head, sizeof head - 1) : -EBADMSG;
    e = e < 0 ? e : buf_add(&gz, str_slice(p->octets, frame, p->octets.n));
    e = e < 0 ? e : buf_append(&gz, sum, sizeof sum);
    e = e < 0 ? e
              : read_packed(r,
                            &(struct piece){
                                .octets = buf_str(&gz),
                                .part = p->part,
                                .name = p->name,
                                .place = p->place,
                            },
                            out);
    buf_wipe(&gz);
    return e;
}

void read_packed_done(struct reader *r, struct buf *octets)
{
    drop_entry(&(struct opened){.r = r}, octets);
}

void read_archive(struct reader *r, const struct piece *p, bool is_raw)
{
    struct opened o = {.r = r, .p = p, .layer = layer_open(r, p->part, p->octets, is_raw)};
    struct archive_entry *entry;
    if (!o.layer) {
        reader_problem(r, MIME_DAMAGED, p->part, "");
        return;
    }
    while (next_file(&o, &entry)) {
        struct buf octets = BUF_INIT(ENTRY_MAX);
        char part[MIME_PART];
        int code = take_entry(&o, &octets);
        if (code == -EBADMSG) {
            reader_problem(r, layer_is_locked(o.layer) ? MIME_PASSWORD : MIME_DAMAGED, p->part, "");
        }
        reader_inner_part(p->part, o.entries, part);
        const char *name = archive_entry_pathname_utf8(entry);
        name = name ? name : archive_entry_pathname(entry);
        const struct piece inner = {
            .octets = buf_str(&octets),
            .part = part,
            .name = is_raw || !name ? p->name : name,
            .place = MIME_ATTACHMENT,
        };
        reader_piece(r, &inner);
        drop_entry(&o, &octets);
        if (code < 0) {
            break;
        }
    }
    if (o.entries == 0) {
        reader_problem(r, MIME_DAMAGED, p->part, "");
    }
    uint64_t consumed = o.is_at_end ? layer_consumed(o.layer) : UINT64_MAX;
    layer_free(o.layer);
    read_rest(r, p, consumed);
}

/* --- documents that are zips -------------------------------------------- */

enum office { OFFICE_NONE, OFFICE_DOCX, OFFICE_XLSX, OFFICE_PPTX, OFFICE_ODF };

static bool name_is(struct str name, const char *begin, const char *end)
{
    return str_starts_nocase(name, str_c(begin)) && str_ends_nocase(name, str_c(end));
}

/* Names of parts ignore case and may begin with a slash (ECMA-376 part 2, 6.2.2). */
static struct str part_name(struct archive_entry *entry)
{
    struct str name = str_c(archive_entry_pathname(entry));
    return name.n > 0 && name.p[0] == '/' ? str_slice(name, 1, name.n) : name;
}

/* By a folder, where the list of types says nothing. */
static enum office office_by(struct str name)
{
    return str_starts_nocase(name, STR("word/"))     ? OFFICE_DOCX
           : str_starts_nocase(name, STR("xl/"))     ? OFFICE_XLSX
           : str_starts_nocase(name, STR("ppt/"))    ? OFFICE_PPTX
           : str_eq_nocase(name, STR("content.xml")) ? OFFICE_ODF
                                                     : OFFICE_NONE;
}

/* By the type of the main part: application/vnd...wordprocessingml.document.main+xml,
 * vnd.ms-excel.sheet.binary.macroEnabled.main and the like. The folders are only what most
 * programs choose. */
static enum office office_by_types(struct str types)
{
    for (size_t at = 0; at < types.n;) {
        size_t end = str_find(types, '"', at);
        struct str value = str_slice(types, at, end);
        if (str_has(value, STR(".main"))) {
            return str_has(value, STR("word")) ? OFFICE_DOCX
                   : str_has(value, STR("spreadsheet")) || str_has(value, STR("ms-excel"))
                       ? OFFICE_XLSX
                   : str_has(value, STR("presentation")) || str_has(value, STR("powerpoint"))
                       ? OFFICE_PPTX
                       : OFFICE_NONE;
        }
        at = end + 1;
    }
    return OFFICE_NONE;
}

/* What is done with a part. */
enum use { USE_NONE, USE_XML, USE_FILE, USE_BINARY };

/* Parts that say how it looks and how it hangs together; strings are looked up where a cell
 * names them. */
static bool is_about_form(struct str name)
{
    static const char *const ends[] = {
        ".rels",
        "[Content_Types].xml",
        "/styles.xml",
        "/stylesWithEffects.xml",
        "/settings.xml",
        "/fontTable.xml",
        "/webSettings.xml",
        "/calcChain.xml",
        "/sharedStrings.xml",
        ".vml",
        ".rdf",
    };
    static const char *const folders[] = {
        "META-INF/", "Configurations2/", "Thumbnails/", "docProps/thumbnail", "_xmlsignatures/",
    };
    bool is = str_eq_nocase(name, STR("settings.xml")) || str_eq_nocase(name, STR("mimetype")) ||
              str_has(name, STR("/theme/"));
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        is |= str_ends_nocase(name, str_c(ends[i]));
    }
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        is |= str_starts_nocase(name, str_c(folders[i]));
    }
    return is;
}

/* Files in the document that are documents of their own; pictures are counted. */
static bool is_embedded(struct str name)
{
    return str_find(name, '/', 0) < name.n &&
           (str_has(name, STR("embeddings/")) || str_starts_nocase(name, STR("Object ")));
}

static bool is_picture(struct str name)
{
    return str_has(name, STR("/media/")) || str_starts_nocase(name, STR("Pictures/"));
}

/* The parts of a workbook in Excel's own binary form (MS-XLSB 2.1.7). */
static bool is_binary_part(struct str name)
{
    return name_is(name, "xl/", ".bin") &&
           (str_has(name, STR("worksheets/sheet")) || str_has(name, STR("haredStrings")) ||
            str_has(name, STR("/comments")));
}

static enum use use_of(enum office kind, struct str name)
{
    if (is_embedded(name)) {
        return USE_FILE;
    }
    if (kind == OFFICE_XLSX && is_binary_part(name)) {
        return USE_BINARY;
    }
    if (is_picture(name) || is_about_form(name) || str_ends_nocase(name, STR(".bin")) ||
        name_is(name, "ObjectReplacements/", "")) {
        return USE_NONE;
    }
    return str_ends_nocase(name, STR(".xml")) ? USE_XML : USE_FILE;
}

/* A part that is no XML is read where it has text: a page that Word shows as its own (altChunk),
 * an e-mail. Fonts, drawings and the settings of printers have none. */
static bool is_worth_reading(struct str octets, struct str name)
{
    enum kind kind = kind_of(octets, "");
    return is_embedded(name) || (kind != KIND_IMAGE && kind != KIND_MEDIA && kind != KIND_UNKNOWN &&
                                 kind != KIND_PROGRAM);
}

static void take_strings(struct opened *o, struct strings *shared)
{
    struct buf octets = BUF_INIT(ENTRY_MAX);
    /* a second one would hide the first */
    reader_add_text(o->r, o->p->place, o->p->part, buf_str(&shared->text));
    strings_free(shared);
    if (take_entry(o, &octets) == 0 &&
        read_shared_strings(o->r, o->p->part, buf_str(&octets), shared) < 0) {
        reader_problem(o->r, MIME_DAMAGED, o->p->part, "");
    }
    drop_entry(o, &octets);
}

static enum office take_types(struct opened *o)
{
    struct buf octets = BUF_INIT(ENTRY_MAX);
    enum office kind =
        take_entry(o, &octets) == 0 ? office_by_types(buf_str(&octets)) : OFFICE_NONE;
    drop_entry(o, &octets);
    return kind;
}

/* First look: what kind it is, whether it is locked, and the shared strings. */
static enum office survey(struct opened *o, struct strings *shared, bool *ret_types)
{
    enum office kind = OFFICE_NONE, said = OFFICE_NONE;
    struct archive_entry *entry;
    while (next_file(o, &entry)) {
        struct str name = part_name(entry);
        kind = kind == OFFICE_NONE ? office_by(name) : kind;
        if (str_eq_nocase(name, STR("[Content_Types].xml"))) {
            said = take_types(o);
            *ret_types = true;
        } else if (str_eq(name, STR("mimetype"))) {
            *ret_types = true;
        } else if (str_ends_nocase(name, STR("/sharedStrings.xml"))) {
            take_strings(o, shared);
        }
    }
    return said == OFFICE_NONE ? kind : said;
}

struct document {
    enum office kind;
    struct strings shared;
    struct buf text;
    unsigned pictures;
};

static void read_inner(struct opened *o, struct str name, struct str octets, enum use use)
{
    char part[MIME_PART];
    char *copy = str_dup(name);
    reader_inner_part(o->p->part, o->entries, part);
    const struct piece inner = {
        .octets = octets,
        .part = part,
        .name = copy,
        .place = MIME_ATTACHMENT,
    };
    if (use == USE_BINARY) {
        reader_problem(o->r, MIME_UNKNOWN, o->p->part, "a binary workbook");
        read_strings(o->r, &inner);
    } else if (is_worth_reading(octets, name)) {
        reader_piece(o->r, &inner);
    }
    free(copy);
}

static void archive_read_part(struct opened *o, struct document *d, struct str name, enum use use)
{
    struct buf octets = BUF_INIT(ENTRY_MAX);
    int code = take_entry(o, &octets);
    if (code == 0 && use == USE_XML) {
        code = read_document_xml(o->r, o->p->part, buf_str(&octets), &d->shared, &d->text);
    } else if (code == 0) {
        read_inner(o, name, buf_str(&octets), use);
    }
    if (code == -EBADMSG) {
        reader_problem(o->r, MIME_DAMAGED, o->p->part, "");
    } else if (code < 0) {
        reader_problem(o->r, MIME_LIMIT, o->p->part, "too much text");
    }
    drop_entry(o, &octets);
}

static void read_parts(struct opened *o, struct document *d)
{
    struct archive_entry *entry;
    while (next_file(o, &entry)) {
        char name[512];
        str_copy_cut(part_name(entry), name, sizeof name);
        d->pictures += is_picture(str_c(name));
        enum use use = use_of(d->kind, str_c(name));
        if (use != USE_NONE) {
            archive_read_part(o, d, str_c(name), use);
        }
    }
}

static void read_document(struct reader *r, const struct piece *p, struct document *d)
{
    struct opened o = {.r = r, .p = p, .layer = layer_open(r, p->part, p->octets, false)};
    bool blank = true;
    uint64_t consumed = UINT64_MAX;
    if (o.layer) {
        read_parts(&o, d);
        consumed = o.is_at_end ? layer_consumed(o.layer) : consumed;
        layer_free(o.layer);
    }
    struct str text = buf_str(&d->text);
    for (size_t i = 0; i < text.n && blank; i++) {
        blank = (unsigned char)text.p[i] <= ' ';
    }
    if (blank && d->pictures > 0) {
        reader_problem(r, MIME_IMAGE, p->part, "");
    }
    reader_add_text(r, p->place, p->part, text);
    read_rest(r, p, consumed);
}

bool read_office(struct reader *r, const struct piece *p, const char **ret_type)
{
    static const char *const types[] = {"zip", "docx", "xlsx", "pptx", "odf"};
    struct opened o = {.r = r, .p = p, .layer = layer_open(r, p->part, p->octets, false)};
    struct document d = {.text = BUF_INIT(r->text_left)};
    bool has_types = false;
    size_t problems = r->out->n_problems;
    uint64_t left = r->opened_left;
    if (o.layer) {
        d.kind = survey(&o, &d.shared, &has_types);
        layer_free(o.layer);
    }
    bool is_office = d.kind != OFFICE_NONE && has_types;
    if (is_office) {
        *ret_type = types[d.kind];
        read_document(r, p, &d);
    } else { /* an archive: what was met here is met again */
        r->out->n_problems = problems;
        r->opened_left = left;
    }
    strings_free(&d.shared);
    buf_wipe(&d.text);
    return is_office;
}
