/* SPDX-License-Identifier: Apache-2.0
 * user.c: postern user: accounts of people who log in to send mail. The password is read from
 * the terminal or standard input, hashed here, and never leaves this process.
 */
#include "cmd/postern/postern.h"
#include "sasl/sasl.h"
#include "seal/password.h"
#include "seal/rest.h"
#include "wire/address.h"

#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

enum { SHORTEST = 8 };

static int user_usage(void)
{
    fputs(
        "usage: postern user list\n"
        "       postern user add NAME [--addresses \"A B @DOMAIN\"] [--no-scram]\n"
        "       postern user passwd NAME [--no-scram]\n"
        "       postern user addresses NAME \"A B @DOMAIN\"\n"
        "       postern user disable|enable|remove NAME\n"
        "       postern user forgive NAME [CLIENT]\n"
        "NAME is what the mail program logs in with, usually the address. Without --addresses "
        "the account may send\n"
        "as NAME only, which must be an address then. The password is asked for, or read from "
        "standard input. --no-scram: store only the argon2id\nhash; the account can then use PLAIN "
        "and LOGIN, but not SCRAM.\nforgive: clears the wrong passwords or codes that keep NAME "
        "waiting, and with CLIENT those from that\naddress. NAME may also be in the directory.\n",
        stderr);
    return EXIT_USAGE;
}

static bool user_read_line(char *dst, size_t size)
{
    if (!fgets(dst, (int)size, stdin)) {
        return false;
    }
    dst[strcspn(dst, "\r\n")] = '\0';
    return true;
}

static bool ask_hidden(const char *prompt, char *dst, size_t size)
{
    struct termios before, quiet;
    if (!isatty(STDIN_FILENO)) {
        return user_read_line(dst, size);
    }
    fputs(prompt, stderr);
    if (tcgetattr(STDIN_FILENO, &before) < 0) {
        return false;
    }
    quiet = before;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    bool ok = user_read_line(dst, size);
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    fputs("\n", stderr);
    return ok;
}

/* 0, or an exit status (said). */
static int ask_password(char *dst, size_t size)
{
    char again[PASSWORD_MAX + 2] = "";
    bool ok = ask_hidden("Password: ", dst, size);
    if (ok && isatty(STDIN_FILENO)) {
        ok = ask_hidden("Again: ", again, sizeof again);
        if (ok && strcmp(dst, again) != 0) {
            fputs("postern: the two passwords differ; nothing was changed\n", stderr);
            ok = false;
            dst[0] = '\0';
        }
        explicit_bzero(again, sizeof again);
    }
    if (ok && strlen(dst) < SHORTEST) {
        fprintf(stderr, "postern: a password must have at least %d characters\n", SHORTEST);
        return EXIT_USAGE;
    }
    return ok ? 0 : EXIT_USAGE;
}

/* "hash TAB scram". */
static int make_secrets(const char *password, bool scram, struct buf *out)
{
    char hash[PASSWORD_HASH_MAX];
    struct sasl_scram keys;
    unsigned char salt[16];
    if (rest_init() < 0 || password_hash(password, hash) < 0) {
        return -ENOMEM;
    }
    int r = buf_printf(out, "%s\t", hash);
    if (r == 0 && scram) {
        password_random(salt, sizeof salt);
        r = sasl_make_scram(password, SASL_ITERATIONS, salt, &keys);
        r = r < 0 ? r
                  : buf_printf(out, "%u,%s,%s,%s", keys.iterations, keys.salt, keys.stored_key,
                               keys.server_key);
        explicit_bzero(&keys, sizeof keys);
    }
    explicit_bzero(hash, sizeof hash);
    return r;
}

static bool addresses_ok(const char *text)
{
    struct str rest = str_c(text), one;
    while (rest.n > 0 && str_split(&rest, ' ', &one)) {
        struct address a;
        if (one.n > 0 && !(one.p[0] == '@' ? address_domain_ok(str_slice(one, 1, one.n), true)
                                           : address_mailbox(one, true, &a) == 0)) {
            fprintf(stderr, "postern: \"" STR_FMT "\" is neither an address nor @DOMAIN\n",
                    STR_ARG(one));
            return false;
        }
    }
    return strlen(text) < 4000;
}

/* Without addresses an account sends as its name: one that is no address could send nothing. */
static bool can_send(const char *name, const char *addresses)
{
    struct address a;
    if (str_trim(str_c(addresses)).n > 0 || address_mailbox(str_c(name), true, &a) == 0) {
        return true;
    }
    fprintf(stderr,
            "postern: \"%s\" is not an address, so the account could not send anything. Say what "
            "it may send as:\n         --addresses \"A B @DOMAIN\". No account was created\n",
            name);
    return false;
}

static int user_put(const struct options *o, const char *how, const char *name, bool with_password,
                    bool scram, const char *addresses)
{
    char password[PASSWORD_MAX + 2] = "", argument[300];
    CLEANUP(buf_wipe) struct buf data = BUF_INIT(8192);
    struct response a;
    if (strlen(name) == 0 || strlen(name) > 255 || strpbrk(name, "\t\r\n") ||
        !addresses_ok(addresses)) {
        return user_usage();
    }
    if (strcmp(how, "add") == 0 && !can_send(name, addresses)) {
        return EXIT_USAGE;
    }
    int r = with_password ? ask_password(password, sizeof password) : 0;
    if (r) {
        return r;
    }
    r = with_password ? make_secrets(password, scram, &data) : buf_add(&data, STR("\t"));
    explicit_bzero(password, sizeof password);
    r = r < 0 ? r : buf_printf(&data, "\t%s", addresses);
    if (r < 0) {
        fprintf(stderr, "postern: the password cannot be hashed: %s\n", strerror(-r));
        return EXIT_NO;
    }
    snprintf(argument, sizeof argument, "%s\t%s", how, name);
    r = ask_with(o, ADMIN_ACCOUNT_PUT, argument, buf_str(&data), &a);
    if (r == 0 && a.ok) {
        printf("%s: %s\n", name, strcmp(how, "add") == 0 ? "may log in now" : "changed");
    }
    return r ? r : response_end(o, &a);
}

static int user_list(const struct options *o)
{
    struct response a;
    char date[32];
    int r = ask(o, "queue.sock", ADMIN_ACCOUNTS, "", &a);
    if (r) {
        return r;
    }
    struct json *out = o->json ? report_array() : NULL;
    for (size_t i = 0; i < a.n; i++) {
        const struct ipc_account *c = &a.rows[i].account;
        if (o->json) {
            struct json *j = report_object();
            report_put_str(j, "name", c->name);
            report_put_str(j, "addresses", c->addresses);
            report_put_bool(j, "enabled", c->enabled);
            report_put_bool(j, "scram", c->scram.n > 0);
            report_put_time(j, "changed", c->changed_ms);
            report_append(out, j);
        } else {
            printf("%-32.*s %-9s %-6s changed %s  sends as " STR_FMT "\n", STR_ARG(c->name),
                   c->enabled ? "enabled" : "disabled", c->scram.n > 0 ? "scram" : "-",
                   when(c->changed_ms, date), STR_ARG(c->addresses.n > 0 ? c->addresses : c->name));
        }
    }
    if (o->json) {
        print_json(out);
    } else if (a.ok && a.n == 0) {
        puts("There are no accounts yet. postern user add NAME creates one.");
    }
    return response_end(o, &a);
}

static int user_change(const struct options *o, enum admin_verb verb)
{
    struct response a;
    int r = ask(o, "queue.sock", verb, o->argv[1], &a);
    if (r == 0 && a.ok) {
        printf("%s: %s\n", o->argv[1],
               verb == ADMIN_ACCOUNT_DROP     ? "removed"
               : verb == ADMIN_ACCOUNT_ENABLE ? "may log in again"
                                              : "may no longer log in");
    }
    return r ? r : response_end(o, &a);
}

/* Says how long they would have had to wait, so that a name with a slip in it is noticed. */
static int user_forgive(const struct options *o)
{
    const char *name = o->argv[1], *client = o->argc > 2 ? o->argv[2] : "";
    unsigned char octets[16];
    struct response a;
    if (strlen(name) == 0 || strlen(name) > 255 ||
        (o->argc > 2 && address_ip_octets(str_c(client), octets) == 0)) {
        return user_usage();
    }
    int r = ask_with(o, ADMIN_ACCOUNT_FORGIVE, name, str_c(client), &a);
    if (r == 0 && a.ok && o->json) {
        struct json *j = report_object();
        report_put_str(j, "name", str_c(name));
        report_put_str(j, "client", str_c(client));
        report_put_int(j, "kept-waiting", atoll(a.text));
        print_json(j);
    } else if (r == 0 && a.ok && atoll(a.text) > 0) {
        printf("%s: all failures cleared; the wait would have been %s s\n", name, a.text);
    } else if (r == 0 && a.ok) {
        printf("%s: was not kept waiting%s\n", name,
               *client ? ""
                       : " by guesses at this name; a network that guesses is refused as well: "
                         "postern user forgive NAME CLIENT");
    }
    return r ? r : response_end(o, &a);
}

int command_user(const struct options *o)
{
    const char *what = o->argc > 0 ? o->argv[0] : "list", *addresses = "";
    bool scram = true;
    if (strcmp(what, "list") == 0 && o->argc <= 1) {
        return user_list(o);
    }
    if (o->argc < 2) {
        return user_usage();
    }
    if (o->argc == 2 && (strcmp(what, "disable") == 0 || strcmp(what, "enable") == 0 ||
                         strcmp(what, "remove") == 0)) {
        return user_change(o, *what == 'd'   ? ADMIN_ACCOUNT_DISABLE
                              : *what == 'e' ? ADMIN_ACCOUNT_ENABLE
                                             : ADMIN_ACCOUNT_DROP);
    }
    if (strcmp(what, "forgive") == 0 && o->argc <= 3) {
        return user_forgive(o);
    }
    if (strcmp(what, "addresses") == 0 && o->argc == 3) {
        return user_put(o, "set", o->argv[1], false, false, o->argv[2]);
    }
    for (int i = 2; i < o->argc; i++) {
        if (strcmp(o->argv[i], "--no-scram") == 0) {
            scram = false;
        } else if (strcmp(o->argv[i], "--addresses") == 0 && i + 1 < o->argc &&
                   strcmp(what, "add") == 0) {
            addresses = o->argv[++i];
        } else {
            return user_usage();
        }
    }
    bool is_new = strcmp(what, "add") == 0;
    return is_new || strcmp(what, "passwd") == 0
               ? user_put(o, is_new ? "add" : "set", o->argv[1], true, scram, addresses)
               : user_usage();
}
