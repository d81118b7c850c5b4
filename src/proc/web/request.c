/* SPDX-License-Identifier: Apache-2.0
 * request.c: what a browser wants: who it is by its cookies, whether its form comes from our own
 * page, and the route (routes.def) that says which file of this folder answers. Called by the
 * HTTP engine.
 *
 * A request of a form must come from our origin (Sec-Fetch-Site, Origin) and, behind a pass, hold a
 * token of it. A GET or HEAD changes nothing but the record that somebody who proved their identity
 * has read the message.
 */
#include "base/log.h"
#include "base/random.h"
#include "proc/web/web.h"

#include <stdio.h>
#include <stdlib.h>

enum { ARENA_OCTETS = 12 * 1024 * 1024, LED_QUERY_MAX = 2000 };

void request_random(char ret[COOKIE_TEXT])
{
    unsigned char octets[16];
    random_bytes(octets, sizeof octets);
    for (size_t i = 0; i < sizeof octets; i++) {
        snprintf(ret + 2 * i, 3, "%02x", octets[i]);
    }
}

void request_hash(const char *text, unsigned char ret[32])
{
    rest_hash(str_c(text), ret);
}

void request_cookie(struct request *r, const char *name, const char *value, int64_t life_s)
{
    char text[300], age[48] = "";
    if (life_s >= 0) {
        snprintf(age, sizeof age, "; Max-Age=%lld", (long long)life_s);
    }
    snprintf(text, sizeof text, "__Host-%s=%s; Path=/; Secure; HttpOnly; SameSite=Strict%s", name,
             value, age);
    http_set_header(r->call, "Set-Cookie", text);
}

static const int64_t device_life_s = 90LL * 24 * 60 * 60;

void request_device(struct request *r)
{
    if (!r->device[0]) {
        request_random(r->device);
    }
}

void request_keep_device(struct request *r)
{
    if (r->device[0]) {
        request_cookie(r, "device", r->device, device_life_s);
    }
}

/* --- the way in --------------------------------------------------------- */

static void find_network(struct request *r)
{
    struct str forwarded = http_header(r->call, "X-Forwarded-For");
    str_copy_cut(str_c(http_client(r->call)), r->network, sizeof r->network);
    /* the last one is what our proxy saw itself */
    if (r->entrance->kind == PORTAL_PROXY && forwarded.n > 0) {
        size_t comma = str_find_last(forwarded, ',');
        str_copy_cut(str_trim(
                         str_slice(forwarded, comma < forwarded.n ? comma + 1 : 0, forwarded.n)),
                     r->network, sizeof r->network);
    }
}

static void find_language(struct request *r)
{
    int chosen = site_language(r->web->site, http_cookie(r->call, "__Host-lang"));
    r->language = (size_t)(chosen >= 0 ? chosen
                                       : site_negotiate(r->web->site,
                                                        http_header(r->call, "Accept-Language")));
}

bool request_is_pass(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
            return false;
        }
    }
    return s.n == COOKIE_TEXT - 1;
}

/* What follows the name in NAME or NAME:PORT; the port of https is none (RFC 9110 4.2.2). */
static struct str port_of(struct str host)
{
    struct str port = str_slice(host, str_find(host, ':', 0), host.n);
    return str_eq(port, STR(":443")) ? STR("") : port;
}

/* NAME or NAME:PORT, whatever the spelling of the name. */
static bool is_host(struct str host, const char *url)
{
    struct str ours = str_c(url + strlen("https://"));
    size_t mine = str_find(host, ':', 0), yours = str_find(ours, ':', 0);
    struct domain_name name = domain_from(str_slice(host, 0, mine));
    return domain_is_name(name) && domain_eq(name, domain_from(str_slice(ours, 0, yours))) &&
           str_eq(port_of(host), port_of(ours));
}

static bool is_our_url(struct str origin, const char *url)
{
    return str_starts_nocase(origin, STR("https://")) &&
           is_host(str_slice(origin, strlen("https://"), origin.n), url);
}

/* From our own page, as far as the browser says so. */
static bool is_same_origin(struct request *r)
{
    const struct conf *c = child_conf(r->web->child);
    struct str site = http_header(r->call, "Sec-Fetch-Site"),
               origin = http_header(r->call, "Origin");
    return (site.n == 0 || str_eq(site, STR("same-origin")) || str_eq(site, STR("none"))) &&
           (origin.n == 0 || is_our_url(origin, c->portal.url));
}

static bool is_our_host(struct request *r)
{
    const struct conf *c = child_conf(r->web->child);
    struct str host = http_host(r->call);
    r->for_files = c->portal.files_url && is_host(host, c->portal.files_url);
    return r->for_files || is_host(host, c->portal.url);
}

void request_choose_language(struct request *r)
{
    struct str back = http_field(r->call, "back");
    int l = site_language(r->web->site, http_field(r->call, "language"));
    char path[512] = "/";
    bool ours = back.n > 0 && back.n < sizeof path && back.p[0] == '/' &&
                !(back.n > 1 && (back.p[1] == '/' || back.p[1] == '\\'));
    for (size_t i = 0; ours && i < back.n; i++) { /* only what our own paths are made of */
        char c = str_lower(back.p[i]);
        ours = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '/' || c == '-' || c == '.';
    }
    if (ours) {
        str_copy_cut(back, path, sizeof path);
    }
    if (l >= 0) {
        request_cookie(r, "lang", site_language_name(r->web->site, (size_t)l),
                       365LL * 24 * 60 * 60);
    }
    page_redirect(r, path);
}

/* --- events of the engine ----------------------------------------------- */

/* Only what a path may hold (RFC 3986 3.3) is said back, behind our own name: the path begins
 * with "/" (http.h). */
static bool is_plain_path(struct str path)
{
    for (size_t i = 0; i < path.n; i++) {
        char c = path.p[i];
        bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!alnum && (c == '\0' || !strchr("/-._~!$&'()*+,;=:@%", c))) {
            return false;
        }
    }
    return path.n < 600;
}

/* The same page behind TLS. A query too long to be said back stays away. */
static void go_https(struct request *r)
{
    char url[1200 + LED_QUERY_MAX];
    CLEANUP(buf_free) struct buf query = BUF_INIT(LED_QUERY_MAX);
    struct str path = http_path(r->call), asked = STR("");
    bool plain = is_plain_path(path);
    if (plain && http_query_encoded(r->call, &query) == 0) {
        asked = buf_str(&query);
    }
    snprintf(url, sizeof url, "%s" STR_FMT "%s" STR_FMT, child_conf(r->web->child)->portal.url,
             STR_ARG(plain ? path : STR("/")), asked.n > 0 ? "?" : "", STR_ARG(asked));
    http_set_header(r->call, "Location", url);
    http_answer(r->call, 308, STR(""));
}

/* A form is from a page of ours: by its token, where a route does not say why it needs none. */
static bool is_proved(struct request *r)
{
    enum route_csrf csrf = r->route->csrf;
    return csrf == CSRF_BEFORE_PASS || csrf == CSRF_LANGUAGE ||
           request_csrf_ok(r, http_field(r->call, "csrf"));
}

static void read_page(struct request *r)
{
    if (!r->route || (r->route->who == WHO_FILE_PASS && !read_file_pass(r, r->in_path.pass))) {
        page_problem(r, 404, "not-found");
    } else {
        r->route->answer(r);
    }
    if (r->token) {
        http_hold(r->call);
    }
}

/* Its body is to come; where files are taken, their page says how much of it may. */
static void begin_form(struct request *r)
{
    if (r->route && r->route->begin) {
        r->route->begin(r);
    } else if (http_body_size(r->call) > HTTP_FORM_MAX) {
        page_problem(r, 413, "too-large");
    }
}

static void end_form(struct request *r)
{
    if (!r->route) {
        page_problem(r, 404, "not-found");
    } else if (!is_proved(r)) {
        page_problem(r, 403, "session-over");
    } else {
        r->route->answer(r);
    }
}

static void request_on_begin(void *owner, struct http_call *call)
{
    struct entrance *e = owner;
    struct request *r = err_calloc(1, sizeof *r);
    const char *method = http_method(call);
    bool post = strcmp(method, "POST") == 0;
    *r = (struct request){
        .web = e->web,
        .entrance = e,
        .call = call,
        .pieces = BUF_INIT(2 * PACKED_MAX),
        .clear = BUF_INIT(PACKED_MAX),
        .arena = ARENA_INIT(ARENA_OCTETS),
        .body = -1,
        .inline_body = BUF_INIT(IPC_FRAME_MAX),
    };
    r->page.arena = &r->arena;
    http_set_data(call, r);
    find_network(r);
    find_language(r);
    struct str pass = http_cookie(call, "__Host-pass"), link = http_cookie(call, "__Host-link"),
               device = http_cookie(call, "__Host-device");
    r->has_pass = request_is_pass(pass);
    str_copy_cut(r->has_pass ? pass : STR(""), r->pass, sizeof r->pass);
    str_copy_cut(link, r->link, sizeof r->link);
    str_copy_cut(request_is_pass(device) ? device : STR(""), r->device, sizeof r->device);
    if (e->kind == PORTAL_REDIRECT) {
        go_https(r);
        return;
    }
    if (!post && strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        page_problem(r, 405, "bad-request");
    } else if (!is_our_host(r)) {
        page_problem(r, 421, "bad-request");
    } else if (post && r->for_files) {
        page_problem(r, 405, "bad-request");
    } else if (post && !is_same_origin(r)) {
        log_notice("form-from-elsewhere", KV("network", r->network),
                   KVS("origin", http_header(call, "Origin")));
        page_problem(r, 403, "bad-request");
    } else {
        r->route =
            route_find(post, r->for_files ? NAME_FILES : NAME_MAIN, http_path(call), &r->in_path);
        r->envelope = r->in_path.envelope;
        (post ? begin_form : read_page)(r);
    }
}

static void request_on_file(void *owner, struct http_call *call, const char *name, const char *file,
                            struct str octets, uint64_t at)
{
    struct request *r = http_data(call);
    if (!r->outgoing || strcmp(name, "files") != 0 || (!*file && octets.n == 0)) {
        return; /* not asked for, or no file was chosen */
    }
    if (is_proved(r)) {
        r->route->file(r, file, octets, at);
    } else {
        http_discard(call); /* the end of the form says so */
    }
}

static void request_on_end(void *owner, struct http_call *call)
{
    if (strcmp(http_method(call), "POST") == 0) {
        end_form(http_data(call));
    }
}

static void on_free(void *owner, struct http_call *call)
{
    struct request *r = http_data(call);
    if (!r) {
        return;
    }
    /* whoever is asked may answer yet: queue, login by the token, keys by the lease */
    ask_settle(r);
    answer_free(r);
    err_close_fd(&r->body);
    buf_wipe(&r->pieces);
    buf_wipe(&r->clear);
    buf_wipe(&r->inline_body);
    free(r->packed);
    arena_reset(&r->arena);
    explicit_bzero(r, sizeof *r);
    free(r);
}

const struct http_events request_events = {
    .on_begin = request_on_begin,
    .on_file = request_on_file,
    .on_end = request_on_end,
    .on_free = on_free,
};
