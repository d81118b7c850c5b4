/* SPDX-License-Identifier: Apache-2.0
 * test_lookups.c: runs the stories of lookups.txt: the real host.c and mx.c over a scripted name
 * service. A question that is not scripted fails the story.
 */
#include "dns/mx.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

enum { SCRIPT_MAX = 160, RECORDS = 80, OPEN_MAX = 128 };

struct script {
    enum dns_type type;
    char name[256], canon[256];
    enum dns_outcome outcome;
    enum dns_presence presence;
    char data[RECORDS][300];
    size_t lengths[RECORDS], n;
    bool truncated;
};

static struct script scripts[SCRIPT_MAX];
static size_t n_scripts;
static struct {
    dns_fn fn;
    void *arg;
    const struct script *s;
} open_questions[OPEN_MAX];
static size_t n_open;
static char title[200];
static int failures, stories;

static void complain(const char *what, const char *detail)
{
    printf("story \"%s\": %s %s\n", title, what, detail);
    failures++;
}

/* The stand-in for the resolver: answers come later, never inside the call. */
void dns_ask(struct dns_resolver *r, const char *name, enum dns_type type, dns_fn fn, void *arg)
{
    static const struct script failed = {.outcome = DNS_FAILED};
    const struct script *found = NULL;
    for (size_t i = 0; i < n_scripts; i++) {
        found = scripts[i].type == type && strcmp(scripts[i].name, name) == 0 ? &scripts[i] : found;
    }
    if (!found) {
        complain("asked for", name);
        found = &failed;
    }
    must(n_open < OPEN_MAX);
    open_questions[n_open].fn = fn;
    open_questions[n_open].arg = arg;
    open_questions[n_open++].s = found;
}

static void answer_all(void)
{
    for (size_t i = 0; i < n_open; i++) { /* grows meanwhile */
        const struct script *s = open_questions[i].s;
        struct str records[RECORDS];
        for (size_t k = 0; k < s->n; k++) {
            records[k] = str_from(s->data[k], s->lengths[k]);
        }
        open_questions[i].fn(open_questions[i].arg, &(struct dns_answer){
                                                        .outcome = s->outcome,
                                                        .presence = s->presence,
                                                        .records = records,
                                                        .n_records = s->n,
                                                        .truncated = s->truncated,
                                                        .canon = s->canon,
                                                        .ttl_s = 60,
                                                        .why = "scripted",
                                                    });
    }
    n_open = 0;
}

/* --- reading the file --------------------------------------------------- */

static enum dns_type type_of(struct str w)
{
    return str_eq(w, STR("A"))       ? DNS_TYPE_A
           : str_eq(w, STR("AAAA"))  ? DNS_TYPE_AAAA
           : str_eq(w, STR("MX"))    ? DNS_TYPE_MX
           : str_eq(w, STR("CNAME")) ? DNS_TYPE_CNAME
                                     : DNS_TYPE_TLSA;
}

static enum dns_outcome outcome_of(struct str w)
{
    return str_eq(w, STR("secure"))     ? DNS_SECURE
           : str_eq(w, STR("insecure")) ? DNS_INSECURE
           : str_eq(w, STR("bogus"))    ? DNS_BOGUS
                                        : DNS_FAILED;
}

static void add_mx(struct script *s, struct str preference, struct str name)
{
    uint64_t n;
    size_t at = 2;
    char *d = s->data[s->n];
    must(str_to_u64(preference, 65535, &n) == 0);
    d[0] = (char)(n >> 8);
    d[1] = (char)n;
    struct str label;
    while (name.n > 0 && str_split(&name, '.', &label)) {
        if (label.n > 0) {
            d[at++] = (char)label.n;
            memcpy(d + at, label.p, label.n);
            at += label.n;
        }
    }
    d[at++] = 0;
    s->lengths[s->n++] = at;
}

static void add_data(struct script *s, struct str word, struct str *rest)
{
    char text[64];
    struct str name;
    str_copy_cut(word, text, sizeof text);
    if (s->type == DNS_TYPE_MX) {
        must(str_split(rest, ' ', &name));
        add_mx(s, word, name);
    } else if (s->type == DNS_TYPE_A || s->type == DNS_TYPE_AAAA) {
        must(inet_pton(s->type == DNS_TYPE_A ? AF_INET : AF_INET6, text, s->data[s->n]) == 1);
        s->lengths[s->n++] = s->type == DNS_TYPE_A ? 4 : 16;
    } else {
        for (size_t i = 0; i + 1 < word.n; i += 2) {
            char pair[3] = {word.p[i], word.p[i + 1], 0};
            s->data[s->n][i / 2] = (char)strtol(pair, NULL, 16);
        }
        s->lengths[s->n++] = word.n / 2;
    }
}

static void read_dns(struct str rest)
{
    struct str word;
    must(n_scripts < SCRIPT_MAX);
    struct script *s = &scripts[n_scripts++];
    *s = (struct script){.presence = DNS_DATA};
    must(str_split(&rest, ' ', &word));
    s->type = type_of(word);
    must(str_split(&rest, ' ', &word));
    str_copy_cut(word, s->name, sizeof s->name);
    must(str_split(&rest, ' ', &word));
    s->outcome = outcome_of(word);
    while (rest.p && str_split(&rest, ' ', &word)) {
        if (str_starts_nocase(word, STR("canon="))) {
            str_copy_cut(str_slice(word, 6, word.n), s->canon, sizeof s->canon);
        } else if (str_eq(word, STR("none"))) {
            s->presence = DNS_NODATA;
        } else if (str_eq(word, STR("nxdomain"))) {
            s->presence = DNS_NXDOMAIN;
        } else if (str_eq(word, STR("many"))) {
            s->truncated = true;
            s->lengths[s->n++] = 5;
        } else if (word.n > 0) {
            add_data(s, word, &rest);
        }
    }
}

/* --- judging ------------------------------------------------------------ */

static char got[1024];

static void on_host(void *arg, struct dns_host *h)
{
    static const char *const tlsa[] = {"none", "found", "error"};
    static const char *const outcomes[] = {"secure", "insecure", "bogus", "failed"};
    int n = snprintf(got, sizeof got, "%s addresses=%zu tlsa=%s base=%s", outcomes[h->outcome],
                     h->n_addresses, tlsa[h->tlsa], h->tlsa == HOST_TLSA_FOUND ? h->base : "");
    n += snprintf(got + n, sizeof got - (size_t)n, "%s", h->partial ? " partial" : " whole");
    for (size_t i = 0; i < h->n_addresses; i++) {
        n += snprintf(got + n, sizeof got - (size_t)n, " %s", h->addresses[i]);
    }
}

static void on_mx(void *arg, const struct mx_result *r)
{
    static const char *const outcomes[] = {"found", "null", "nodomain", "nohost", "loop", "failed"};
    int n = snprintf(got, sizeof got, "%s %s", outcomes[r->outcome],
                     r->mx_outcome == DNS_SECURE     ? "secure"
                     : r->mx_outcome == DNS_INSECURE ? "insecure"
                                                     : "");
    for (size_t i = 0; r->outcome == MX_FOUND && i < r->n_hosts; i++) {
        n += snprintf(got + n, sizeof got - (size_t)n, " %s", r->hosts[i].host.name);
    }
}

static void expect(struct str wanted)
{
    struct str have = str_c(got);
    bool ok = have.n >= wanted.n && str_eq(str_slice(have, 0, wanted.n), wanted);
    if (!ok) {
        printf("story \"%s\": wanted \"" STR_FMT "\"\n", title, STR_ARG(wanted));
        complain("but got", got);
    }
    stories++;
}

static struct str after_arrow(struct str line)
{
    size_t at = str_find(line, '>', 0);
    return str_trim(str_slice(line, at + 1, line.n));
}

static bool is_own(void *arg, const char *host)
{
    return str_eq_nocase(str_c(host), STR("me.test")) || strcmp(host, "198.51.100.9") == 0;
}

static void run_line(struct str line)
{
    static const struct mx_own own = {.has = is_own};
    struct str rest = line, verb, name;
    (void)str_split(&rest, ' ', &verb);
    if (str_eq(verb, STR("story"))) {
        str_copy_cut(rest, title, sizeof title);
        n_scripts = 0;
    } else if (str_eq(verb, STR("dns"))) {
        read_dns(rest);
    } else if (str_eq(verb, STR("host"))) {
        struct dns_host h = {0};
        (void)str_split(&rest, ' ', &name);
        size_t colon = str_find(name, ':', 0);
        uint64_t port = 25;
        must(colon == name.n || str_to_u64(str_slice(name, colon + 1, name.n), 65535, &port) == 0);
        str_copy_cut(str_slice(name, 0, colon), h.name, sizeof h.name);
        host_lookup(NULL, &h, (uint16_t)port, on_host, NULL);
        answer_all();
        host_clear(&h);
        expect(after_arrow(line));
    } else if (str_eq(verb, STR("mx"))) {
        char domain[256];
        (void)str_split(&rest, ' ', &name);
        str_copy_cut(name, domain, sizeof domain);
        mx_lookup(NULL, domain, 25, &own, on_mx, NULL);
        answer_all();
        expect(after_arrow(line));
    }
}

int main(int argc, char **argv)
{
    char line[600];
    FILE *in = argc == 2 ? fopen(argv[1], "r") : NULL;
    must(in);
    while (fgets(line, sizeof line, in)) {
        struct str s = str_c(line);
        s.n -= s.n > 0 && s.p[s.n - 1] == '\n';
        if (s.n > 0 && s.p[0] != '#') {
            run_line(s);
        }
    }
    fclose(in);
    printf("lookups: %d stories, %d failures\n", stories, failures);
    return failures > 0 || stories < 30;
}
