/* SPDX-License-Identifier: Apache-2.0
 * postern: the command people use: asks and acts. Runs as the user who calls it.
 *
 * Exit status: 0 done, 1 the answer is no, 64 wrong use, 69 posternd is not running, 78 the
 * configuration is wrong.
 */
#include "cmd/postern/postern.h"
#include "wire/date.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct command {
    const char *name, *arguments, *help;
    int (*run)(const struct options *o);
    bool hidden;
    void (*more)(FILE *to); /* more of its help; NULL: none */
};

static const struct command commands[] = {
    {"status", "", "the processes, their sandboxes and counters", command_status, false},
    {"queue", "list|show ID|retry ID|hold ID|release ID|delete ID", "messages under way",
     command_queue, false},
    {"message", "ID", "the security report of a message", command_message, false},
    {"explain", "[--client ADDRESS] [--login NAME] FROM TO [MESSAGE] | --replay TIME",
     "what would happen to a message, and why; what other rules would have done", command_explain,
     false},
    {"probe", "[--quick|--deep] DOMAIN... | --file FILE",
     "do they support TLS? probes a domain's servers now", command_probe, false},
    {"domains",
     "list|show DOMAIN|alarms [--all]|confirm DOMAIN|import FILE|quirks|forget-quirks HOST",
     "what is known about recipient domains", command_domains, false},
    {"exception",
     "list|add (relax|legacy) DOMAIN --owner NAME --reason TEXT [--days N|--hours N]|end NUMBER",
     "what is allowed for one domain and a limited time", command_exception, false},
    {"sts", "(show|refresh) DOMAIN|preload DOMAIN FILE", "MTA-STS policies", command_sts, false},
    {"tlsrpt", "list|show NUMBER|sent|send", "TLS reports: received from others, and our own",
     command_tlsrpt, false},
    {"acts", "[--about WHAT]", "what administrators did, and who did it", command_acts, false},
    {"user",
     "list|add NAME|passwd NAME|addresses NAME LIST|disable NAME|enable NAME|remove NAME|forgive "
     "NAME [CLIENT]",
     "accounts of people who log in to send mail", command_user, false},
    {"refusals", "", "whose connections an inbound rule turned away", command_refusals, false},
    {"forward", "audit",
     "forwards of inside addresses: are their domains reached securely, are they on",
     command_forward, false},
    {"envelope",
     "list|show ENVELOPE|(extend|level|recall|lock|unlock|resend|hold|unhold|phrase|lower) "
     "ENVELOPE ...",
     "mail that waits in the portal", command_envelope, false},
    {"portal", "preview DIRECTORY",
     "writes every page and email of the portal as files, to look at", command_portal, false},
    {"detect", "[--packs DIRECTORY] [--pack NAME]... [--mail [--text]] FILE... | --test",
     "what in texts, documents and messages must be protected, and why", command_detect, false,
     detect_options},
    {"store",
     "check [--repair]|backup DIRECTORY|backup --into DIRECTORY [--keep N]|restore DIRECTORY",
     "checks and repairs the store; backs it up while the gateway runs; restores a backup",
     command_store, false},
    {"init", "[--output FILE] [--yes] [--hostname NAME ...]",
     "writes a configuration to start from", command_init, false, init_options},
    {"doctor", "[--outbound HOST]",
     "checks everything around the gateway; says what is missing and what to do", command_doctor,
     false},
    {"check-config", "[--show]", "checks the configuration; says where it is wrong",
     command_check_config, false},
    {"reload", "", "makes posternd reread its configuration and certificates", command_reload,
     false},
    {"manual", "", "writes the manual page postern.conf(5)", command_manual, true},
};

static const char common_options[] =
    "\n  -c, --config FILE   the configuration (default: $POSTERN_CONFIG or "
    "/etc/postern/postern.conf)\n"
    "      --json          output as JSON\n"
    "      --by NAME       who you are, recorded with what you change (default: who called sudo, "
    "or logged in)\n"
    "  -h, --help          this text; after a command: help for that command\n"
    "  -V, --version       the version\n\n"
    "See postern(1), postern.conf(5).\n";

static void postern_usage(FILE *to)
{
    fputs("Usage: postern [-c FILE] [--json] [--by NAME] COMMAND ...\n\n", to);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (!commands[i].hidden) {
            fprintf(to, "  %s %s\n        %s\n", commands[i].name, commands[i].arguments,
                    commands[i].help);
        }
    }
    fputs(common_options, to);
}

/* One command's help: each of its forms in a line. A bar inside brackets parts words, not forms. */
static void usage_of(const struct command *c)
{
    const char *lead = "Usage:";
    int depth = 0;
    for (struct str rest = str_c(c->arguments);;) {
        size_t end = 0;
        for (; end < rest.n && (depth > 0 || rest.p[end] != '|'); end++) {
            depth += (rest.p[end] == '[' || rest.p[end] == '(') -
                     (rest.p[end] == ']' || rest.p[end] == ')');
        }
        printf("%s postern %s%s" STR_FMT "\n", lead, c->name, end > 0 ? " " : "",
               STR_ARG(str_trim(str_slice(rest, 0, end))));
        lead = "      ";
        if (end >= rest.n) {
            break;
        }
        rest = str_slice(rest, end + 1, rest.n);
    }
    printf("\n%c%s.\n", toupper((unsigned char)c->help[0]), c->help + 1);
    if (c->more) {
        c->more(stdout);
    }
    fputs(common_options, stdout);
}

bool colours(void)
{
    return isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
}

const char *when(int64_t ms, char dst[32])
{
    char date[DATE_MAX];
    if (ms <= 0) {
        return "never";
    }
    date_iso(ms, date);
    snprintf(dst, 32, "%.10s %.5s", date, date + 11);
    return dst;
}

void print_buf(struct buf *b)
{
    fwrite(buf_str(b).p, 1, buf_len(b), stdout);
}

void print_json(struct json *j)
{
    CLEANUP(buf_free) struct buf out = BUF_INIT(256 * 1024 * 1024);
    must(report_render(j, &out) == 0);
    print_buf(&out);
}

static const struct command *postern_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

static int unknown_command(const char *name)
{
    const char *near = NULL;
    unsigned best = 3;
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        unsigned d = str_distance(str_c(name), str_c(commands[i].name));
        if (d < best) {
            best = d;
            near = commands[i].name;
        }
    }
    fprintf(stderr, "postern: unknown command \"%s\".%s%s%s Try \"postern --help\".\n", name,
            near ? " Did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    return EXIT_USAGE;
}

/* Of the command of that name; NULL: of all. */
static int help(const char *name)
{
    const struct command *c = name ? postern_find(name) : NULL;
    if (name && !c) {
        return unknown_command(name);
    }
    if (c) {
        usage_of(c);
    } else {
        postern_usage(stdout);
    }
    return EXIT_OK;
}

/* Options may stand anywhere; what is left are the words. -1, or an exit status. */
static int take_options(int argc, char **argv, struct options *o, char **words)
{
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i];
        if (strcmp(a, "--json") == 0) {
            o->json = true;
        } else if (strcmp(a, "--by") == 0 && i + 1 < argc) {
            o->by = argv[++i];
        } else if ((strcmp(a, "-c") == 0 || strcmp(a, "--config") == 0) && i + 1 < argc) {
            o->config = argv[++i];
        } else if (strcmp(a, "-h") == 0 || strcmp(a, "--help") == 0) {
            return help(o->argc > 0 ? words[0] : NULL);
        } else if (strcmp(a, "-V") == 0 || strcmp(a, "--version") == 0) {
            puts("postern " POSTERN_VERSION);
            return EXIT_OK;
        } else if (a[0] == '-' && a[1] && o->argc == 0) {
            fprintf(stderr, "postern: unknown option \"%s\". Try \"postern --help\".\n", a);
            return EXIT_USAGE;
        } else {
            words[o->argc++] = argv[i];
        }
    }
    return -1;
}

int main(int argc, char **argv)
{
    const char *environment = getenv("POSTERN_CONFIG");
    struct options o = {.config = environment ? environment : "/etc/postern/postern.conf"};
    char **words = err_calloc((size_t)argc + 1, sizeof *words);
    int r = take_options(argc, argv, &o, words);
    if (r < 0 && o.argc == 0) {
        postern_usage(stderr);
        r = EXIT_USAGE;
    }
    if (r < 0) {
        const struct command *c = postern_find(words[0]);
        o.argc--;
        o.argv = words + 1;
        r = c ? c->run(&o) : unknown_command(words[0]);
    }
    free(words);
    return r;
}
