/* SPDX-License-Identifier: Apache-2.0
 * accounts.c: the accounts of the store and of the password file. Called by main.c of login.
 *
 * What can go wrong: more accounts than fit: the rest cannot log in, which is logged for each.
 */
#include "proc/login/accounts.h"
#include "base/log.h"
#include "wire/domain.h"

#include <stdlib.h>

enum { ACCOUNTS_MAX = 200000 };

void accounts_init(struct accounts *a)
{
    *a = (struct accounts){map_new(ACCOUNTS_MAX), map_new(ACCOUNTS_MAX)};
}

struct str account_key(const char *name, char key[ACCOUNT_NAME_MAX])
{
    const struct address_key same = address_key(str_c(name));
    str_copy_cut(str_c(same.text), key, ACCOUNT_NAME_MAX);
    return str_c(key);
}

const struct account *account_find(const struct accounts *a, const char *name)
{
    char key[ACCOUNT_NAME_MAX];
    struct str k = account_key(name, key);
    const struct account *found = map_get(a->stored, k);
    found = found ? found : map_get(a->listed, k);
    return found && found->enabled ? found : NULL;
}

static void account_free(struct account *a)
{
    if (a) {
        free(a->name);
        free(a->hash);
        free(a->scram);
        free(a->addresses);
        free(a);
    }
}

static void account_put(struct map *to, const struct ipc_account *told)
{
    struct account *a = err_calloc(1, sizeof *a);
    char key[ACCOUNT_NAME_MAX];
    *a = (struct account){
        .name = str_dup(told->name),
        .hash = str_dup(told->hash),
        .scram = str_dup(told->scram),
        .addresses = str_dup(told->addresses),
        .enabled = told->enabled != 0,
    };
    struct str k = account_key(a->name, key);
    account_free(map_take(to, k));
    if (map_put(to, k, a) < 0) {
        log_error("accounts-full", KV("name", a->name));
        account_free(a);
    }
}

void accounts_set(struct accounts *a, const struct ipc_account *told)
{
    account_put(a->stored, told);
}

void accounts_drop(struct accounts *a, struct str name)
{
    char text[ACCOUNT_NAME_MAX], key[ACCOUNT_NAME_MAX];
    str_copy_cut(name, text, sizeof text);
    account_free(map_take(a->stored, account_key(text, key)));
}

static void accounts_drop_all(struct map **m)
{
    size_t cursor = 0;
    struct str key;
    void *value;
    while (map_next(*m, &cursor, &key, &value)) {
        account_free(value);
    }
    map_free(*m);
    *m = map_new(ACCOUNTS_MAX);
}

void accounts_forget_stored(struct accounts *a)
{
    accounts_drop_all(&a->stored);
}

static void account_read_line(struct accounts *a, struct str line)
{
    struct str left = line, name = {0}, hash = {0};
    if (!str_split(&left, ':', &name) || !left.p || !str_split(&left, ':', &hash) || name.n == 0 ||
        hash.n < 10 || hash.p[0] != '$') {
        log_warn("password-file-line", KVS("name", name),
                 KV("problem", "not NAME:HASH:ADDRESSES; left out"));
        return;
    }
    account_put(a->listed, &(struct ipc_account){
                               .name = name,
                               .hash = hash,
                               .addresses = str_trim(left),
                               .enabled = true,
                           });
}

void accounts_read_file(struct accounts *a, struct str text)
{
    struct str line;
    accounts_drop_all(&a->listed);
    while (text.n > 0 && str_split(&text, '\n', &line)) {
        line = str_trim(line.n > 0 && line.p[line.n - 1] == '\r' ? str_slice(line, 0, line.n - 1)
                                                                 : line);
        if (line.n > 0 && line.p[0] != '#') {
            account_read_line(a, line);
        }
    }
}

size_t accounts_count(const struct accounts *a)
{
    return map_len(a->stored) + map_len(a->listed);
}
