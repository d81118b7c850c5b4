/* SPDX-License-Identifier: Apache-2.0
 * write.c: the canonical text of a configuration and the manual page, both from the schema table.
 * Called by posternd (to hand it to children), postern check-config --show and the build.
 */
#include "conf/conf.h"
#include "conf/schema.h"

static int write_quoted(struct buf *out, const char *text)
{
    int r = buf_append(out, "\"", 1);
    for (const char *p = text; r == 0 && *p; p++) {
        if (*p == '"' || *p == '\\') {
            r = buf_append(out, "\\", 1);
        }
        r = r < 0 ? r : buf_append(out, p, 1);
    }
    return r < 0 ? r : buf_append(out, "\"", 1);
}

static int write_choice(struct buf *out, const struct conf_key *key, int index)
{
    struct str rest = str_c(key->choices), one = STR("");
    for (int i = 0; i <= index; i++) {
        (void)str_split(&rest, ' ', &one);
    }
    return buf_add(out, one);
}

static int write_words(struct buf *out, const struct conf_words *words)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < words->n; i++) {
        r = i > 0 ? buf_append(out, " ", 1) : 0;
        r = r < 0 ? r : write_quoted(out, words->v[i]);
    }
    return r;
}

int conf_write_value(struct buf *out, const struct conf_key *key, const void *at)
{
    switch (conf_kinds[key->type].field) {
    case CONF_FIELD_TEXT:
        return *(const char *const *)at ? write_quoted(out, *(const char *const *)at) : 0;
    case CONF_FIELD_WORDS:
        return write_words(out, at);
    case CONF_FIELD_NUMBER:
        return buf_printf(out, "%lld%s", (long long)*(const int64_t *)at,
                          key->type == CONF_TIME ? "ms" : "");
    case CONF_FIELD_CHOICE:
        return write_choice(out, key, *(const int *)at);
    case CONF_FIELD_NONE:
        break;
    }
    return 0;
}

/* True when there is nothing to write: an unset text or an empty list. */
static bool is_unset(const struct conf_key *key, const void *at)
{
    enum conf_field field = conf_kinds[key->type].field;
    return (field == CONF_FIELD_TEXT && !*(const char *const *)at) ||
           (field == CONF_FIELD_WORDS && ((const struct conf_words *)at)->n == 0);
}

static int write_settings(const char *block, const void *base, const char *indent, struct buf *out);

static int write_setting(const struct conf_key *key, const void *base, const char *indent,
                         struct buf *out)
{
    const void *at = (const char *)base + key->offset;
    if (is_unset(key, at)) {
        return 0;
    }
    int r = buf_printf(out, "%s%s%s ", indent, key->name,
                       strcmp(key->name, "outbound") == 0 || strcmp(key->name, "inbound") == 0
                           ? " require"
                           : "");
    r = r < 0 ? r : conf_write_value(out, key, at);
    if (r == 0 && key->type == CONF_TARGET) {
        char block[64];
        struct buf name = BUF_INIT(sizeof block);
        r = buf_printf(&name, "%s%s%s", key->block, *key->block ? "/" : "", key->name);
        str_copy_cut(buf_str(&name), block, sizeof block);
        buf_free(&name);
        r = r < 0 ? r : buf_add(out, STR(" { "));
        r = r < 0 ? r : write_settings(block, base, "", out);
        return r < 0 ? r : buf_add(out, STR("}\n"));
    }
    return r < 0 ? r : buf_add(out, *indent || !*key->block ? STR(";\n") : STR("; "));
}

static int write_settings(const char *block, const void *base, const char *indent, struct buf *out)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < conf_schema_len; i++) {
        const struct conf_key *key = &conf_schema[i];
        if (strcmp(key->block, block) == 0 && key->type != CONF_BLOCK && key->type != CONF_STORE) {
            r = write_setting(key, base, indent, out);
        }
    }
    return r;
}

static int write_block(const char *name, const char *label, const void *base, struct buf *out)
{
    int r = buf_printf(out, "%s ", name);
    if (r == 0 && label) {
        r = write_quoted(out, label);
    }
    r = r < 0 ? r : buf_add(out, STR(" {\n"));
    r = r < 0 ? r : write_settings(name, base, "    ", out);
    return r < 0 ? r : buf_add(out, STR("}\n"));
}

int conf_write(const struct conf *c, struct buf *out)
{
    int r = write_settings("", c, "", out);
    r = r < 0 ? r : buf_printf(out, "store %s ", c->store_kind);
    r = r < 0 ? r : write_quoted(out, c->store_path);
    r = r < 0 ? r : buf_add(out, STR(";\n"));
    for (size_t i = 0; r == 0 && i < conf_schema_len; i++) {
        const struct conf_key *key = &conf_schema[i];
        if (key->type != CONF_BLOCK || key->repeated ||
            (strcmp(key->name, "metrics") == 0 && c->metrics.addresses.n == 0)) {
            continue;
        }
        r = write_block(key->name, NULL, c, out);
    }
    for (size_t i = 0; r == 0 && i < c->n_listens; i++) {
        r = write_block("listen", c->listens[i].label, &c->listens[i], out);
    }
    for (size_t i = 0; r == 0 && i < c->n_own; i++) {
        r = write_block("certificate", NULL, &c->own[i], out);
    }
    for (size_t i = 0; r == 0 && i < c->n_groups; i++) {
        r = write_block("group", c->groups[i].name, &c->groups[i], out);
    }
    for (size_t i = 0; r == 0 && i < c->n_contents; i++) {
        r = write_block("content", c->contents[i].name, &c->contents[i], out);
    }
    for (size_t i = 0; r == 0 && i < c->n_accounts_of; i++) {
        r = write_block("account", c->accounts_of[i].name, &c->accounts_of[i], out);
    }
    for (size_t i = 0; r == 0 && i < c->n_forwards; i++) {
        r = write_block("forward", c->forwards[i].name, &c->forwards[i], out);
    }
    for (size_t i = 0; r == 0 && i < c->n_oidc; i++) {
        r = write_block("oidc", c->oidc[i].name, &c->oidc[i], out);
    }
    for (size_t i = 0; r == 0 && i < c->n_ladders; i++) {
        r = write_block("ladder", c->ladders[i].name, &c->ladders[i], out);
    }
    for (size_t i = 0; r == 0 && i < c->n_certificates; i++) {
        r = write_block("client-certificate", c->certificates[i].name, &c->certificates[i], out);
    }
    for (size_t i = 0; r == 0 && i < c->n_rules; i++) {
        r = write_block(c->rules[i].kind, c->rules[i].name, &c->rules[i], out);
    }
    return r;
}

/* --- the manual page ---------------------------------------------------- */

static const char *type_words(const struct conf_key *key)
{
    const char *words = conf_kinds[key->type].manual;
    return words ? words : key->choices;
}

static int manual_key(const struct conf_key *key, struct buf *out)
{
    int r =
        buf_printf(out, ".TP\n\\fB%s\\fR \\fI%s%s%s\\fR\n%s", key->name,
                   key->label ? key->label : "", key->label ? " " : "", type_words(key), key->doc);
    if (r == 0 && key->required) {
        r = buf_add(out, STR(" Required."));
    }
    if (r == 0 && key->standard && *key->standard) {
        /* a list's words are parted by '|' where they hold blanks */
        r = buf_printf(out, " Default: %s.", key->standard);
    }
    if (r == 0 && conf_name_before(key)) {
        r = buf_printf(out, " Earlier versions called it \\fB%s\\fR.", conf_name_before(key));
    }
    return r < 0 ? r : buf_append(out, "\n", 1);
}

int conf_manual(struct buf *out)
{
    int r = buf_add(out, STR(".TH POSTERN.CONF 5 \"\" Postern \"Postern manual\"\n.SH NAME\n"
                             "postern.conf \\- settings of the Postern mail gateway\n.SH SYNTAX\n"
                             "A setting is a word, its values and a semicolon. A block is a word, "
                             "perhaps a label, and settings in braces. # starts a comment; quotes "
                             "enclose values with blanks; commas between values are allowed; "
                             "include \"FILE\"; reads another file here.\n.PP\nTimes are written "
                             "500ms, 30s, 5m, 4h, 5d or 0; sizes 2048, 256K, 50M, 2G. Unknown and "
                             "repeated settings are errors: \\fBpostern check-config\\fR says "
                             "where.\n"));
    const char *block = NULL;
    for (size_t i = 0; r == 0 && i < conf_schema_len; i++) {
        if (!block || strcmp(block, conf_schema[i].block) != 0) {
            block = conf_schema[i].block;
            r = *block   ? buf_printf(out, ".SH \"IN %s\"\n", block)
                : i == 0 ? buf_add(out, STR(".SH SETTINGS\n"))
                         : buf_add(out, STR(".SH SETTINGS (CONTINUED)\n"));
        }
        r = r < 0 ? r : manual_key(&conf_schema[i], out);
    }
    return r < 0 ? r : buf_add(out, STR(".SH SEE ALSO\npostern(1), posternd(8)\n"));
}
