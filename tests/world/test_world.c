/* SPDX-License-Identifier: Apache-2.0
 * test_world.c: plays the stories of stories.txt: client engine + policy + permit, no I/O.
 */
#include "../unit/check.h"
#include "policy/policy.h"
#include "smtp/client.h"

#include <stdio.h>
#include <string.h>

static const char *stories_path = "tests/world/stories.txt";

struct story {
    char name[40], force[12], script[256], cert[8], reason[24];
    bool clear_allowed;
};

struct stage {
    struct smtp_client *c;
    struct facts facts;
    bool in_tls, mail_in_clear, over;
    char reason[40];
    struct smtp_mail mail;
};

static void look_at_output(struct stage *s)
{
    struct buf *out = smtp_client_out(s->c);
    struct str text = buf_str(out);
    for (size_t i = 0; !s->in_tls && i + 4 <= text.n; i++) {
        s->mail_in_clear |= memcmp(text.p + i, "MAIL", 4) == 0;
    }
    buf_reset(out);
}

static void conclude(struct stage *s, enum sess sess)
{
    s->facts.sess = sess;
    struct host_verdict v = policy_host(&s->facts);
    struct permit permit = {0};
    str_copy_cut(str_c(reason_name(v.reason)), s->reason, sizeof s->reason);
    s->over = true;
    if (policy_permit(&v, &permit)) {
        assert_int_equal(smtp_client_send(s->c, &permit, &s->mail), 0);
    }
}

static void act(struct stage *s, bool good)
{
    struct smtp_client_event ev;
    while (!s->over) {
        smtp_client_next(s->c, &ev);
        look_at_output(s);
        if (ev.type == SMTP_CL_NONE || ev.type == SMTP_CL_START_TLS) {
            return;
        }
        if (ev.type == SMTP_CL_REFUSED) {
            conclude(s, SESS_REFUSED);
        } else if (ev.type == SMTP_CL_READY) {
            conclude(s, !s->in_tls ? SESS_NOADV : good ? SESS_PKIX_OK : SESS_PKIX_BAD);
        } else if (ev.type != SMTP_CL_OFFERED) {
            str_copy_cut(ev.type == SMTP_CL_BROKEN ? STR("broken") : STR("rejected"), s->reason,
                         sizeof s->reason);
            s->over = true;
        }
    }
    look_at_output(s);
}

static void play(const struct story *story)
{
    static const struct smtp_mail_rcpt rcpt = {.path = {"x@y.test", 8}};
    static const struct smtp_client_config config = {.hello = "gw.test"};
    struct stage s = {
        .c = smtp_client_new(&config),
        .facts = {.mx = MX_INSECURE, .look = LOOK_COMPLETE},
        .mail = {.rcpts = &rcpt, .n_rcpts = 1},
    };
    s.facts.force = strcmp(story->force, "cert") == 0      ? FORCE_CERT
                    : strcmp(story->force, "encrypt") == 0 ? FORCE_ENCRYPT
                                                           : FORCE_NONE;
    char script[256], *save = NULL;
    str_copy_cut(str_c(story->script), script, sizeof script);
    bool good = strcmp(story->cert, "good") == 0;
    for (char *step = strtok_r(script, "/", &save); step; step = strtok_r(NULL, "/", &save)) {
        struct str word = str_trim(str_c(step));
        if (str_eq(word, STR("tls"))) {
            s.in_tls = true;
            smtp_client_tls_started(s.c);
        } else if (str_eq(word, STR("garble"))) {
            conclude(&s, SESS_HSFAIL);
        } else {
            struct str line;
            while (str_split(&word, '+', &line)) {
                char text[128];
                snprintf(text, sizeof text, STR_FMT "\r\n", STR_ARG(line));
                assert_int_equal(smtp_client_feed(s.c, str_c(text)), 0);
            }
        }
        act(&s, good);
    }
    if (strcmp(s.reason, story->reason) != 0 || s.mail_in_clear != story->clear_allowed) {
        fail_msg("%s: reason %s (wanted %s), MAIL in clear: %d", story->name, s.reason,
                 story->reason, s.mail_in_clear);
    }
    smtp_client_free(s.c);
}

static void field(struct str *rest, char *dst, size_t size)
{
    struct str part = STR("");
    assert_true(str_split(rest, '|', &part));
    str_copy_cut(str_trim(part), dst, size);
}

static void stories(void **state)
{
    char line[512];
    FILE *f = fopen(stories_path, "r");
    size_t n = 0;
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        struct str rest = str_c(line);
        if (!str_starts_nocase(rest, STR("story "))) {
            continue;
        }
        struct story story;
        char clear[8];
        rest = str_slice(rest, 6, rest.n - 1);
        field(&rest, story.name, sizeof story.name);
        field(&rest, story.force, sizeof story.force);
        field(&rest, story.script, sizeof story.script);
        field(&rest, story.cert, sizeof story.cert);
        field(&rest, story.reason, sizeof story.reason);
        field(&rest, clear, sizeof clear);
        story.clear_allowed = strcmp(clear, "yes") == 0;
        play(&story);
        n++;
    }
    fclose(f);
    assert_true(n >= 10);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(stories)};
    stories_path = argc > 1 ? argv[1] : stories_path;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
