/* SPDX-License-Identifier: Apache-2.0
 * page.c: pages from templates, with the header fields that keep browsers from doing anything
 * else with them (ASVS 3.4). Called by the files of this folder.
 */
#include "base/clock.h"
#include "base/log.h"
#include "proc/web/web.h"
#include "wire/date.h"

#include <stdio.h>

/* One clear point. */
static const char icon[] =
    "\x89\x50\x4e\x47\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\x49\x48\x44\x52\x00\x00\x00\x01\x00\x00\x00"
    "\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89\x00\x00\x00\x0b\x49\x44\x41\x54\x78\x9c\x63\x60\x00"
    "\x02\x00\x00\x05\x00\x01\x7a\x5e\xab\x3f\x00\x00\x00\x00\x49\x45\x4e\x44\xae\x42\x60\x82";
/* and the second name */
static const char page_policy[] =
    "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; frame-src 'self' ";

void page_headers(struct request *r, const char *type, const char *policy)
{
    struct http_call *c = r->call;
    http_set_header(c, "Content-Type", type);
    http_set_header(c, "Content-Security-Policy", policy);
    http_set_header(c, "X-Content-Type-Options", "nosniff");
    /* with no-referrer browsers hide the origin of our own forms */
    http_set_header(c, "Referrer-Policy", "same-origin");
    http_set_header(c, "Strict-Transport-Security", "max-age=31536000; includeSubDomains");
    http_set_header(c, "Cross-Origin-Opener-Policy", "same-origin");
    http_set_header(c, "Cross-Origin-Resource-Policy", "same-origin");
    http_set_header(c, "Permissions-Policy",
                    "camera=(), microphone=(), geolocation=(), payment=(), usb=()");
}

static void own_headers(struct request *r, const char *type)
{
    const char *files = child_conf(r->web->child)->portal.files_url;
    char policy[700];
    snprintf(policy, sizeof policy, "%s%s", page_policy, files ? files : "");
    page_headers(r, type, policy);
}

void page_date(int64_t ms, char *dst, size_t size)
{
    char date[DATE_MAX];
    date_iso(ms, date);
    str_copy_cut(str_slice(str_c(date), 0, 10), dst, size);
}

uint64_t page_days_left(int64_t until_ms)
{
    int64_t left = until_ms - clock_wall_ms(), day = 24LL * 60 * 60 * 1000;
    return left > 0 ? (uint64_t)((left + day - 1) / day) : 0;
}

/* The CSRF token of a pass: who knows it has the cookie, or a page that we made for it. */
static void csrf_of(const struct request *r, char ret[33])
{
    char text[64];
    unsigned char hash[32];
    snprintf(text, sizeof text, "csrf %s", r->pass);
    request_hash(text, hash);
    for (int i = 0; i < 16; i++) {
        snprintf(ret + 2 * (size_t)i, 3, "%02x", hash[i]);
    }
}

bool request_csrf_ok(struct request *r, struct str token)
{
    char right[33];
    unsigned char differs = token.n != 32;
    csrf_of(r, right);
    for (size_t i = 0; i < 32; i++) {
        differs |= (unsigned char)(right[i] ^ (i < token.n ? token.p[i] : 0));
    }
    return r->has_pass && differs == 0;
}

static void put_languages(struct request *r, struct data *d)
{
    size_t n = site_languages(r->web->site);
    for (size_t i = 0; n > 1 && i < n; i++) {
        struct data *l = data_item(d, "languages");
        if (!l) {
            return;
        }
        struct buf name = BUF_INIT(256);
        struct data none = {.arena = &r->arena};
        (void)!site_text(r->web->site, "language", i, &none, &name);
        data_c(l, "code", site_language_name(r->web->site, i));
        data_put(l, "name", buf_str(&name));
        data_flag(l, "current", i == r->language);
        data_flag(l, "first", i == 0);
        data_flag(l, "last", i + 1 == n);
        buf_free(&name);
    }
    data_put(d, "back", strcmp(http_method(r->call), "GET") == 0 ? http_path(r->call) : STR("/"));
}

struct data *page_begin(struct request *r, const char *title_key)
{
    struct data *d = &r->page;
    char csrf[33];
    page_text(r, "page-title", title_key);
    put_languages(r, d);
    if (r->address[0] && r->has_pass) {
        csrf_of(r, csrf);
        data_c(d, "who", r->address);
        data_c(d, "csrf", csrf);
        data_flag(d, "is-recipient", r->kind == PASS_RECIPIENT);
        data_flag(d, "is-inside", r->kind == PASS_INSIDE);
    }
    return d;
}

void page_text(struct request *r, const char *name, const char *key)
{
    struct buf text = BUF_INIT(8192);
    (void)!site_text(r->web->site, key, r->language, &r->page, &text);
    data_put(&r->page, name, buf_str(&text));
    buf_free(&text);
}

void page_alert(struct request *r, const char *key)
{
    page_text(r, "alert", key);
}

void page_done(struct request *r, const char *key)
{
    page_text(r, "done", key);
}

void page_send(struct request *r, unsigned status, const char *template)
{
    struct buf out = BUF_INIT(PAGE_MAX);
    if (site_write(r->web->site, template, r->language, &r->page, &out) < 0) {
        log_error("page-too-large", KV("template", template));
        buf_reset(&out);
        status = 500;
    }
    own_headers(r, "text/html; charset=utf-8");
    http_set_header(r->call, "Cache-Control", "no-store");
    http_set_header(r->call, "X-Frame-Options", "DENY");
    r->web->answered++;
    http_answer(r->call, status, buf_str(&out));
    buf_wipe(&out);
}

void page_wait(struct request *r, int64_t wait_s)
{
    char seconds[24];
    snprintf(seconds, sizeof seconds, "%lld", (long long)(wait_s > 0 ? wait_s : 60));
    http_set_header(r->call, "Retry-After", seconds);
    data_number(&r->page, "minutes", (uint64_t)(wait_s > 0 ? (wait_s + 59) / 60 : 1));
}

void page_problem(struct request *r, unsigned status, const char *key)
{
    (void)page_begin(r, "problem-title");
    page_text(r, "title", "problem-title");
    page_text(r, "what", key);
    r->web->refused++;
    page_send(r, status, "problem");
}

void page_redirect(struct request *r, const char *path)
{
    http_set_header(r->call, "Location", path);
    own_headers(r, "text/plain; charset=utf-8");
    http_set_header(r->call, "Cache-Control", "no-store");
    http_answer(r->call, 303, STR(""));
}

static void page_static(struct request *r, const char *name)
{
    const struct conf *c = child_conf(r->web->child);
    char theme[200];
    bool css = strcmp(name, "style.css") == 0, js = strcmp(name, "portal.js") == 0,
         is_theme = strcmp(name, "theme.css") == 0;
    const char *type = css || is_theme             ? "text/css; charset=utf-8"
                       : js                        ? "text/javascript; charset=utf-8"
                       : strcmp(name, "logo") == 0 ? site_logo_type(r->web->site)
                                                   : NULL;
    snprintf(
        theme, sizeof theme,
        ":root{--accent:%s;--link:%s}@media (prefers-color-scheme:dark){:root{--link:#8ab8f0}}\n",
        c->portal.colour, c->portal.colour);
    /* browsers ask for one by themselves */
    if (!type && (strcmp(name, "logo") == 0 || strcmp(name, "favicon.ico") == 0)) {
        page_headers(r, "image/png", "default-src 'none'");
        http_answer(r->call, 200, str_from(icon, sizeof icon - 1));
        return;
    }
    if (!type) {
        page_problem(r, 404, "not-found");
        return;
    }
    /* a logo may be SVG: it runs nothing */
    page_headers(r, type, "default-src 'none'; style-src 'unsafe-inline'; sandbox");
    http_set_header(r->call, "Cache-Control", "public, max-age=3600");
    http_answer(r->call, 200, is_theme ? str_c(theme) : site_file(r->web->site, name));
}

void page_icon(struct request *r)
{
    page_static(r, site_logo_type(r->web->site) ? "logo" : "favicon.ico");
}

void page_asset(struct request *r)
{
    char name[ROUTE_TEXT_MAX + 1];
    str_copy_cut(r->in_path.file, name, sizeof name);
    page_static(r, name);
}
