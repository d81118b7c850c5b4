/* SPDX-License-Identifier: Apache-2.0
 * sanitised.c: makes HTML harmless as the portal does (mime/sanitise.c). Standard input holds
 * texts, each behind a line with its length; standard output holds what became of them in the
 * same form. Called by xss.py and contrast.py.
 */
#include "mime/reader.h"
#include "mime/view.h"

#include <stdio.h>
#include <stdlib.h>

static const char pixel[] =
    "GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff!\xf9\4\1\0\0\0\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0;";

static void sanitise(struct str html)
{
    const struct picture picture = {
        .cid = "1",
        .location = "1.gif",
        .type = "image/gif",
        .octets = str_from(pixel, sizeof pixel - 1),
    };
    struct buf out = BUF_INIT(VIEW_HTML_MAX);
    struct reader r = reader_new(&mime_standard_limits, html);
    bool remote;
    (void)!sanitise_html(&r, html, &picture, 1, &out, &remote);
    printf("%zu\n", buf_len(&out));
    fwrite(buf_str(&out).p, 1, buf_len(&out), stdout);
    buf_free(&out);
    mime_reading_free(r.out);
}

int main(void)
{
    size_t n;
    mime_init();
    while (scanf("%zu", &n) == 1 && getchar() == '\n' && n <= VIEW_HTML_MAX) {
        char *text = err_calloc(n + 1, 1);
        if (fread(text, 1, n, stdin) == n) {
            sanitise(str_from(text, n));
        }
        free(text);
    }
    return 0;
}
