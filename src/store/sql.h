/* SPDX-License-Identifier: Apache-2.0
 * sql.h: columns and statements made from the lists of records/records.def, as texts at compile
 * time. A record's table has its name, but that of `rcpt` is recipient. Used by schema.sql.h and
 * sqlite_priv.h.
 */
#pragma once
#include "records/record.h"
#include "records/records.def"

/* "a, b, c" of what is `, a, b, c`. */
#define SQL_LIST(...)                 SQL_WITHOUT_FIRST(__VA_ARGS__)
#define SQL_WITHOUT_FIRST(first, ...) #__VA_ARGS__

/* Names of columns, and the parameters that store_bind() finds: "id, host" and ":id, :host". */
#define SQL_NAMES(record) SQL_LIST(RECORD_##record(SQL_NAME))
#define SQL_MARKS(record) SQL_LIST(RECORD_##record(SQL_MARK))
/* clang-format off */
#define SQL_NAME(kind, name, most) , name
#define SQL_MARK(kind, name, most) , :name
/* clang-format on */
/* The same names of a table that the statement calls m, or r. */
#define SQL_NAMES_OF_M(record)          SQL_LIST(RECORD_##record(SQL_NAME_OF_M))
#define SQL_NAMES_OF_R(record)          SQL_LIST(RECORD_##record(SQL_NAME_OF_R))
#define SQL_NAME_OF_M(kind, name, most) , m.name
#define SQL_NAME_OF_R(kind, name, most) , r.name

/* A row with all of them; all columns of a table; a new row; a new row, or another one in its
 * place. */
#define SQL_ROW(record)    "(" SQL_NAMES(record) ") VALUES (" SQL_MARKS(record) ")"
#define SQL_SELECT(record) "SELECT " SQL_NAMES(record) " FROM " #record
#define SQL_ADD(record)    "INSERT INTO " #record " " SQL_ROW(record)
#define SQL_PUT(record)    "INSERT OR REPLACE INTO " #record " " SQL_ROW(record)
/* In UPDATE and WHERE. */
#define SQL_IS(name) #name "=:" #name

/* The columns of a new table, with a comma behind each. */
#define SQL_COLUMNS(record)          RECORD_##record(SQL_COLUMN)
#define SQL_COLUMN(kind, name, most) SQL_COLUMN_OF(RECORD_CLASS_##kind, #name)
#define SQL_COLUMN_OF(class, name)   SQL_COLUMN_IS(class, name)
#define SQL_COLUMN_IS(class, name)   name SQL_##class
#define SQL_FIELD_KEY                " INTEGER, "
#define SQL_FIELD_SERIAL             " INTEGER, "
#define SQL_FIELD_NUMBER             " INTEGER NOT NULL DEFAULT 0, "
#define SQL_FIELD_FLAG               " INTEGER NOT NULL DEFAULT 0, "
#define SQL_FIELD_TEXT               " TEXT NOT NULL DEFAULT '', "
#define SQL_FIELD_OCTETS             " BLOB NOT NULL DEFAULT x'', "
/* A table whose rows have a key or a serial number; one that finds its rows by texts or several
 * fields; one with numbers that the record does not have. */
#define SQL_TABLE(record, key) \
    "CREATE TABLE " #record " (" SQL_COLUMNS(record) "PRIMARY KEY (" key "));"
#define SQL_KEYED_TABLE(record, key) \
    "CREATE TABLE " #record " (" SQL_COLUMNS(record) "PRIMARY KEY (" key ")) WITHOUT ROWID;"
#define SQL_NUMBERED_TABLE(record, key) \
    "CREATE TABLE " #record " (" key " INTEGER, " SQL_COLUMNS(record) "PRIMARY KEY (" key "));"
