/* SPDX-License-Identifier: Apache-2.0
 * init.c: postern init: asks (or takes) a handful of facts and writes a commented configuration
 * to start from. Never overwrites a file.
 */
#include "cmd/postern/postern.h"
#include "wire/address.h"

#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

struct fact {
    const char *option, *question, *standard;
    bool needed;
    char value[600];
};

enum {
    HOSTNAME,
    ORGANIZATION,
    DOMAINS,
    DELIVER_TO,
    NETWORKS,
    CHAIN,
    KEY,
    ADMINISTRATOR,
    SUBMISSION,
    FACTS
};

static struct fact facts[FACTS] = {
    [HOSTNAME] = {"--hostname",
                  "The name of this gateway in the internet (what its address resolves back to)",
                  NULL, true, ""},
    [ORGANIZATION] = {"--organization", "The name of the organisation, as people know it", "",
                      false, ""},
    [DOMAINS] = {"--domains", "Your mail domains, separated by blanks", NULL, true, ""},
    [DELIVER_TO] = {"--deliver-to",
                    "The mail server inside that gets their mail: host or host:port", NULL, true,
                    ""},
    [NETWORKS] = {"--networks", "Networks of your mail servers, which may send to anywhere",
                  "127.0.0.0/8", false, ""},
    [CHAIN] = {"--chain", "File with the certificate and its intermediate certificates",
               "/etc/postern/mx.pem", false, ""},
    [KEY] = {"--key", "File with its private key", "/etc/postern/mx.key", false, ""},
    [ADMINISTRATOR] = {"--administrator",
                       "Address of the administrator, named in notices and told of alarms", "",
                       false, ""},
    [SUBMISSION] = {"--submission",
                    "Shall people log in here to send mail (ports 587 and 465)? yes or no", "no",
                    false, ""},
};

void init_options(FILE *to)
{
    fputs("Asks for what is not given; --yes: takes the standards instead of asking. FILE: the "
          "configuration (-c). Facts:\n",
          to);
    for (size_t i = 0; i < FACTS; i++) {
        fprintf(to, "  %-16s %s%s%s%s\n", facts[i].option, facts[i].question,
                facts[i].standard && *facts[i].standard ? " [" : "",
                facts[i].standard ? facts[i].standard : "",
                facts[i].standard && *facts[i].standard ? "]" : "");
    }
}

static int init_usage(void)
{
    fputs("usage: postern init [--output FILE] [--yes] [facts]\n", stderr);
    init_options(stderr);
    return EXIT_USAGE;
}

static bool init_take(int argc, char **argv, int *at)
{
    for (size_t i = 0; i < FACTS; i++) {
        if (strcmp(argv[*at], facts[i].option) == 0 && *at + 1 < argc) {
            str_copy_cut(str_c(argv[++*at]), facts[i].value, sizeof facts[i].value);
            return true;
        }
    }
    return false;
}

/* Asks on the terminal until something stands there, or the standard is taken. */
static bool ask_for(struct fact *f, bool quietly)
{
    while (!f->value[0]) {
        if (!quietly) {
            fprintf(stderr, "%s%s%s%s: ", f->question, f->standard && *f->standard ? " [" : "",
                    f->standard && *f->standard ? f->standard : "",
                    f->standard && *f->standard ? "]" : "");
            if (!fgets(f->value, sizeof f->value, stdin)) {
                fprintf(stderr,
                        "\npostern: there is no more input, and %s is not answered: nothing was "
                        "written. Give it with %s, or take what stands in [ ] with --yes\n",
                        f->option, f->option);
                return false;
            }
            f->value[strcspn(f->value, "\r\n")] = '\0';
        }
        if (!f->value[0] && f->standard) {
            str_copy_cut(str_c(f->standard), f->value, sizeof f->value);
            return true;
        }
        if (!f->value[0] && quietly) {
            fprintf(stderr, "postern: %s is needed\n", f->option);
            return false;
        }
    }
    return true;
}

static void add_network(char *list, size_t size, const char *ip)
{
    size_t n = strlen(list);
    if (!conf_target_is_loopback(ip) && !strstr(list, ip) && n + strlen(ip) + 2 < size) {
        snprintf(list + n, size - n, " %s", ip);
    }
}

/* The server that gets the mail sends the organisation's own through us, most often: its
 * addresses are proposed. A name that has none now is left to the administrator. */
static void propose_networks(void)
{
    static char proposed[600];
    const struct addrinfo wanted = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char host[300], ip[64];
    str_copy_cut(conf_target_host(facts[DELIVER_TO].value), host, sizeof host);
    snprintf(proposed, sizeof proposed, "%s", facts[NETWORKS].standard);
    if (getaddrinfo(host, NULL, &wanted, &found) != 0) {
        return;
    }
    for (const struct addrinfo *a = found; a; a = a->ai_next) {
        if (getnameinfo(a->ai_addr, a->ai_addrlen, ip, sizeof ip, NULL, 0, NI_NUMERICHOST) == 0) {
            add_network(proposed, sizeof proposed, ip);
        }
    }
    freeaddrinfo(found);
    facts[NETWORKS].standard = proposed;
}

/* As a word in quotes: conf/tree.c takes a backslash before a quote or itself. */
static void quote(const char *text, char *dst, size_t size)
{
    size_t n = 0;
    for (; *text && n + 3 < size; text++) {
        if (*text == '"' || *text == '\\') {
            dst[n++] = '\\';
        }
        dst[n++] = *text;
    }
    dst[n] = '\0';
}

static int write_text(struct buf *out)
{
    char organization[2 * sizeof facts[0].value + 3];
    quote(facts[ORGANIZATION].value, organization, sizeof organization);
    bool submission = facts[SUBMISSION].value[0] == 'y';
    char first_domain[300];
    str_copy_cut(str_slice(str_c(facts[DOMAINS].value), 0,
                           str_find(str_c(facts[DOMAINS].value), ' ', 0)),
                 first_domain, sizeof first_domain);
    int r = buf_printf(
        out,
        "# Postern. Every setting: man postern.conf. Check it: postern check-config. Is all well? "
        "postern doctor.\n\n"
        "hostname      %s;\n# shown to people in notices\norganization  \"%s\";\n%s%s%s\n"
        "store         sqlite /var/lib/postern;\n# Keep a copy of this file elsewhere: without it "
        "stored mail cannot be read.\n"
        "at-rest-key   /etc/postern/at-rest.key;\n\n"
        "# Mail comes in here, from the internet and from your own servers.\nlisten smtp { address "
        "[::]:25; }\n",
        facts[HOSTNAME].value, organization,
        facts[ADMINISTRATOR].value[0] ? "administrator " : "# administrator ",
        facts[ADMINISTRATOR].value[0] ? facts[ADMINISTRATOR].value : "postmaster@example.org", ";");
    r = r < 0 ? r
              : buf_printf(out,
                           "%s# People who log in (postern user add NAME).\n%slisten submission  { "
                           "address [::]:587; }\n%slisten submissions { address [::]:465; }\n\n",
                           "", submission ? "" : "# ", submission ? "" : "# ");
    r = r < 0 ? r
              : buf_printf(out,
                           "# Shown to everyone who connects. Without it nobody can encrypt. "
                           "Renewed files are noticed by themselves.\n"
                           "certificate { chain %s; key %s; }\n\n"
                           "inside {\n    domains    %s;\n    # who may send to anywhere: your own "
                           "servers, also that of deliver-to\n    networks   %s;\n"
                           "    # tls: none, encrypt, or cert (its certificate must be right)\n    "
                           "deliver-to %s { tls encrypt; }\n}\n\n",
                           facts[CHAIN].value, facts[KEY].value, facts[DOMAINS].value,
                           facts[NETWORKS].value, facts[DELIVER_TO].value);
    return r < 0 ? r
                 : buf_printf(out,
                              "# Forced encryption for one partner, both ways. Start with "
                              "report-only, look at postern refusals, then enforce.\n"
                              "# partner \"Example Bank\" {\n#     domains bank.example "
                              ".bank.example;\n#     outbound require cert;\n"
                              "#     inbound require tls; inbound-mode report-only;\n# }\n\n"
                              "# What must be protected: mail that its sender flags, with [secure] "
                              "or the like. What cannot go securely is held for\n"
                              "# somebody to look at (postern queue list). Content is only "
                              "reported at first.\n"
                              "flags { in subject body header; }\n"
                              "ladder \"default\" { channels tls:15m hold; }\n# content \"health\" "
                              "{ pack hipaa; mode report-only; }\n"
                              "# group \"mandatory\" { members legal@%s; protect escalated; }\n\n"
                              "# Looked at daily, like every domain that gets mail: do they still "
                              "offer encryption?\n# monitor { domains bank.example; }\n\n"
                              "# DNSSEC, needed for DANE (Debian package dns-root-data).\nresolver "
                              "{ trust-anchor /usr/share/dns/root.ds; }\n\n"
                              "# Numbers for Prometheus.\n# metrics { address 127.0.0.1:9465; }\n",
                              first_domain);
}

/* Its directory is made where only that is missing. */
static int init_save(const char *path, struct str text)
{
    const char *slash = strrchr(path, '/');
    char directory[4096];
    str_copy_cut(str_from(path, slash ? (size_t)(slash - path) : 0), directory, sizeof directory);
    (void)!mkdir(directory, 0755); /* else: opening says what is wrong */
    CLEANUP(err_close_fd) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, text.p, text.n) != (ssize_t)text.n || fsync(fd) < 0) {
        fprintf(stderr, "postern: %s cannot be written: %s%s\n", path, strerror(errno),
                errno == EEXIST ? " (it is left as it is)" : "");
        if (fd >= 0) {
            (void)!unlink(path); /* half of a configuration */
        }
        return EXIT_NO;
    }
    return EXIT_OK;
}

int command_init(const struct options *o)
{
    const char *path = o->config;
    bool quietly = false;
    CLEANUP(buf_free) struct buf text = BUF_INIT(64 * 1024), problems = BUF_INIT(64 * 1024);
    struct conf *c = NULL;
    for (int i = 0; i < o->argc; i++) {
        if (strcmp(o->argv[i], "--yes") == 0) {
            quietly = true;
        } else if (strcmp(o->argv[i], "--output") == 0 && i + 1 < o->argc) {
            path = o->argv[++i];
        } else if (!init_take(o->argc, o->argv, &i)) {
            return init_usage();
        }
    }
    for (size_t i = 0; i < FACTS; i++) {
        if (i == NETWORKS && !facts[i].value[0]) {
            propose_networks();
        }
        if (!ask_for(&facts[i], quietly)) {
            return EXIT_USAGE;
        }
    }
    if (write_text(&text) < 0 || conf_parse(buf_str(&text), path, &problems, &c) < 0) {
        fprintf(stderr, "postern: with these facts it would not be a configuration:\n" STR_FMT,
                STR_ARG(buf_str(&problems)));
        return EXIT_CONFIG;
    }
    conf_free(c);
    int r = init_save(path, buf_str(&text));
    if (r == EXIT_OK) {
        printf("Written to %s. Next: postern -c %s check-config; postern -c %s doctor\n", path,
               path, path);
    }
    return r;
}
