/* SPDX-License-Identifier: Apache-2.0
 * test_round.c: stories of scripted servers (round.txt): which host and address is asked, in
 * which order, and what becomes of each recipient. The real round.c and the real decision; what
 * stands here is what delivery.c does between them. Argument: the file of stories.
 */
#include "base/arena.h"
#include "proc/smtpout/round.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    HOSTS = 60,
    PEERS = 40,
    RCPTS = 8,
    TEXT = 4096,
    OURS_MS = 100,
    SILENT_MS = 300 * 1000,
    SLOW_MS = 90 * 1000
};

static const char our_ip[] = "192.0.2.1";
static const struct host_verdict says_nothing = {.class = HOST_TEMPORARY, .reason = REASON_TIMEOUT};
static const struct host_verdict no_utf8 = {.class = HOST_PERMANENT, .reason = REASON_NO_UTF8};

struct peer {
    char place[40]; /* "mx1/2", "mx1" for all its addresses, "dead*" for all that begin so */
    char script[600];
};

static struct {
    char title[300];
    char hosts[HOSTS][24];
    size_t addresses[HOSTS], n_hosts;
    char lately[24]; /* a host that was silent lately */
    struct peer peers[PEERS];
    size_t n_peers;
    char rcpts[RCPTS][16];
    size_t n_rcpts;
    char needs[100]; /* of the message: what a peer may say that it has not */
    struct facts facts;
    unsigned attempt;
    char tries[TEXT], ends[RCPTS][300];
    size_t n_ends;
} story;

static struct outcome {
    struct round_rcpt round;
    bool open;
    char result[20], reason[40], host[24];
} outcomes[RCPTS];

static int failures, stories;

static void complain(const char *what, const char *wanted, const char *got)
{
    printf("story \"%s\": %s: wanted \"%s\", got \"%s\"\n", story.title, what, wanted, got);
    failures++;
}

/* --- the scripted servers ----------------------------------------------- */

static const char *script_of(const struct round_step *s)
{
    char place[60];
    snprintf(place, sizeof place, "%s/%zu", story.hosts[s->host], s->address + 1);
    for (size_t i = 0; i < story.n_peers; i++) {
        const char *p = story.peers[i].place;
        size_t n = strlen(p);
        bool prefix = n > 0 && p[n - 1] == '*' && strncmp(p, place, n - 1) == 0;
        if (prefix || strcmp(p, place) == 0 || strcmp(p, story.hosts[s->host]) == 0) {
            return story.peers[i].script;
        }
    }
    return "good";
}

static bool says(const char *script, const char *word)
{
    size_t n = strlen(word);
    return strncmp(script, word, n) == 0 && (script[n] == '\0' || script[n] == ' ');
}

/* The answer in KEY=[...]; "250 2.0.0 ok" when the script has none. */
static struct str answer_in(const char *script, const char *key)
{
    char wanted[40];
    snprintf(wanted, sizeof wanted, " %s=[", key);
    const char *at = strstr(script, wanted), *end = at ? strchr(at, ']') : NULL;
    return end ? str_from(at + strlen(wanted), (size_t)(end - at) - strlen(wanted))
               : STR("250 2.0.0 ok");
}

static enum answer_means means(enum answer_to to, struct str answer)
{
    struct str rest = answer, code, enhanced;
    (void)str_split(&rest, ' ', &code);
    (void)str_split(&rest, ' ', &enhanced);
    bool has = enhanced.n > 4 && enhanced.p[1] == '.';
    return answer_means(to, atoi(code.p), has ? enhanced : STR(""), answer, our_ip, false);
}

/* --- what delivery.c does ----------------------------------------------- */

static void end_rcpt(struct outcome *o, const char *result, const char *reason, const char *host)
{
    o->open = false;
    snprintf(o->result, sizeof o->result, "%s", result);
    snprintf(o->reason, sizeof o->reason, "%s", reason);
    snprintf(o->host, sizeof o->host, "%s", host);
}

static void hear(struct outcome *o, enum answer_means m, const char *host, const char *reason)
{
    if (m == MEANS_TAKEN) {
        end_rcpt(o, "delivered", reason, host);
    } else if (m == MEANS_REFUSED) {
        end_rcpt(o, "failed", "rejected", host);
    } else {
        round_hear(&o->round, m);
        snprintf(o->host, sizeof o->host, "%s", host);
    }
}

static bool any_open(void)
{
    bool any = false;
    for (size_t i = 0; i < story.n_rcpts; i++) {
        any |= outcomes[i].open;
    }
    return any;
}

static bool any_left_out(bool want)
{
    bool any = false;
    for (size_t i = 0; i < story.n_rcpts; i++) {
        any |= outcomes[i].open && outcomes[i].round.left_out == want;
    }
    return any;
}

/* The peer lacks it, and the message needs it, or in the case of utf8 one that is still open. */
static bool lacks(const char *script, const char *what)
{
    char word[40];
    snprintf(word, sizeof word, " no-%s", what);
    return strstr(script, word) &&
           (strstr(story.needs, what) || (strcmp(what, "utf8") == 0 && any_left_out(true)));
}

static bool lacks_for_all(const char *script)
{
    return lacks(script, "size") || lacks(script, "8bit") ||
           (lacks(script, "utf8") && (strstr(story.needs, "utf8") || !any_left_out(false)));
}

/* A message to all that are open. False: whether it arrived is not known. */
static bool send_to(const char *script, const char *host, const char *reason)
{
    struct str mail = answer_in(script, "mail"), data = answer_in(script, "data");
    bool mail_ok = means(ANSWER_TO_MAIL, mail) == MEANS_TAKEN;
    for (size_t i = 0; i < story.n_rcpts; i++) {
        struct outcome *o = &outcomes[i];
        char key[40], own[40];
        snprintf(key, sizeof key, "rcpt.%s", story.rcpts[i]);
        snprintf(own, sizeof own, "data.%s", story.rcpts[i]); /* LMTP */
        struct str rcpt = answer_in(script, key),
                   last = strstr(script, own) ? answer_in(script, own) : data;
        if (!o->open || (o->round.left_out && lacks(script, "utf8"))) {
            continue;
        }
        if (!mail_ok) {
            hear(o, means(ANSWER_TO_MAIL, mail), host, reason);
        } else if (means(ANSWER_TO_RCPT, rcpt) != MEANS_TAKEN) {
            hear(o, means(ANSWER_TO_RCPT, rcpt), host, reason);
        } else if (strstr(script, "lost-behind-dot")) {
            o->round = (struct round_rcpt){.left_out = o->round.left_out};
        } else {
            hear(o, means(ANSWER_TO_DATA, last), host, reason);
        }
    }
    return !strstr(script, "lost-behind-dot");
}

static enum sess sess_of(const char *script, struct facts *f)
{
    f->ext = strstr(script, " requiretls") != NULL;
    f->tlsa = strstr(script, " dane") ? TLSA_USABLE : TLSA_NONE;
    return says(script, "no-tls")        ? SESS_NOADV
           : says(script, "tls-failed")  ? SESS_HSFAIL
           : says(script, "refuses-tls") ? SESS_REFUSED
           : says(script, "bad-cert")    ? SESS_PKIX_BAD
           : says(script, "dead") || says(script, "refused") || says(script, "silent") ||
                   says(script, "554-greeting")
               ? SESS_NOCONN
               : SESS_PKIX_OK;
}

static int64_t took_ms(const char *script, const struct round_step *s)
{
    int64_t silent = says(script, "silent") ? SILENT_MS : says(script, "slow") ? SLOW_MS : OURS_MS;
    return says(script, "dead")                    ? s->connect_ms
           : s->silent_ms && silent > s->silent_ms ? s->silent_ms
                                                   : silent;
}

/* One try; false: the round is over. */
static bool play(struct round *r, const struct round_step *s)
{
    const char *script = script_of(s), *host = story.hosts[s->host];
    struct facts *f = &story.facts;
    f->sess = sess_of(script, f);
    f->seen |= f->sess != SESS_NOCONN && f->sess != SESS_NOADV;
    struct host_verdict v = policy_host(f);
    if (s->silent_ms && (says(script, "silent") || says(script, "slow"))) {
        round_silent(r, &says_nothing, host, STR(""));
        return true;
    }
    if (says(script, "private")) {
        round_skip(r);
        return true;
    }
    if (strstr(script, "kept-breaks") && !r->fresh) {
        round_again_fresh(r);
        return true;
    }
    if (v.class == HOST_SEND && lacks_for_all(script)) {
        v.class = HOST_PERMANENT;
        v.reason = lacks(script, "size")   ? REASON_TOO_BIG
                   : lacks(script, "8bit") ? REASON_NO_8BIT
                                           : REASON_NO_UTF8;
    }
    if (v.class != HOST_SEND) {
        round_end_try(r, &v, host, STR(""));
        return true;
    }
    bool known = send_to(script, host, reason_name(v.reason));
    v.class = HOST_TEMPORARY;
    v.reason = known ? REASON_REJECTED : REASON_BROKEN_SESSION;
    if (any_open()) {
        if (lacks(script, "utf8")) {
            round_leave_out(r, &no_utf8, host, STR(""));
        }
        round_end_try(r, &v, host, STR(""));
    }
    return known && any_open();
}

static void conclude(const struct round *r)
{
    for (size_t i = 0; i < story.n_rcpts; i++) {
        struct outcome *o = &outcomes[i];
        if (o->open) {
            struct verdict v = round_conclude(r, &o->round, &story.facts);
            const struct round_ended *by = round_ended_by(r, &o->round, v.reason);
            bool own = o->round.heard > 0 && v.reason == REASON_REJECTED;
            char host[24];
            snprintf(host, sizeof host, "%s", own ? o->host : by ? by->host : "");
            end_rcpt(o,
                     v.action == ACTION_BOUNCE     ? "failed"
                     : v.action == ACTION_FALLBACK ? "fallback"
                                                   : "deferred",
                     reason_name(v.reason), host);
        }
    }
}

static void run(void)
{
    struct arena arena = ARENA_INIT(1 << 20);
    struct round r;
    struct round_step s;
    char tries[TEXT] = "";
    static const struct round_times most = {.connect_ms = 30 * 1000, .silent_ms = 60 * 1000};
    int64_t elapsed = 0;
    for (size_t i = 0; i < RCPTS; i++) {
        outcomes[i] =
            (struct outcome){.open = i < story.n_rcpts,
                             .round = {.left_out = i < story.n_rcpts && story.rcpts[i][0] == 'u'}};
    }
    must(round_begin(&r, &arena, story.addresses, story.n_hosts, story.attempt) == 0);
    for (size_t i = 0; i < story.n_hosts; i++) {
        if (strcmp(story.hosts[i], story.lately) == 0) {
            round_put_last(&r, i, 0);
        }
    }
    for (bool more = true; more && round_next(&r, elapsed, &most, &s);) {
        size_t n = strlen(tries);
        snprintf(tries + n, sizeof tries - n, "%s%s/%zu", n ? " " : "", story.hosts[s.host],
                 s.address + 1);
        elapsed += took_ms(script_of(&s), &s);
        more = play(&r, &s);
    }
    conclude(&r);
    if (story.tries[0] == '+') { /* only the last ones */
        size_t n = strlen(story.tries) - 2, have = strlen(tries);
        if (have < n || strcmp(tries + have - n, story.tries + 2) != 0) {
            complain("tries", story.tries, tries);
        }
    } else if (story.tries[0] && strcmp(story.tries, tries) != 0) {
        complain("tries", story.tries, tries);
    }
    for (size_t i = 0; i < story.n_ends; i++) {
        char got[200] = "nobody";
        for (size_t k = 0; k < story.n_rcpts; k++) {
            size_t n = strlen(story.rcpts[k]);
            if (strncmp(story.ends[i], story.rcpts[k], n) == 0 && story.ends[i][n] == ' ') {
                snprintf(got, sizeof got, "%s %s %s %s", story.rcpts[k], outcomes[k].result,
                         outcomes[k].reason, outcomes[k].host);
            }
        }
        if (strcmp(got, story.ends[i]) != 0) {
            complain("end", story.ends[i], got);
        }
    }
    arena_reset(&arena);
    stories++;
}

/* --- reading the stories ------------------------------------------------ */

static void read_hosts(char *text)
{
    char *save = NULL;
    for (char *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        char *colon = strchr(word, ':'), *star = strchr(word, '*');
        int n = star ? atoi(star + 1) : 1, addresses = colon ? atoi(colon + 1) : 1;
        size_t stem = strcspn(word, ":*");
        for (int i = 1; i <= n; i++) {
            must(story.n_hosts < HOSTS);
            if (star) {
                snprintf(story.hosts[story.n_hosts], 24, "%.*s%d", (int)stem, word, i);
            } else {
                snprintf(story.hosts[story.n_hosts], 24, "%.*s", (int)stem, word);
            }
            story.addresses[story.n_hosts++] = (size_t)addresses;
        }
    }
}

static void read_facts(const char *text)
{
    story.facts.demand = strstr(text, "secure") ? DEMAND_SECURE : DEMAND_NONE;
    story.facts.counts = COUNTS_CERT;
    story.facts.ladder = strstr(text, "portal") ? LADDER_PORTAL : LADDER_NONE;
    story.facts.reqtls = strstr(text, "reqtls") != NULL;
    story.facts.mx = strstr(text, "signed") ? MX_SECURE : MX_INSECURE;
    story.facts.force = strstr(text, "force") ? FORCE_CERT : FORCE_NONE;
    story.facts.look = strstr(text, "look-incomplete") ? LOOK_INCOMPLETE
                       : strstr(text, "look-overdue")  ? LOOK_OVERDUE
                                                       : LOOK_COMPLETE;
}

static void read_peer(char *text)
{
    must(story.n_peers < PEERS);
    struct peer *p = &story.peers[story.n_peers++];
    size_t n = strcspn(text, " ");
    snprintf(p->place, sizeof p->place, "%.*s", (int)n, text);
    snprintf(p->script, sizeof p->script, "%s", text + n + (text[n] == ' '));
}

static void read_rcpts(char *text)
{
    char *save = NULL;
    story.n_rcpts = 0;
    for (char *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        must(story.n_rcpts < RCPTS);
        snprintf(story.rcpts[story.n_rcpts++], sizeof story.rcpts[0], "%s", word);
    }
}

static void begin(const char *title)
{
    if (story.n_hosts > 0) {
        run();
    }
    memset(&story, 0, sizeof story);
    snprintf(story.title, sizeof story.title, "%s", title);
    snprintf(story.rcpts[0], sizeof story.rcpts[0], "a");
    story.n_rcpts = 1;
    read_facts("");
}

static void read_line(char *line)
{
    char *rest = line + strcspn(line, " ");
    rest += *rest == ' ';
    if (strncmp(line, "story ", 6) == 0) {
        begin(rest);
    } else if (strncmp(line, "hosts ", 6) == 0) {
        read_hosts(rest);
    } else if (strncmp(line, "peer ", 5) == 0) {
        read_peer(rest);
    } else if (strncmp(line, "rcpt ", 5) == 0) {
        read_rcpts(rest);
    } else if (strncmp(line, "facts ", 6) == 0) {
        read_facts(rest);
    } else if (strncmp(line, "lately-silent ", 14) == 0) {
        snprintf(story.lately, sizeof story.lately, "%s", rest);
    } else if (strncmp(line, "needs ", 6) == 0) {
        snprintf(story.needs, sizeof story.needs, "%s", rest);
    } else if (strncmp(line, "attempt ", 8) == 0) {
        story.attempt = (unsigned)atoi(rest);
    } else if (strncmp(line, "tries ", 6) == 0) {
        snprintf(story.tries, sizeof story.tries, "%s", rest);
    } else if (strncmp(line, "end ", 4) == 0) {
        must(story.n_ends < RCPTS);
        snprintf(story.ends[story.n_ends++], sizeof story.ends[0], "%s", rest);
    } else if (line[0] && line[0] != '#') {
        complain("line", "", line);
    }
}

int main(int argc, char **argv)
{
    char line[2000];
    FILE *f = argc > 1 ? fopen(argv[1], "r") : NULL;
    must(f);
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = '\0';
        read_line(line);
    }
    fclose(f);
    begin("");
    printf("rounds: %d stories, %d complaints\n", stories, failures);
    return failures || stories < 40 ? 1 : 0;
}
