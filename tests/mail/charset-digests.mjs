// SPDX-License-Identifier: Apache-2.0
// charset-digests.mjs: SHA-256 of what @exodus/bytes (MIT; an implementation of the WHATWG Encoding Standard that runs the
// web platform tests) decodes, for tests/unit/mime/charset_digests.h. To make them anew: npm install @exodus/bytes in a
// folder, then `node charset-digests.mjs FOLDER/node_modules/@exodus/bytes >charset_digests.h`.
// The inputs are made here and in test_charset.c by the same rules.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
const at = process.argv[2];
const { TextDecoder } = await import(at + '/encoding.js');
const labels = (await import(at + '/fallback/encoding.labels.js')).default;
const version = JSON.parse(readFileSync(at + '/package.json')).version;

let seed;
const random = () => { seed ^= seed << 13; seed ^= seed >>> 17; seed ^= seed << 5; seed >>>= 0; return seed; };
const pieces = ['\x1b(B', '\x1b(J', '\x1b(I', '\x1b$@', '\x1b$B', '\x1b$', '\x1b', '<b>'].map((s) => [...s].map((c) => c.charCodeAt(0)));
const some = () => {
    const out = [];
    for (let n = random() % 12 + 1; n > 0; n--) {
        const kind = random() % 8, r = random();
        if (kind === 0) out.push(...pieces[r % 8]);
        else if (kind < 3) out.push(0x20 + r % 96);
        else if (kind === 3) out.push(0x30 + r % 10);
        else if (kind === 4) out.push(0x80 + r % 128);
        else out.push(r % 256);
    }
    return out;
};
function* inputs(name, multi) {
    for (let a = 0; a < 256; a++) yield [a];
    if (multi) for (let a = 0; a < 256; a++) for (let b = 0; b < 256; b++) yield [a, b];
    if (name === 'euc-jp') for (let a = 0; a < 256; a++) for (let b = 0; b < 256; b++) yield [0x8f, a, b];
    if (name.startsWith('gb')) {
        for (const a of [0x81, 0x82, 0x83, 0x84, 0x85, 0x8f, 0x90, 0x95, 0xe3, 0xe4])
            for (let b = 0x30; b < 0x3a; b++) for (let c = 0x80; c < 256; c++) for (let d = 0x30; d < 0x3a; d++) yield [a, b, c, d];
    }
    seed = 20240229;
    for (let i = 0; i < 20000; i++) yield some();
}
console.log(`/* SPDX-License-Identifier: Apache-2.0
 * charset_digests.h: made by tests/mail/charset-digests.mjs with @exodus/bytes ${version}. Do not edit.
 */
#pragma once

static const struct {
    const char *name, *sha256;
} digests[] = {`);
for (const name of Object.keys(labels).sort()) {
    if (name === 'replacement') continue;
    const multi = /^utf|^gb|^big5|^euc|jis|2022/.test(name), hash = createHash('sha256');
    const decoder = new TextDecoder(name, { ignoreBOM: true });
    for (const i of inputs(name, multi)) hash.update(decoder.decode(Uint8Array.from(i)) + '\n');
    console.log(`    {"${name}", "${hash.digest('hex')}"},`);
}
console.log('};\n\n/* All labels of the standard, by encoding. */\nstatic const struct {\n    const char *name, *labels;\n} labelled[] = {');
for (const name of Object.keys(labels).sort()) {
    const words = [...new Set([name, ...labels[name]])].sort();
    const lines = [];
    for (const w of words) {
        if (lines.length && lines.at(-1).length + w.length < 88) lines[lines.length - 1] += ' ' + w; else lines.push(w);
    }
    console.log(`    {"${name}",\n     ${lines.map((l, i) => `"${l}${i < lines.length - 1 ? ' ' : ''}"`).join('\n     ')}},`);
}
console.log('};');
