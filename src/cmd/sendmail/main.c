/* SPDX-License-Identifier: Apache-2.0
 * sendmail: takes a message on standard input and gives it to the gateway on this machine, as
 * programs expect of /usr/sbin/sendmail. While the gateway is not running the message waits in
 * the drop directory. Runs as the user who calls it; nothing is set-uid.
 */
#include "cmd/sendmail/sendmail.h"
#include "conf/conf.h"
#include "wire/address.h"
#include "wire/date.h"
#include "wire/domain.h"
#include "wire/encoded.h"
#include "wire/header.h"
#include "wire/mailboxes.h"

#include <dirent.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char usage[] =
    "Usage: sendmail [options] [recipient ...] < message\n"
    "Gives a message to the mail gateway on this machine, or keeps it until the gateway runs.\n\n"
    "  -t            recipients from To, Cc and Bcc; where Resent-To, -Cc or -Bcc is there, from "
    "those alone\n"
    "  -f ADDRESS    sender (also -r); without it the user's name at this host\n"
    "  -F NAME       the sender's full name, if there is no From field\n"
    "  -i, -oi       a line with only a dot does not end the message\n"
    "  -bs           speak SMTP on standard input and output\n"
    "  -bm           the usual way (may be left out); -bp: see postern queue list\n"
    "  -q            pick up what waits in the drop directory (posternd does this by itself)\n"
    "  -C FILE       the configuration (default: $POSTERN_CONFIG or /etc/postern/postern.conf)\n"
    "  -A, -B, -G, -L, -N, -O, -R, -U, -V, -X, -e, -h, -m, -n, -o, -p, -v: taken, no effect\n"
    "Letters may stand in one word: -ti.\n\n"
    "  --help, --version\n";

struct settings {
    const char *config, *sender, *name, *mode;
    bool from_fields, dot_is_text, pick_up, host_has_mailboxes;
    char hostname[256], gateway[128], drop[600], admin[ADDRESS_ROOM];
};

/* --- options ------------------------------------------------------------ */

/* The value of the option whose letter is at `p`: the rest of the word, or the next word. */
static const char *value_of(int argc, char **argv, int *at, const char *p)
{
    if (p[1]) {
        return p + 1;
    }
    return *at + 1 < argc ? argv[++*at] : NULL;
}

/* The letters that take the rest of the word, or the next word; -1 to go on, else an exit
 * status. */
static int take_value(struct settings *s, char letter, const char *value)
{
    switch (letter) {
    case 'f':
    case 'r':
        s->sender = value;
        break;
    case 'F':
        s->name = value;
        break;
    case 'C':
        s->config = value;
        break;
    case 'o':
        s->dot_is_text |= value && value[0] == 'i';
        break;
    }
    return value ? -1 : EX_USAGE;
}

/* One word of letters: -ti is -t -i, as Exim has it. -1 to go on, else an exit status. */
static int take_letters(struct settings *s, int argc, char **argv, int *at)
{
    const char *word = argv[*at];
    for (const char *p = word + 1; *p; p++) {
        if (strchr("frFCoBLNORVXhp", *p)) {
            return take_value(s, *p, value_of(argc, argv, at, p));
        }
        if (strchr("Ae", *p)) { /* their value stands in the same word: -em, -Am */
            return -1;
        }
        if (*p == 'b') {
            s->mode = p + 1;
            return -1;
        }
        if (*p == 'q') { /* -q30m: the time has no effect */
            s->pick_up = true;
            return -1;
        }
        if (!strchr("tivmnUG", *p)) {
            fprintf(stderr, "sendmail: option %s is not known. Try sendmail --help.\n", word);
            return EX_USAGE;
        }
        s->from_fields |= *p == 't';
        s->dot_is_text |= *p == 'i';
    }
    return -1;
}

/* One option word; -1 to go on, else an exit status. */
static int sendmail_take_option(struct settings *s, int argc, char **argv, int *at)
{
    if (strcmp(argv[*at], "--help") == 0) {
        fputs(usage, stdout);
        return EX_OK;
    }
    if (strcmp(argv[*at], "--version") == 0) {
        puts("sendmail of Postern " POSTERN_VERSION);
        return EX_OK;
    }
    return take_letters(s, argc, argv, at);
}

/* Where the gateway listens; without a readable configuration, the usual place. */
static void read_config(struct settings *s)
{
    CLEANUP(buf_free) struct buf problems = BUF_INIT(256 * 1024);
    struct conf *c = NULL;
    str_copy_cut(STR("127.0.0.1:25"), s->gateway, sizeof s->gateway);
    str_copy_cut(STR("/var/spool/postern/drop"), s->drop, sizeof s->drop);
    str_copy_cut(STR("postmaster"), s->admin, sizeof s->admin);
    if (gethostname(s->hostname, sizeof s->hostname - 1) < 0 || !*s->hostname) {
        str_copy_cut(STR("localhost"), s->hostname, sizeof s->hostname);
    }
    if (conf_load(s->config, &problems, &c) < 0) {
        return;
    }
    str_copy_cut(str_c(c->hostname), s->hostname, sizeof s->hostname);
    s->host_has_mailboxes = conf_is_inside(c, domain_from(str_c(c->hostname)));
    str_copy_cut(str_c(c->drop_directory), s->drop, sizeof s->drop);
    if (*c->admin) {
        str_copy_cut(str_c(c->admin), s->admin, sizeof s->admin);
    }
    for (size_t i = 0; i < c->n_listens; i++) {
        if (c->listens[i].kind == CONF_LISTEN_SMTP && c->listens[i].balancers.n == 0) {
            struct str at = str_c(c->listens[i].addresses.v[0]);
            struct str port = str_slice(at, str_find_last(at, ':'), at.n);
            bool any = str_starts_nocase(at, STR("[::]")) || str_starts_nocase(at, STR("0.0.0.0"));
            snprintf(s->gateway, sizeof s->gateway, STR_FMT STR_FMT,
                     STR_ARG(any ? STR("127.0.0.1") : str_slice(at, 0, at.n - port.n)),
                     STR_ARG(port));
            break;
        }
    }
    conf_free(c);
}

/* --- the message -------------------------------------------------------- */

/* Reads standard input; every line end becomes CRLF. A CR or NUL within a line becomes a blank
 * (Postfix: cleanup_replace_stray_cr_lf): it is what a program draws its progress with, and a
 * blank ends no line anywhere. */
static int sendmail_read_message(const struct settings *s, struct buf *out)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    int r = 0;
    while (r == 0 && (n = getline(&line, &cap, stdin)) > 0) {
        size_t len = (size_t)n;
        len -= len > 0 && line[len - 1] == '\n';
        len -= len > 0 && line[len - 1] == '\r';
        if (!s->dot_is_text && len == 1 && line[0] == '.') {
            break;
        }
        for (size_t i = 0; i < len; i++) {
            line[i] = line[i] == '\r' || line[i] == '\0' ? ' ' : line[i];
        }
        r = buf_append(out, line, len);
        r = r < 0 ? r : buf_add(out, STR("\r\n"));
    }
    free(line);
    return r;
}

/* A name without a domain: "root", as cron has it. */
static bool is_user_name(struct str s)
{
    char text[ADDRESS_ROOM];
    struct address a;
    int n = snprintf(text, sizeof text, STR_FMT "@localhost", STR_ARG(s));
    return str_find(s, '@', 0) == s.n && n > 0 && (size_t)n < sizeof text &&
           address_mailbox(str_c(text), true, &a) == 0;
}

/* Nobody has a mailbox on a gateway: mail to a user of this machine goes to the administrator. */
static int add_addresses(const struct settings *s, struct letter *l, struct str list)
{
    struct mailbox next;
    while (mailboxes_next(&list, &next)) {
        struct str one = next.address;
        bool user = is_user_name(one) && !str_eq_nocase(one, STR("postmaster"));
        int r = letter_add(l, user ? str_c(s->admin) : one);
        if (r < 0) {
            fprintf(stderr, "sendmail: \"" STR_FMT "\" is not an address\n", STR_ARG(one));
            return r;
        }
    }
    return 0;
}

/* Without a sender the author is MAILER-DAEMON, for a From field must name somebody (RFC 5322
 * 3.6.2). */
static int add_from(const struct settings *s, const struct letter *l, struct buf *out)
{
    bool named = s->name && *s->name, nobody = !l->sender[0];
    int r = buf_add(out, STR("From: "));
    if (r == 0 && named) {
        r = encoded_write(str_c(s->name), true, out);
    }
    return r < 0 ? r
                 : buf_printf(out, "%s%s%s%s\r\n", named ? " <" : "",
                              nobody ? "MAILER-DAEMON@" : l->sender, nobody ? s->hostname : "",
                              named ? ">" : "");
}

struct seen {
    bool from, date, id;
};

static int add_missing(const struct settings *s, const struct letter *l, const struct seen *seen,
                       struct buf *out)
{
    char date[DATE_MAX];
    struct timespec now;
    int r = 0;
    clock_gettime(CLOCK_REALTIME, &now);
    date_rfc5322((int64_t)now.tv_sec * 1000, date);
    if (!seen->from) {
        r = add_from(s, l, out);
    }
    if (r == 0 && !seen->date) {
        r = buf_printf(out, "Date: %s\r\n", date);
    }
    if (r == 0 && !seen->id) {
        r = buf_printf(out, "Message-ID: <%llx.%lx.%d@%s>\r\n", (unsigned long long)now.tv_sec,
                       now.tv_nsec, (int)getpid(), s->hostname);
    }
    return r;
}

/* To, Cc or Bcc; with resent Resent-To, Resent-Cc or Resent-Bcc. */
static bool names_recipients(struct str name, bool resent)
{
    if (resent != str_starts_nocase(name, STR("Resent-"))) {
        return false;
    }
    struct str kind = resent ? str_slice(name, 7, name.n) : name;
    return str_eq_nocase(kind, STR("To")) || str_eq_nocase(kind, STR("Cc")) ||
           str_eq_nocase(kind, STR("Bcc"));
}

/* RFC 5322 3.6.6: the message is sent once more, to those whom the Resent fields name. */
static bool is_resent(struct str rest)
{
    struct str name, value;
    while (header_next(&rest, &name, &value) && name.n > 0) {
        if (names_recipients(name, true)) {
            return true;
        }
    }
    return false;
}

/* Without the line "From x Mon ..." that a message from an mbox file begins with. */
static struct str behind_mbox_line(struct str message)
{
    static const char days[] = "Sun Mon Tue Wed Thu Fri Sat ";
    struct str rest = message, line, from;
    if (message.n < 5 || memcmp(message.p, "From ", 5) != 0 || !str_split(&rest, '\n', &line)) {
        return message;
    }
    line = str_slice(line, 5, line.n);
    bool is_mbox =
        str_split(&line, ' ', &from) && line.n > 4 && memmem(days, sizeof days - 1, line.p, 4);
    return is_mbox ? rest : message;
}

/* The header section: recipients are taken from it (-t), Bcc goes, what is missing comes. */
static int sendmail_compose(const struct settings *s, struct str message, struct letter *l)
{
    struct str rest = behind_mbox_line(message), name, value;
    struct seen seen = {0};
    bool resent = is_resent(rest);
    int r = 0;
    for (struct str before = rest; r == 0 && header_next(&rest, &name, &value); before = rest) {
        bool bcc = str_eq_nocase(name, STR("Bcc")) || str_eq_nocase(name, STR("Resent-Bcc"));
        if (name.n == 0) { /* not a header line: the body begins without an empty line */
            rest = before;
            r = add_missing(s, l, &seen, &l->text);
            r = r < 0 ? r : buf_add(&l->text, STR("\r\n"));
            return r < 0 ? r : buf_add(&l->text, rest);
        }
        seen.from |= str_eq_nocase(name, STR("From"));
        seen.date |= str_eq_nocase(name, STR("Date"));
        seen.id |= str_eq_nocase(name, STR("Message-ID"));
        if (s->from_fields && names_recipients(name, resent)) {
            r = add_addresses(s, l, value);
        }
        r = r < 0 || bcc ? r : buf_add(&l->text, str_slice(before, 0, before.n - rest.n));
    }
    r = r < 0 ? r : add_missing(s, l, &seen, &l->text);
    if (r == 0 && rest.n == 0) {
        r = buf_add(&l->text, STR("\r\n"));
    }
    return r < 0 ? r : buf_add(&l->text, rest);
}

static void default_sender(const struct settings *s, struct letter *l)
{
    const struct passwd *who = getpwuid(getuid());
    if (!s->sender) {
        snprintf(l->sender, sizeof l->sender, "%s@%s", who ? who->pw_name : "nobody", s->hostname);
    } else {
        struct str given = str_trim(str_c(s->sender));
        bool angled = given.n > 1 && given.p[0] == '<' && given.p[given.n - 1] == '>';
        given = angled ? str_slice(given, 1, given.n - 1) : given;
        bool whole = given.n == 0 || str_find(given, '@', 0) < given.n;
        snprintf(l->sender, sizeof l->sender, STR_FMT "%s%s", STR_ARG(given), whole ? "" : "@",
                 whole ? "" : s->hostname);
    }
}

/* --- ways --------------------------------------------------------------- */

static int sendmail_hand_over(const struct settings *s, const struct letter *l)
{
    char words[1024] = "";
    CLEANUP(err_close_fd) int fd = gateway_connect(s->gateway);
    bool put_off[SENDMAIL_RCPTS_MAX] = {false};
    int r = fd < 0 ? EX_TEMPFAIL : gateway_send(fd, l, s->hostname, put_off, words, sizeof words);
    if (r == EX_UNAVAILABLE) {
        fprintf(stderr, "sendmail: the gateway did not take it: %s\n", words);
    }
    int kept = r == EX_TEMPFAIL ? drop_put(s->drop, l) : drop_put_rest(s->drop, l, put_off);
    if (r != EX_TEMPFAIL && kept == 0) {
        return r;
    }
    if (kept < 0) {
        fprintf(stderr,
                "sendmail: the gateway at %s cannot take it now (%s), and %s cannot keep it: %s\n",
                s->gateway,
                fd < 0   ? strerror(-fd)
                : *words ? words
                         : "the connection broke",
                s->drop, strerror(-kept));
        return EX_TEMPFAIL;
    }
    return EX_OK;
}

static int sendmail_submit(const struct settings *s, char **rcpts, int n)
{
    struct letter l = {.text = BUF_INIT(SENDMAIL_MESSAGE_MAX)};
    CLEANUP(buf_wipe) struct buf message = BUF_INIT(SENDMAIL_MESSAGE_MAX);
    struct address a;
    int r = EX_OK;
    default_sender(s, &l);
    if (l.sender[0] && address_mailbox(str_c(l.sender), true, &a) < 0) {
        fprintf(stderr, "sendmail: \"%s\" is not a sender address\n", l.sender);
        return EX_USAGE;
    }
    for (int i = 0; i < n && r == EX_OK; i++) {
        r = add_addresses(s, &l, str_c(rcpts[i])) < 0 ? EX_DATAERR : EX_OK;
    }
    int e = r == EX_OK ? sendmail_read_message(s, &message) : 0;
    if (e < 0) {
        fprintf(stderr, "sendmail: the message cannot be taken: %s\n", strerror(-e));
        r = EX_DATAERR;
    }
    if (r == EX_OK && sendmail_compose(s, buf_str(&message), &l) < 0) {
        r = EX_DATAERR;
    }
    if (r == EX_OK && l.n_rcpts == 0) {
        fputs("sendmail: no recipients: name them, or use -t\n", stderr);
        r = EX_USAGE;
    }
    r = r == EX_OK ? sendmail_hand_over(s, &l) : r;
    letter_free(&l);
    return r;
}

/* SMTP on standard input and output: octets are passed on. */
static int speak(const struct settings *s)
{
    char chunk[16384];
    CLEANUP(err_close_fd) int fd = gateway_connect(s->gateway);
    if (fd < 0) {
        printf("421 4.3.2 %s The mail gateway is not running; please come back\r\n", s->hostname);
        return EX_TEMPFAIL;
    }
    struct pollfd both[2] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    for (;;) {
        if (poll(both, 2, -1) < 0) {
            return EX_OSERR;
        }
        for (int i = 0; i < 2; i++) {
            if (!(both[i].revents & (POLLIN | POLLHUP | POLLERR))) {
                continue;
            }
            ssize_t n = read(both[i].fd, chunk, sizeof chunk);
            if (n <= 0 && i == 1) {
                return EX_OK;
            }
            if (n <= 0) { /* the client is done: its last answers are still to come */
                both[0].fd = -1;
                (void)shutdown(fd, SHUT_WR);
            } else if (write(i == 0 ? fd : STDOUT_FILENO, chunk, (size_t)n) != n) {
                return EX_OSERR;
            }
        }
    }
}

/* The sender left long ago with status 0: it is told by mail. Who sent at our host name has no
 * mailbox, unless that is a domain of the inside: the administrator is told. */
static void tell_sender(const struct settings *s, const struct letter *refused, const bool *put_off,
                        const char *answer)
{
    struct letter notice;
    char words[1024] = "";
    bool later[SENDMAIL_RCPTS_MAX] = {false};
    struct str sender = str_c(refused->sender);
    size_t at = str_find_last(sender, '@');
    bool of_host = !s->host_has_mailboxes &&
                   str_eq_nocase(str_slice(sender, at + 1, sender.n), str_c(s->hostname));
    if (sender.n == 0) { /* a notice itself */
        return;
    }
    int r = sendmail_notice(s->hostname, of_host ? str_c(s->admin) : sender, refused, put_off,
                            answer, &notice);
    if (r == 0) {
        CLEANUP(err_close_fd) int fd = gateway_connect(s->gateway);
        r = fd < 0 ? EX_TEMPFAIL
                   : gateway_send(fd, &notice, s->hostname, later, words, sizeof words);
        r = r == EX_TEMPFAIL ? drop_put(s->drop, &notice) : r;
    }
    if (r != 0) {
        fprintf(stderr, "sendmail: %s could not be told of it: %s\n", refused->sender,
                r < 0 ? strerror(-r) : words);
    }
    letter_free(&notice);
}

/* One file of the drop directory. An exit status. */
static int pick_up_one(const struct settings *s, const char *path, const char *aside)
{
    struct letter l;
    char words[1024] = "";
    int r = drop_get(path, &l);
    if (r < 0) {
        fprintf(stderr, "sendmail: %s cannot be read (%s): put aside\n", path, strerror(-r));
        (void)!rename(path, aside);
        return EX_OK;
    }
    CLEANUP(err_close_fd) int fd = gateway_connect(s->gateway);
    bool put_off[SENDMAIL_RCPTS_MAX] = {false};
    int result =
        fd < 0 ? EX_TEMPFAIL : gateway_send(fd, &l, s->hostname, put_off, words, sizeof words);
    if (result != EX_TEMPFAIL && drop_put_rest(s->drop, &l, put_off) < 0) {
        fprintf(stderr,
                "sendmail: %s cannot keep %s for those who were put off: it is handed over once "
                "more to all\n",
                s->drop, path);
        result = EX_TEMPFAIL;
    }
    if (result == EX_OK) {
        (void)unlink(path);
    } else if (result == EX_UNAVAILABLE) {
        fprintf(stderr, "sendmail: the gateway refused %s from %s (%s): put aside\n", path,
                l.sender, words);
        tell_sender(s, &l, put_off, words);
        (void)!rename(path, aside);
        result = EX_OK;
    }
    letter_free(&l);
    return result;
}

/* What waits in the drop directory, one after the other; what the gateway refuses is put aside. */
static int pick_up(const struct settings *s)
{
    char path[900], aside[900];
    DIR *dir = opendir(s->drop);
    const struct dirent *entry;
    int result = EX_OK;
    while (dir && result == EX_OK && (entry = readdir(dir))) {
        if (strncmp(entry->d_name, "mail-", 5) == 0) {
            snprintf(path, sizeof path, "%s/%s", s->drop, entry->d_name);
            snprintf(aside, sizeof aside, "%s/refused-%s", s->drop, entry->d_name + 5);
            result = pick_up_one(s, path, aside);
        }
    }
    if (dir) {
        closedir(dir);
    }
    return result;
}

int main(int argc, char **argv)
{
    const char *environment = getenv("POSTERN_CONFIG");
    struct settings s = {
        .config = environment ? environment : "/etc/postern/postern.conf",
        .mode = "m",
    };
    int at = 1;
    for (; at < argc && argv[at][0] == '-' && argv[at][1]; at++) {
        if (strcmp(argv[at], "--") == 0) {
            at++;
            break;
        }
        int r = sendmail_take_option(&s, argc, argv, &at);
        if (r >= 0) {
            return r;
        }
    }
    read_config(&s);
    if (s.pick_up) {
        return pick_up(&s);
    }
    if (strcmp(s.mode, "s") == 0) {
        return speak(&s);
    }
    if (strcmp(s.mode, "m") != 0) {
        fprintf(stderr,
                "sendmail: -b%s is not done here; see postern queue list. Try sendmail --help.\n",
                s.mode);
        return EX_USAGE;
    }
    return sendmail_submit(&s, argv + at, argc - at);
}
