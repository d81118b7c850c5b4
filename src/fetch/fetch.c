/* SPDX-License-Identifier: Apache-2.0
 * fetch.c: libcurl's multi interface on our loop. Called by the lookup process.
 *
 * libcurl says OK for a redirect and lets chunked bodies run over its own size limit: the status is
 * handed to the caller, the octets are counted here. What can go wrong is a fetch_result.
 */
#include "fetch/fetch.h"
#include "sys/loop.h"
#include "tls/tls.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

enum { FETCHES_MAX = 64, SOCKETS_MAX = 256 };

struct fetcher {
    struct loop *loop;
    CURLM *multi;
    struct timer *timer;
    char *ca;
    size_t ca_n;
    unsigned running;
    struct fetch_socket {
        struct watch *watch; /* NULL: free */
        curl_socket_t fd;
        struct fetcher *owner;
    } sockets[SOCKETS_MAX];
};

struct fetch {
    struct fetcher *f;
    CURL *easy;
    struct curl_slist *resolve, *headers;
    struct buf body;
    struct timer *refused; /* could not be started: answered in the next turn */
    char error[CURL_ERROR_SIZE];
    struct tls_reason trouble; /* with TLS */
    char host[256];
    bool too_big;
    fetch_fn fn;
    void *arg;
};

static void fetch_free(struct fetch *t)
{
    curl_easy_cleanup(t->easy);
    curl_slist_free_all(t->resolve);
    curl_slist_free_all(t->headers);
    timer_free(t->refused);
    buf_free(&t->body);
    free(t);
}

static size_t fetch_on_body(char *p, size_t size, size_t n, void *arg)
{
    struct fetch *t = arg;
    if (buf_append(&t->body, p, size * n) < 0) {
        t->too_big = true;
        return 0;
    }
    return size * n;
}

static CURLcode on_ssl_ctx(CURL *easy, void *ssl_ctx, void *arg)
{
    struct fetch *t = arg;
    tls_explain(ssl_ctx, t->host, &t->trouble);
    return CURLE_OK;
}

static enum fetch_result fetch_result_of(const struct fetch *t, CURLcode code)
{
    if (t->too_big) {
        return FETCH_TOO_BIG;
    }
    if (code == CURLE_OK) {
        return FETCH_OK;
    }
    if (code == CURLE_OPERATION_TIMEDOUT) {
        return FETCH_TIMEOUT;
    }
    bool tls = code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CONNECT_ERROR ||
               code == CURLE_SSL_CERTPROBLEM || code == CURLE_SSL_CIPHER ||
               code == CURLE_SSL_ISSUER_ERROR || code == CURLE_SSL_INVALIDCERTSTATUS;
    return tls ? FETCH_TLS : FETCH_FAILED;
}

static void take_type(const struct fetch *t, struct fetch_answer *a)
{
    char *type = NULL;
    curl_easy_getinfo(t->easy, CURLINFO_CONTENT_TYPE, &type);
    struct str text = str_c(type);
    text = str_trim(str_slice(text, 0, str_find(text, ';', 0)));
    str_copy_cut(text, a->content_type, sizeof a->content_type);
    for (char *p = a->content_type; *p; p++) {
        *p = str_lower(*p);
    }
}

static void fetch_finish(struct fetch *t, CURLcode code)
{
    struct fetch_answer a = {.result = fetch_result_of(t, code), .body = buf_str(&t->body)};
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &a.status);
    take_type(t, &a);
    a.detail = t->too_big           ? "the answer is too large"
               : t->trouble.text[0] ? t->trouble.text
               : t->error[0]        ? t->error
                                    : curl_easy_strerror(code);
    curl_multi_remove_handle(t->f->multi, t->easy);
    t->f->running--;
    t->fn(t->arg, &a);
    fetch_free(t);
}

static void fetch_collect(struct fetcher *f)
{
    CURLMsg *m;
    int left;
    while ((m = curl_multi_info_read(f->multi, &left))) {
        if (m->msg == CURLMSG_DONE) {
            struct fetch *t = NULL;
            CURLcode code = m->data.result;
            curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t);
            fetch_finish(t, code);
        }
    }
}

static void fetch_on_timer(void *arg)
{
    struct fetcher *f = arg;
    int running;
    curl_multi_socket_action(f->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    fetch_collect(f);
}

static void on_socket(void *arg, int events)
{
    const struct fetch_socket *s = arg;
    struct fetcher *f = s->owner;
    int running, mask = (events & WATCH_READ ? CURL_CSELECT_IN : 0) |
                        (events & WATCH_WRITE ? CURL_CSELECT_OUT : 0);
    curl_multi_socket_action(f->multi, s->fd, mask, &running);
    fetch_collect(f);
}

/* libcurl says which sockets it waits for. */
static int on_want(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    struct fetcher *f = arg;
    size_t at = SOCKETS_MAX;
    for (size_t i = 0; i < SOCKETS_MAX; i++) {
        bool is_it = f->sockets[i].watch && f->sockets[i].fd == fd;
        if (is_it || (at == SOCKETS_MAX && !f->sockets[i].watch)) {
            at = i;
        }
        if (is_it) {
            break;
        }
    }
    if (at == SOCKETS_MAX) {
        return -1;
    }
    if (what == CURL_POLL_REMOVE) {
        if (f->sockets[at].watch && f->sockets[at].fd == fd) {
            watch_free(f->sockets[at].watch);
            f->sockets[at].watch = NULL;
        }
        return 0;
    }
    if (!f->sockets[at].watch) {
        f->sockets[at].fd = fd;
        f->sockets[at].owner = f;
        f->sockets[at].watch = watch_new(f->loop, fd, on_socket, &f->sockets[at]);
    }
    watch_set(f->sockets[at].watch,
              (what & CURL_POLL_IN ? WATCH_READ : 0) | (what & CURL_POLL_OUT ? WATCH_WRITE : 0));
    return 0;
}

static int on_want_timer(CURLM *multi, long ms, void *arg)
{
    struct fetcher *f = arg;
    if (ms < 0) {
        timer_stop(f->timer);
    } else {
        timer_start(f->timer, ms);
    }
    return 0;
}

int fetcher_new(struct loop *l, struct str ca_pem, char *problem, size_t size, struct fetcher **ret)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        snprintf(problem, size, "the HTTPS library could not start");
        return -EINVAL;
    }
    struct fetcher *f = err_calloc(1, sizeof *f);
    f->loop = l;
    f->ca = str_dup(ca_pem);
    f->ca_n = ca_pem.n;
    f->multi = curl_multi_init();
    must(f->multi);
    f->timer = timer_new(l, fetch_on_timer, f);
    curl_multi_setopt(f->multi, CURLMOPT_SOCKETFUNCTION, on_want);
    curl_multi_setopt(f->multi, CURLMOPT_SOCKETDATA, f);
    curl_multi_setopt(f->multi, CURLMOPT_TIMERFUNCTION, on_want_timer);
    curl_multi_setopt(f->multi, CURLMOPT_TIMERDATA, f);
    curl_multi_setopt(f->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)FETCHES_MAX);
    curl_multi_setopt(f->multi, CURLMOPT_MAXCONNECTS, 8L);
    *ret = f;
    return 0;
}

void fetcher_trust(struct fetcher *f, struct str ca_pem)
{
    free(f->ca);
    f->ca = str_dup(ca_pem);
    f->ca_n = ca_pem.n;
}

void fetcher_free(struct fetcher *f)
{
    if (f) {
        curl_multi_cleanup(f->multi);
        timer_free(f->timer);
        free(f->ca);
        free(f);
    }
}

static void on_refused(void *arg)
{
    struct fetch *t = arg;
    t->fn(t->arg,
          &(struct fetch_answer){.result = FETCH_FAILED, .detail = "too many fetches at once"});
    fetch_free(t);
}

/* RFC 8461 3.3 MUST NOT: redirects are not followed
 * RFC 8461 3.3 MUST NOT: nothing of HTTP is cached
 * RFC 8461 7.1 MUST: SNI to the policy host is its name */
static void fetch_set_options(struct fetch *t, const struct fetch_request *r)
{
    struct curl_blob ca = {.data = t->f->ca, .len = t->f->ca_n, .flags = CURL_BLOB_COPY};
    char text[1400];
    snprintf(text, sizeof text, "%s:%u:%s", r->host, r->port, r->addresses);
    t->resolve = curl_slist_append(NULL, text);
    curl_easy_setopt(t->easy, CURLOPT_URL, r->url);
    curl_easy_setopt(t->easy, CURLOPT_RESOLVE, t->resolve);
    curl_easy_setopt(t->easy, CURLOPT_PROTOCOLS_STR, "https");
    curl_easy_setopt(t->easy, CURLOPT_PROXY, "");
    curl_easy_setopt(t->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(t->easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(t->easy, CURLOPT_FORBID_REUSE, 1L);
    /* nor a session of an earlier fetch, as curl 8.14 would: a resumed one shows no certificate */
    curl_easy_setopt(t->easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
    curl_easy_setopt(t->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(t->easy, CURLOPT_CAINFO_BLOB, &ca);
    curl_easy_setopt(t->easy, CURLOPT_CAINFO, NULL);
    curl_easy_setopt(t->easy, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(t->easy, CURLOPT_SSL_VERIFYPEER, r->any_certificate ? 0L : 1L);
    curl_easy_setopt(t->easy, CURLOPT_SSL_VERIFYHOST, r->any_certificate ? 0L : 2L);
    curl_easy_setopt(t->easy, CURLOPT_SSL_OPTIONS, (long)CURLSSLOPT_NO_PARTIALCHAIN);
    if (!r->any_certificate) {
        curl_easy_setopt(t->easy, CURLOPT_SSL_CTX_FUNCTION, on_ssl_ctx);
        curl_easy_setopt(t->easy, CURLOPT_SSL_CTX_DATA, t);
    }
    curl_easy_setopt(t->easy, CURLOPT_TIMEOUT_MS, (long)r->limit_ms);
    curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, fetch_on_body);
    curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(t->easy, CURLOPT_ERRORBUFFER, t->error);
    curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
    /* some servers pack always, whatever is asked for: what comes packed is unpacked, and
     * counted unpacked */
    curl_easy_setopt(t->easy, CURLOPT_ACCEPT_ENCODING, "identity");
    curl_easy_setopt(t->easy, CURLOPT_USERAGENT, "Postern/" POSTERN_VERSION);
    if (r->body.n > 0) {
        snprintf(text, sizeof text, "Content-Type: %s", r->content_type);
        t->headers = curl_slist_append(NULL, text);
        t->headers = curl_slist_append(t->headers, "Expect:");
        curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.n);
        curl_easy_setopt(t->easy, CURLOPT_COPYPOSTFIELDS, r->body.p);
        curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
    }
}

void fetch_start(struct fetcher *f, const struct fetch_request *r, fetch_fn fn, void *arg)
{
    struct fetch *t = err_calloc(1, sizeof *t);
    *t = (struct fetch){.f = f, .fn = fn, .arg = arg, .body = BUF_INIT(r->octets_max)};
    str_copy_cut(str_c(r->host), t->host, sizeof t->host);
    t->easy = curl_easy_init();
    must(t->easy);
    if (f->running >= FETCHES_MAX) {
        t->refused = timer_new(f->loop, on_refused, t);
        timer_start(t->refused, 0);
        return;
    }
    fetch_set_options(t, r);
    f->running++;
    curl_multi_add_handle(f->multi, t->easy);
}
