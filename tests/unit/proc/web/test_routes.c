/* SPDX-License-Identifier: Apache-2.0
 * test_routes.c: the portal's table of paths (routes.def), walked row by row through request.c
 * and all pages as they are. The HTTP engine, queue, keys and login are played here.
 *
 * Of each row: its path finds it and no other; its form is refused without the token of its pass
 * where the row asks for one (OWASP ASVS 5.0 3.5.1), before the queue hears of it; a page that
 * is not for anybody shows nothing to whom the queue does not know.
 */
#include "check.h"
#include "mime/mime.h"
#include "mime/view.h"
#include "proc/web/outgoing.h"
#include "wire/id.h"

#include <stdio.h>
#include <stdlib.h>

enum { PATH_MAX_HERE = 300 };

static const char settings[] =
    "hostname gateway.test; listen smtp { address 127.0.0.1:25; } store sqlite /none;\n"
    "at-rest-key /none; inside { domains inside.test; deliver-to 127.0.0.1; networks 127.0.0.1/32; "
    "}\n"
    "portal { url https://gateway.test; files-url https://files.test; from secure@inside.test;\n"
    "proxy-address 127.0.0.1:1; proxies 127.0.0.1; pages " PAGES "; }\n";
static const char pass[] = "0123456789abcdef0123456789abcdef";

static struct conf *conf;
static struct web web;
static struct entrance entrance = {.web = &web, .kind = PORTAL_PROXY};
static struct ipc_row_envelope row;
static struct buf packed;
static char token[COOKIE_TEXT], no_token[COOKIE_TEXT]; /* of pass, and of no pass */

/* What a browser asks for, and what it is told. */
struct http_call {
    const char *method, *path, *host, *origin, *csrf;
    bool has_pass;
    int64_t size;
    void *data;
    unsigned status;
    bool discards;
    char location[PATH_MAX_HERE];
};

static struct {
    bool says_yes;
    unsigned asks, logins;
} queue;

/* --- the process around it ---------------------------------------------- */

const struct conf *child_conf(const struct child *c)
{
    return conf;
}

unsigned child_index(const struct child *c)
{
    return 0;
}

struct loop *child_loop(struct child *c)
{
    return NULL;
}

/* --- the HTTP engine ---------------------------------------------------- */

const char *http_method(const struct http_call *c)
{
    return c->method;
}

struct str http_path(const struct http_call *c)
{
    return str_c(c->path);
}

struct str http_host(struct http_call *c)
{
    return str_c(c->host);
}

struct str http_header(struct http_call *c, const char *name)
{
    return strcmp(name, "Origin") == 0 ? str_c(c->origin) : STR("");
}

struct str http_cookie(struct http_call *c, const char *name)
{
    return c->has_pass && strcmp(name, "__Host-pass") == 0 ? str_c(pass) : STR("");
}

struct str http_query(struct http_call *c, const char *name)
{
    return STR("");
}

int http_query_encoded(struct http_call *c, struct buf *out)
{
    return 0;
}

int http_query_text(struct http_call *c, const char *name, char *dst, size_t size)
{
    return -EINVAL;
}

/* Every field that a form of ours has is there. */
struct str http_field(const struct http_call *c, const char *name)
{
    static const char *const fields[][2] = {
        {"address", ""},       {"pickup", "abcdefgh"},
        {"code", "12345678"},  {"agreed", "three grey cats"},
        {"act", "recall"},     {"words", "fine"},
        {"to", "a@good.test"}, {"phrase", "two grey cats"},
        {"state", "s"},        {"drop", "x"},
    };
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (strcmp(fields[i][0], name) == 0) {
            return str_c(fields[i][1]);
        }
    }
    return strcmp(name, "csrf") == 0 ? str_c(c->csrf) : STR("");
}

const char *http_client(const struct http_call *c)
{
    return "127.0.0.1";
}

int64_t http_body_size(struct http_call *c)
{
    return c->size;
}

void http_take_form(struct http_call *c, size_t octets)
{
}

void http_set_data(struct http_call *c, void *data)
{
    c->data = data;
}

void *http_data(const struct http_call *c)
{
    return c->data;
}

void http_hold(struct http_call *c)
{
}

void http_go(struct http_call *c)
{
}

void http_discard(struct http_call *c)
{
    c->discards = true;
}

void http_set_header(struct http_call *c, const char *name, const char *value)
{
    if (strcmp(name, "Location") == 0) {
        str_copy_cut(str_c(value), c->location, sizeof c->location);
    }
}

void http_answer(struct http_call *c, unsigned status, struct str body)
{
    assert_int_equal(c->status, 0); /* one answer to a request */
    c->status = status;
}

void http_answer_stream(struct http_call *c, unsigned status, int64_t size, http_fill fill,
                        void (*done)(void *arg), void *arg)
{
    http_answer(c, status, STR(""));
    done(arg);
}

/* --- the others --------------------------------------------------------- */

void ask_queue(struct request *r, const struct ipc_portal_ask *what, answer_fn then)
{
    struct ipc_portal_answer a = {.result = queue.says_yes ? PORTAL_OK : PORTAL_NO};
    queue.asks++;
    r->n_rows = r->n_events = r->n_fates = 0;
    if (queue.says_yes) {
        a.kind = what->verb == PORTAL_WHO ? PASS_INSIDE : PASS_RECIPIENT;
        r->rows = &row;
        r->n_rows = 1;
        str_copy_cut(STR("a@good.test"), r->address, sizeof r->address);
    }
    then(r, &a, -1);
}

void ask_key(struct request *r, const struct lease_id *lease, key_fn then)
{
    then(r, NULL);
}

void ask_open(struct request *r, const struct ipc_portal_answer *a, const char *purpose,
              void (*then)(struct request *r))
{
    buf_reset(&r->clear);
    assert_int_equal(buf_add(&r->clear, buf_str(&packed)), 0);
    then(r);
}

void ask_login(struct request *r, struct str name, struct str password, login_fn then)
{
    queue.logins++;
    then(r, LOGIN_WRONG, 0);
}

void ask_spool(struct request *r)
{
    fail();
}

void ask_wait(struct request *r)
{
    queue.asks++; /* a mail would be handed in */
    page_problem(r, 503, "later");
}

void ask_settle(struct request *r)
{
}

static void token_of(const char *of, char ret[COOKIE_TEXT])
{
    char text[64];
    unsigned char hash[32];
    snprintf(text, sizeof text, "csrf %s", of);
    request_hash(text, hash);
    for (size_t i = 0; i < 16; i++) {
        snprintf(ret + 2 * i, 3, "%02x", hash[i]);
    }
}

static int setup(void **state)
{
    static const char mail[] =
        "From: s@inside.test\r\nTo: a@good.test\r\nSubject: results\r\n\r\nfine\r\n";
    unsigned char secret[REST_SECRET] = {1}, public_key[REST_PUBLIC];
    struct buf problems = BUF_INIT(65536);
    assert_int_equal(rest_init(), 0);
    assert_int_equal(conf_parse(str_c(settings), "settings", &problems, &conf), 0);
    assert_int_equal(site_new(conf, &problems, &web.site), 0);
    rest_opener_free(rest_opener_new(secret, public_key));
    web.wrapper = rest_wrapper_new(public_key);
    row = (struct ipc_row_envelope){
        .envelope = 77,
        .sender = STR("s@inside.test"),
        .address = STR("a@good.test"),
    };
    mime_init();
    struct view *v = view_of_message(str_c(mail));
    packed = BUF_INIT(PACKED_MAX);
    assert_int_equal(packed_write(v, &packed), 0);
    view_free(v);
    token_of(pass, token);
    token_of("", no_token);
    buf_free(&problems);
    return 0;
}

static int teardown(void **state)
{
    site_free(web.site);
    rest_wrapper_free(web.wrapper);
    conf_free(conf);
    buf_free(&packed);
    return 0;
}

/* --- requests ----------------------------------------------------------- */

static struct http_call call_of(const char *method, const char *path, const char *host)
{
    return (struct http_call){.method = method, .path = path, .host = host};
}

/* From its header section to the end of its body, with a file in it. The status. */
static unsigned make(struct http_call *c)
{
    queue.asks = queue.logins = 0;
    request_events.on_begin(&entrance, c);
    if (c->status == 0 && strcmp(c->method, "POST") == 0) {
        queue.asks = 0; /* where files are taken, who may is asked before */
        request_events.on_file(&entrance, c, "files", "a.txt", STR("octets"), 0);
        request_events.on_end(&entrance, c);
    }
    request_events.on_free(&entrance, c);
    assert_int_not_equal(c->status, 0);
    return c->status;
}

static unsigned status_of(const char *method, const char *path, const char *host)
{
    struct http_call c = call_of(method, path, host);
    return make(&c);
}

static const char *host_of(const struct route *t)
{
    return t->names & NAME_MAIN ? "gateway.test" : "files.test";
}

/* A path of the row: each named part has a value that it may have. */
static void path_of(const struct route *t, char ret[PATH_MAX_HERE])
{
    static char id[ID_TEXT];
    const char *const values[][2] = {
        {":envelope", id},      {":part", "1"},  {":token", "abcdefgh"},
        {":file", "style.css"}, {":pass", pass},
    };
    struct str rest = str_c(t->path), part;
    id_text(77, id);
    size_t n = 0;
    for (bool first = true; str_split(&rest, '/', &part); first = false) {
        for (size_t i = 0; i < ARRAY_LEN(values); i++) {
            part = str_eq(part, str_c(values[i][0])) ? str_c(values[i][1]) : part;
        }
        assert_true(part.n == 0 || part.p[0] != ':'); /* a name that this test does not know */
        n += (size_t)snprintf(ret + n, PATH_MAX_HERE - n, "%s" STR_FMT, first ? "" : "/",
                              STR_ARG(part));
    }
    if (strcmp(t->path, "/") == 0) {
        strcpy(ret, "/");
    }
}

/* --- tests -------------------------------------------------------------- */

static void a_path_is_matched_part_by_part(void **state)
{
    static const struct {
        const char *route, *path;
        bool matches;
    } cases[] = {
        {"/", "/", true},
        {"/", "", false},
        {"/", "//", false},
        {"/", "/x", false},
        {"/list", "/list", true},
        {"/list", "/list/", false},
        {"/list", "/List", false},
        {"/list", "/lis", false},
        {"/list", "/lists", false},
        {"/list", "list", false},
        {"/list", "//list", false},
        {"/list", "/%6cist", false},
        {"/static/:file", "/static/style.css", true},
        {"/static/:file", "/static/", false},
        {"/static/:file", "/static", false},
        {"/static/:file", "/static/a/b", false},
        {"/static/:file", "/static/123456789012345678901234567890123456789012345678901234567890123",
         true},
        {"/static/:file",
         "/static/1234567890123456789012345678901234567890123456789012345678901234", false},
        {"/mail/:envelope", "/mail/000000000002d", true},
        {"/mail/:envelope", "/mail/000000000002D", true},
        {"/mail/:envelope", "/mail/0000000000002d", false},
        {"/mail/:envelope", "/mail/2d", false},
        {"/mail/:envelope", "/mail/:envelope", false},
        {"/mail/:envelope", "/mail/000000000002d/", false},
        {"/mail/:envelope/part/:part", "/mail/000000000002d/part/1", true},
        {"/mail/:envelope/part/:part", "/mail/000000000002d/part/200", true},
        {"/mail/:envelope/part/:part", "/mail/000000000002d/part/201", false},
        {"/mail/:envelope/part/:part", "/mail/000000000002d/part/0", false},
        {"/mail/:envelope/part/:part", "/mail/000000000002d/part/-1", false},
        {"/mail/:envelope/part/:part", "/mail/000000000002d/part/1x", false},
        {"/mail/:envelope/part/:part", "/mail/000000000002d/part", false},
        {"/x/:unknown", "/x/y", false},
        {"/x/:unknown", "/x/:unknown", false},
    };
    struct route_values v;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (route_match(cases[i].route, str_c(cases[i].path), &v) != cases[i].matches) {
            fail_msg("%s and %s", cases[i].route, cases[i].path);
        }
    }
    assert_true(route_match("/mail/:envelope/part/:part", STR("/mail/000000000002d/part/31"), &v));
    assert_int_equal(v.envelope, 77);
    assert_true(str_eq(v.part, STR("31")));
    assert_true(route_match("/file/:pass/mail/:envelope/body",
                            STR("/file/a.b/mail/000000000002d/body"), &v));
    assert_true(str_eq(v.pass, STR("a.b")));
}

static void a_path_finds_its_own_row(void **state)
{
    char path[PATH_MAX_HERE], longer[PATH_MAX_HERE + 2];
    struct route_values v;
    for (size_t i = 0; i < n_routes; i++) {
        const struct route *t = &routes[i];
        path_of(t, path);
        snprintf(longer, sizeof longer, "%s/", path);
        for (enum route_names name = NAME_MAIN; name <= NAME_FILES; name++) {
            const struct route *found = route_find(t->post, name, str_c(path), &v);
            assert_ptr_equal(found, t->names & name ? t : NULL);
            assert_null(route_find(t->post, name, str_c(longer), &v));
        }
        assert_non_null(t->answer);
        assert_true(!t->begin == !t->file);
        assert_true(t->post ? t->csrf != CSRF_READS && t->names == NAME_MAIN
                            : t->csrf == CSRF_READS && !t->begin);
    }
}

/* Whether anybody was asked for anything on behalf of a form, and its file was taken. */
static bool is_taken(const struct route *t, const char *csrf, bool has_pass)
{
    char path[PATH_MAX_HERE];
    path_of(t, path);
    struct http_call c = call_of("POST", path, "gateway.test");
    c.csrf = csrf;
    c.has_pass = has_pass;
    unsigned status = make(&c);
    bool heard = queue.asks + queue.logins > 0 || status == 303 || status == 503;
    assert_true(heard || status == 403);
    assert_int_equal(c.discards, t->file && !heard);
    return heard;
}

static void a_form_is_refused_without_its_proof(void **state)
{
    static const char wrong[] = "00000000000000000000000000000000";
    unsigned n_tokens = 0;
    queue.says_yes = true;
    for (size_t i = 0; i < n_routes; i++) {
        const struct route *t = &routes[i];
        bool needs = t->csrf == CSRF_TOKEN;
        if (t->post) {
            n_tokens += needs;
            print_message("POST %s%s\n", t->path, needs ? ": a token" : "");
            assert_int_equal(is_taken(t, NULL, true), !needs);
            assert_int_equal(is_taken(t, "", true), !needs);
            assert_int_equal(is_taken(t, wrong, true), !needs);
            assert_int_equal(is_taken(t, token, false), !needs);    /* a token without its pass */
            assert_int_equal(is_taken(t, no_token, false), !needs); /* that anybody can make */
            assert_true(is_taken(t, token, true));
        }
    }
    assert_int_equal(n_tokens, 7); /* leave, phrase, passkey, again, answer, sent, compose */
}

static void what_is_not_for_anybody_shows_nothing_to_others(void **state)
{
    char path[PATH_MAX_HERE];
    queue.says_yes = false;
    for (size_t i = 0; i < n_routes; i++) {
        const struct route *t = &routes[i];
        if (t->post) {
            continue;
        }
        path_of(t, path);
        print_message("GET %s%s\n", host_of(t), path);
        unsigned status = status_of("GET", path, host_of(t)), asks = queue.asks;
        assert_int_equal(status_of("HEAD", path, host_of(t)), status);
        if (t->who >= WHO_FILE_PASS) {
            assert_int_equal(asks, 1);
            assert_true(status == 303 || status == 403 || status == 404);
        } else {
            assert_int_equal(asks, 0); /* it says nothing of anybody */
            assert_true(status == 200 ||
                        (status == 403 && strcmp(path, "/oidc") == 0)); /* without a code */
        }
    }
}

static void a_file_pass_has_its_form(void **state)
{
    static const char *const wrong[] = {
        "x",
        ".",
        "0123456789abcdef0123456789abcde",
        "0123456789ABCDEF0123456789abcdef",
        "0123456789abcdef0123456789abcdef0",
    };
    char path[PATH_MAX_HERE];
    queue.says_yes = true;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        snprintf(path, sizeof path, "/file/%s/mail/000000000002d/body", wrong[i]);
        assert_int_equal(status_of("GET", path, "files.test"), 404);
        assert_int_equal(queue.asks, 0);
    }
    snprintf(path, sizeof path, "/file/%s.abcdefgh/mail/000000000002d/body", pass);
    assert_int_equal(status_of("GET", path, "files.test"), 200);
}

static void what_is_no_path_of_ours_is_not_found(void **state)
{
    static const char *const paths[] = {
        "/x",
        "/list/",
        "//",
        "/mail",
        "/mail/",
        "/mail/x",
        "/mail/000000000002d/x",
        "/sent/x",
        "/static",
        "/static/",
        "/static/../../etc/passwd",
        "/static/%2e%2e",
        "/p",
        "/p/",
        "/p/a/b",
        "/file",
        "/file/x",
        "/mail/000000000002d/part",
        "/mail/000000000002d/part/0",
        "/mail/000000000002d/part/201",
        "/LIST",
        "/answer",
        "/x/000000000002d/answer",
    };
    queue.says_yes = true;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        assert_int_equal(status_of("GET", paths[i], "gateway.test"), 404);
        assert_int_equal(status_of("HEAD", paths[i], "gateway.test"), 404);
        assert_int_equal(status_of("POST", paths[i], "gateway.test"), 404);
        assert_int_equal(status_of("GET", paths[i], "files.test"), 404);
        assert_int_equal(queue.asks, 0);
    }
}

/* A path has a page, a form, or both; another method than these three has none anywhere. */
static void another_method_is_refused(void **state)
{
    static const char *const others[] = {"PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "post", ""};
    char path[PATH_MAX_HERE];
    struct route_values v;
    queue.says_yes = true;
    for (size_t i = 0; i < n_routes; i++) {
        const struct route *t = &routes[i];
        path_of(t, path);
        for (size_t k = 0; k < ARRAY_LEN(others); k++) {
            assert_int_equal(status_of(others[k], path, host_of(t)), 405);
        }
        assert_int_equal(status_of("POST", path, "files.test"), 405);
        if (t->names & NAME_MAIN && !route_find(!t->post, NAME_MAIN, str_c(path), &v)) {
            assert_int_equal(status_of(t->post ? "GET" : "POST", path, "gateway.test"), 404);
        }
        assert_int_equal(queue.asks, 0);
    }
}

/* In this order: the method, the host, where the form comes from, its size. */
static void what_is_asked_before_any_path(void **state)
{
    char path[PATH_MAX_HERE];
    queue.says_yes = true;
    for (size_t i = 0; i < n_routes; i++) {
        const struct route *t = &routes[i];
        path_of(t, path);
        struct http_call c = call_of(t->post ? "POST" : "GET", path, "evil.test");
        c.origin = "https://evil.test";
        assert_int_equal(make(&c), 421);
        if (t->post) {
            c = call_of("POST", path, "gateway.test");
            c.origin = "https://evil.test";
            c.size = INT64_MAX / 2;
            assert_int_equal(make(&c), 403);
            c = call_of("POST", path, "gateway.test");
            c.size = t->begin ? conf->portal.reply_size + HTTP_FIELD_MAX + 1 : HTTP_FORM_MAX + 1;
            assert_int_equal(make(&c), 413);
        }
    }
    struct http_call c = call_of("POST", "/x", "gateway.test");
    c.size = HTTP_FORM_MAX + 1;
    assert_int_equal(make(&c), 413);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_is_matched_part_by_part),
        cmocka_unit_test(a_path_finds_its_own_row),
        cmocka_unit_test(a_form_is_refused_without_its_proof),
        cmocka_unit_test(what_is_not_for_anybody_shows_nothing_to_others),
        cmocka_unit_test(a_file_pass_has_its_form),
        cmocka_unit_test(what_is_no_path_of_ours_is_not_found),
        cmocka_unit_test(another_method_is_refused),
        cmocka_unit_test(what_is_asked_before_any_path),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
