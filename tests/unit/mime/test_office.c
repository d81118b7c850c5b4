/* SPDX-License-Identifier: Apache-2.0
 * test_office.c: what is read of Office Open XML and OpenDocument files, part by part, and what
 * stands beside what. The parts are as Office, LibreOffice and the programs of the reports named
 * write them; the number is one that ends the word before it where a reader joins what the page
 * parts.
 */
#include "check.h"
#include "mime/texts.h"
#include "mime/mime.h"
#include "mime/zip.h"

#include <stdio.h>

#define CARD "4539578763621486"
#define W \
    "<w:document xmlns:w='http://schemas.openxmlformats.org/wordprocessingml/2006/main'><w:body>"
#define W_END    "</w:body></w:document>"
#define WP(text) "<w:p><w:r><w:t>" text "</w:t></w:r></w:p>"
#define S \
    "<worksheet xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/main'>" \
    "<sheetData>"
#define S_END      "</sheetData></worksheet>"
#define CELL(text) "<row r='1'><c r='A1' t='inlineStr'><is><t>" text "</t></is></c></row>"
#define A \
    "<p:sld xmlns:p='http://schemas.openxmlformats.org/presentationml/2006/main' " \
    "xmlns:a='http://schemas.openxmlformats.org/drawingml/2006/main'>"
#define AP(text) "<a:p><a:r><a:t>" text "</a:t></a:r></a:p>"
#define O \
    "<office:document-content xmlns:office='urn:oasis:names:tc:opendocument:xmlns:office:1.0' " \
    "xmlns:text='urn:oasis:names:tc:opendocument:xmlns:text:1.0' " \
    "xmlns:dc='http://purl.org/dc/elements/1.1/' " \
    "xmlns:draw='urn:oasis:names:tc:opendocument:xmlns:drawing:1.0'><office:body>"
#define O_END "</office:body></office:document-content>"
#define TYPES(type) \
    "<Types xmlns='http://schemas.openxmlformats.org/package/2006/content-types'>" \
    "<Override PartName=\"/x\" ContentType=\"application/vnd." type "\"/></Types>"
#define DOCX \
    { \
        "[Content_Types].xml", \
            TYPES("openxmlformats-officedocument.wordprocessingml.document.main+xml") \
    }
#define XLSX \
    { \
        "[Content_Types].xml", TYPES("openxmlformats-officedocument.spreadsheetml.sheet.main+xml") \
    }
#define PPTX \
    { \
        "[Content_Types].xml", \
            TYPES("openxmlformats-officedocument.presentationml.presentation.main+xml") \
    }
#define ODT \
    { \
        "mimetype", "application/vnd.oasis.opendocument.text" \
    }

enum { PARTS = 4 };

struct package {
    const char *name;
    struct {
        const char *name, *octets;
    } parts[PARTS];
};

static struct mime_reading *read_package(const struct package *p)
{
    struct buf octets = BUF_INIT(1 << 20);
    struct zip *z = zip_new();
    for (size_t i = 0; i < PARTS && p->parts[i].name; i++) {
        struct str part = str_c(p->parts[i].octets);
        assert_int_equal(zip_begin(z, p->parts[i].name, part.n, &octets), 0);
        assert_int_equal(zip_octets(z, part, &octets), 0);
    }
    assert_int_equal(zip_end(z, &octets), 0);
    zip_free(z);
    struct mime_reading *m = mime_read_file(buf_str(&octets), p->name, &mime_standard_limits);
    buf_free(&octets);
    return m;
}

static void check_all(const struct package *rows, size_t n, const char *type)
{
    for (size_t i = 0; i < n; i++) {
        struct mime_reading *m = read_package(&rows[i]);
        if (!stands_alone(m, CARD)) {
            for (size_t k = 0; k < m->n_texts; k++) {
                print_message("%zu: " STR_FMT "\n", i, STR_ARG(buf_str(&m->texts[k].text)));
            }
            fail_msg("row %zu (%s)", i, rows[i].name);
        }
        assert_int_equal(m->n_problems, 0);
        assert_true(!type || strcmp(m->attachments[0].type, type) == 0);
        mime_reading_free(m);
    }
}

/* use-agent-os/agent-os#1430: a number at the end of a part ran into the next one. */
static void parts_are_parted(void **state)
{
    static const struct package rows[] = {
        {"sheets.xlsx",
         {XLSX,
          {"xl/worksheets/sheet1.xml", S CELL("Room 5") S_END},
          {"xl/worksheets/sheet2.xml", S CELL(CARD) S_END}}},
        {"comment.xlsx",
         {XLSX,
          {"xl/worksheets/sheet1.xml", S CELL("Room 5") S_END},
          {"xl/comments1.xml",
           "<comments "
           "xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/main'><authors><author>Ann "
           "5</author></authors><commentList><comment ref='A1'><text><r><t>" CARD
           "</t></r></text></comment></commentList></comments>"}}},
        {"slides.pptx",
         {PPTX,
          {"ppt/slides/slide1.xml",
           A "<a:p><a:fld type='slidenum'><a:t>1</a:t></a:fld></a:p></p:sld>"},
          {"ppt/slides/slide2.xml", A AP(CARD) "</p:sld>"}}},
        {"header.docx",
         {DOCX,
          {"word/document.xml", W WP("Room 5") W_END},
          {"word/header1.xml", W WP(CARD) W_END}}},
        {"styles.odt",
         {ODT,
          {"content.xml", O "<text:p>Room 5</text:p>" O_END},
          {"styles.xml", O "<text:p>" CARD "</text:p>" O_END}}},
    };
    check_all(rows, ARRAY_LEN(rows), NULL);
}

/* LibreOffice's comments; bibledit/cloud#125 (notes); yfedoseev/office_oxide#140, #357 (text
 * boxes); ECMA-376 17.3.1.9 (ptab), 17.16.23 (instructions of fields), 17.3.3.7 (deleted text),
 * 18.3.1.40 (formulas). */
static void blocks_part_the_line_they_stand_in(void **state)
{
    static const struct package rows[] = {
        {"comment.odt",
         {ODT,
          {"content.xml", O "<text:p>Room<office:annotation><dc:creator>Ann</"
                            "dc:creator><dc:date>2024-05-05T10:00:05</dc:date><text:p>" CARD
                            "</text:p></office:annotation> five</text:p>" O_END}}},
        {"note.odt",
         {ODT,
          {"content.xml", O "<text:p>Room<text:note><text:note-citation>1</"
                            "text:note-citation><text:note-body><text:p>" CARD
                            "</text:p></text:note-body></text:note></text:p>" O_END}}},
        {"frame.odt",
         {ODT,
          {"content.xml", O "<text:p>Form 5<draw:frame><draw:text-box><text:p>" CARD
                            "</text:p></draw:text-box></draw:frame></text:p>" O_END}}},
        {"box.docx",
         {DOCX,
          {"word/document.xml", W "<w:p><w:r><w:t>Form 5</w:t></w:r><w:r><w:txbxContent>" WP(
                                    CARD) "</w:txbxContent></w:r></w:p>" W_END}}},
        {"field.docx",
         {DOCX,
          {"word/document.xml",
           W "<w:p><w:r><w:instrText>PAGE "
             "5</w:instrText></w:r><w:r><w:t>45395787</w:t></w:r><w:r><w:delText>99</w:delText></"
             "w:r><w:r><w:t>63621486</w:t></w:r></w:p>" W_END}}},
        {"formula.xlsx",
         {XLSX,
          {"xl/worksheets/sheet1.xml",
           S "<row><c r='A1'><f>A2+5</f><v>" CARD "</v></c></row>" S_END}}},
    };
    static const struct package tab = {
        "tab.docx",
        {DOCX,
         {"word/document.xml",
          W "<w:p><w:r><w:t>5</w:t><w:ptab/><w:t>" CARD "</w:t></w:r></w:p>" W_END}},
    };
    check_all(rows, ARRAY_LEN(rows), NULL);
    struct mime_reading *m = read_package(&tab);
    assert_memory_equal(buf_str(&m->texts[0].text).p, "5 " CARD, 18);
    mime_reading_free(m);
}

/* SheetJS/sheetjs#439, #567 (names in other cases, with a slash in front); ECMA-376 part 2,
 * 6.2.2; where the main part lies is said by the package (part 2, 8.2), and a folder says
 * nothing. */
static void names_are_as_the_package_says(void **state)
{
    static const char strings[] =
        "<sst xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/main'><si><t>" CARD
        "</t></si></sst>";
    static const char sheet[] = S "<row r='1'><c r='A1' t='s'><v>0</v></c></row>" S_END;
    static const struct package xlsx[] = {
        {"a.xlsx", {XLSX, {"xl/SharedStrings.xml", strings}, {"xl/worksheets/sheet1.xml", sheet}}},
        {"b.xlsx", {XLSX, {"xl/sharedstrings.xml", strings}, {"xl/worksheets/sheet1.xml", sheet}}},
        {"c.xlsx",
         {XLSX, {"/xl/sharedStrings.xml", strings}, {"/xl/worksheets/sheet1.xml", sheet}}},
    };
    static const struct package docx[] = {
        {"d.docx", {DOCX, {"main/letter.xml", W WP(CARD) W_END}}},
        {"e.docx", {{"xl/x.xml", "<x/>"}, DOCX, {"word/document.xml", W WP(CARD) W_END}}},
    };
    check_all(xlsx, ARRAY_LEN(xlsx), "xlsx");
    check_all(docx, ARRAY_LEN(docx), "docx");
}

/* ECMA-376 14.2 (diagrams, charts), 11.3.1 (altChunk), 20.4.2.5 (docPr), 15.2.12.2 (properties),
 * 15.2.4 (custom XML), 11.3.8 (glossary), 19.1.2.23 (WordArt); MS-XLSX 2.6.205 (threaded
 * comments). */
static void every_part_is_read(void **state)
{
#define DRAWING "http://schemas.openxmlformats.org/drawingml/2006/"
    static const struct package rows[] = {
        {"smartart.docx",
         {DOCX,
          {"word/document.xml", W WP("Form 5") W_END},
          {"word/diagrams/data1.xml", A AP(CARD) "</p:sld>"}}},
        {"chart.xlsx",
         {XLSX,
          {"xl/charts/chart1.xml",
           "<c:chart xmlns:c='" DRAWING
           "chart'><c:strCache><c:pt idx='0'><c:v>5</c:v></c:pt><c:pt idx='1'><c:v>" CARD
           "</c:v></c:pt></c:strCache></c:chart>"}}},
        {"threads.xlsx",
         {XLSX,
          {"xl/threadedComments/threadedComment1.xml",
           "<ThreadedComments "
           "xmlns='http://schemas.microsoft.com/office/spreadsheetml/2018/"
           "threadedcomments'><threadedComment><text>5</text></"
           "threadedComment><threadedComment><text>" CARD
           "</text></threadedComment></ThreadedComments>"}}},
        {"page.docx",
         {DOCX,
          {"word/document.xml", W WP("Form 5") W_END},
          {"word/afchunk.htm", "<html><body><p>" CARD "</p></body></html>"}}},
        {"picture.docx",
         {DOCX,
          {"word/document.xml",
           W "<w:p><w:r><w:t>5</w:t></w:r><w:r><wp:docPr xmlns:wp='" DRAWING
             "wordprocessingDrawing' id='1' descr='" CARD "'/></w:r></w:p>" W_END}}},
        {"custom.docx",
         {DOCX,
          {"word/document.xml", W WP("Form 5") W_END},
          {"docProps/custom.xml",
           "<Properties "
           "xmlns='http://schemas.openxmlformats.org/officeDocument/2006/custom-properties' "
           "xmlns:vt='http://schemas.openxmlformats.org/officeDocument/2006/"
           "docPropsVTypes'><property name='a'><vt:lpwstr>5</vt:lpwstr></property><property "
           "name='b'><vt:lpwstr>" CARD "</vt:lpwstr></property></Properties>"}}},
        {"data.docx",
         {DOCX,
          {"word/document.xml", W WP("Form 5") W_END},
          {"customXml/item1.xml", "<patient><room>5</room><card>" CARD "</card></patient>"}}},
        {"glossary.docx",
         {DOCX,
          {"word/document.xml", W WP("Form 5") W_END},
          {"word/glossary/document.xml", W WP(CARD) W_END}}},
        {"wordart.docx",
         {DOCX,
          {"word/header1.xml",
           W "<w:p><w:r><v:textpath xmlns:v='urn:schemas-microsoft-com:vml' string='" CARD
             "'/></w:r></w:p>" W_END}}},
        {"title.docx",
         {DOCX,
          {"word/document.xml", W WP("Form 5") W_END},
          {"docProps/core.xml",
           "<cp:coreProperties "
           "xmlns:cp='http://schemas.openxmlformats.org/package/2006/metadata/core-properties' "
           "xmlns:dc='http://purl.org/dc/elements/1.1/'><dc:title>Room "
           "5</dc:title><dc:subject>" CARD "</dc:subject></cp:coreProperties>"}}},
    };
    check_all(rows, ARRAY_LEN(rows), NULL);
}

/* MS-XLSB 2.1.7: the parts of a binary workbook are no XML. */
static void what_cannot_be_read_is_named(void **state)
{
    static const struct package binary = {
        "x.xlsb",
        {{"[Content_Types].xml", TYPES("ms-excel.sheet.binary.macroEnabled.main")},
         {"xl/worksheets/sheet1.bin", "\x01\x02\x03 card " CARD " \x04"}},
    };
    struct mime_reading *m = read_package(&binary);
    assert_string_equal(m->attachments[0].type, "xlsx");
    assert_int_equal(m->n_problems, 1);
    assert_int_equal(m->problems[0].kind, MIME_UNKNOWN);
    mime_reading_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_parted),
        cmocka_unit_test(blocks_part_the_line_they_stand_in),
        cmocka_unit_test(names_are_as_the_package_says),
        cmocka_unit_test(every_part_is_read),
        cmocka_unit_test(what_cannot_be_read_is_named),
    };
    mime_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
