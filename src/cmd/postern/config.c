/* SPDX-License-Identifier: Apache-2.0
 * config.c: postern check-config and the writing of postern.conf(5).
 */
#include "cmd/postern/postern.h"
#include "portal/site.h"
#include "proc/contents.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The packs of the content blocks, and their expressions. */
static int check_packs(const struct options *o, const struct conf *c)
{
    CLEANUP(buf_free) struct buf problems = BUF_INIT(64 * 1024);
    struct contents *k = NULL;
    int r = contents_new(c, &problems, &k);
    if (r < 0) {
        fprintf(stderr, "%s: the packs of a content block cannot be used:\n" STR_FMT, o->config, STR_ARG(buf_str(&problems)));
    }
    contents_free(k);
    return r;
}

/* The templates and texts of the portal. */
static int check_pages(const struct conf *c)
{
    CLEANUP(buf_free) struct buf problems = BUF_INIT(64 * 1024);
    struct site *s = NULL;
    int r = c->portal.url ? site_new(c, &problems, &s) : 0;
    if (r < 0) {
        fwrite(buf_str(&problems).p, 1, buf_len(&problems), stderr);
    }
    site_free(s);
    return r;
}

int command_check_config(const struct options *o)
{
    struct conf *conf;
    bool show = o->argc == 1 && strcmp(o->argv[0], "--show") == 0;
    if (o->argc > 0 && !show) {
        fputs("postern: write: postern -c FILE check-config [--show]\n", stderr);
        return EXIT_USAGE;
    }
    int r = load_config(o, &conf);
    if (r) {
        return r;
    }
    const char *files[4 + 2 * CONF_CERTIFICATES_MAX] = {conf->trust_store, conf->relay_password, conf->accounts.password_file,
                                                        conf->directory.bind_password};
    for (size_t i = 0; i < conf->n_own; i++) {
        files[4 + 2 * i] = conf->own[i].chain;
        files[5 + 2 * i] = conf->own[i].key;
    }
    for (size_t i = 0; i < conf->n_oidc; i++) {
        if (conf->oidc[i].secret_file && access(conf->oidc[i].secret_file, R_OK) < 0) {
            fprintf(stderr, "%s: %s: %s\n", o->config, conf->oidc[i].secret_file, strerror(errno));
            r = EXIT_CONFIG;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        if (files[i] && access(files[i], R_OK) < 0) {
            fprintf(stderr, "%s: %s: %s\n", o->config, files[i], strerror(errno));
            r = EXIT_CONFIG;
        }
    }
    if (*conf->resolver.trust_anchor && access(conf->resolver.trust_anchor, R_OK) < 0) {
        fprintf(stderr, "%s: trust-anchor %s: %s. Debian's package dns-root-data brings /usr/share/dns/root.ds; without an anchor nothing is secured by DNSSEC, and DANE does not work\n",
                o->config, conf->resolver.trust_anchor, strerror(errno));
        r = EXIT_CONFIG;
    }
    r = check_packs(o, conf) < 0 || check_pages(conf) < 0 ? EXIT_CONFIG : r;
    if (show) {
        CLEANUP(buf_free) struct buf text = BUF_INIT(CONF_TEXT_MAX);
        must(conf_write(conf, &text) == 0);
        print_buf(&text);
    } else if (r == 0) {
        printf("%s: fine\n", o->config);
    }
    conf_free(conf);
    return r;
}

int command_manual(const struct options *o)
{
    CLEANUP(buf_free) struct buf text = BUF_INIT(CONF_TEXT_MAX);
    (void)o;
    must(conf_manual(&text) == 0);
    print_buf(&text);
    return EXIT_OK;
}
