// Reads mails with postal-mime and with mailparser: a JSON line for each path on standard input, with
// what each of the two reads there: subject, addresses, leaves with type, name, octets and text. Called
// by compare.py.
import {createHash} from 'node:crypto';
import {readFileSync} from 'node:fs';
import {createInterface} from 'node:readline';
import {PassThrough} from 'node:stream';
import PostalMime, {addressParser, decodeWords} from 'postal-mime';
import {MailParser} from 'mailparser';

const DEPTH_MAX = 60;

function hash(octets) {
    return createHash('sha256').update(octets).digest('hex');
}

function withoutLastLines(octets) {
    let end = octets.length;
    while (end > 0 && octets[end - 1] === 10) {
        end--;
    }
    return octets.subarray(0, end);
}

// Line ends as Unix has them; without those at the end; without blanks at the ends of lines.
function digests(octets) {
    const unix = Buffer.from(octets.filter(o => o !== 13));
    const lines = unix.toString('latin1').replace(/[ \t]+(?=\n|$)/g, '');
    return {
        octets: octets.length, begin: unix.subarray(0, 80).toString('latin1'),
        unix: hash(unix), trimmed: hash(withoutLastLines(unix)),
        unblanked: hash(withoutLastLines(Buffer.from(lines, 'latin1'))),
    };
}

function flat(addresses) {
    const found = (addresses || []).flatMap(a => (a.group ? flat(a.group) : [a.address || '']));
    return found.filter(a => a);
}

// --- postal-mime: the tree that it builds; messages inside messages are left to us

async function postalLeaves(node, depth) {
    if (node.contentType.multipart) {
        const below = [];
        for (const child of node.childNodes) {
            below.push(...await postalLeaves(child, depth + 1));
        }
        return below;
    }
    const octets = Buffer.from(node.content || new ArrayBuffer(0));
    const type = node.contentType.parsed.value.toLowerCase();
    if (type === 'message/rfc822' && depth < DEPTH_MAX) {
        return (await postalTree(octets)).leaves(depth + 1);
    }
    const disposition = node.contentDisposition.parsed.params;
    const said = disposition.filename || node.contentType.parsed.params.name || '';
    return [{
        type, ...digests(octets),
        names: said ? [decodeWords(said)] : [],
        text: type.startsWith('text/') ? node.getTextContent() : null,
        encoding: node.contentTransferEncoding.value.trim().toLowerCase(),
    }];
}

async function postalTree(octets) {
    const parser = new PostalMime({forceRfc822Attachments: true});
    const message = await parser.parse(octets);
    return {message, leaves: depth => postalLeaves(parser.root, depth)};
}

function postalAddresses(message, name) {
    const field = message.headers.find(h => h.key === name);
    return field ? flat(addressParser(field.value)) : [];
}

async function postal(octets) {
    const {message, leaves} = await postalTree(octets);
    return {
        subject: message.subject || '',
        from: postalAddresses(message, 'from'), to: postalAddresses(message, 'to'),
        cc: postalAddresses(message, 'cc'),
        leaves: await leaves(0),
    };
}

// --- mailparser: its tree, and the octets as they come out of its decoders

class Watched extends MailParser {
    createNode(node) {
        const made = super.createNode(node);
        made.octets = [];
        if (made.decoder) {
            const push = made.decoder.push;
            made.decoder.push = function (chunk, encoding) {
                if (chunk) {
                    made.octets.push(Buffer.from(chunk));
                }
                return push.call(this, chunk, encoding);
            };
        }
        return made;
    }
}

function splitLeaves(node) {
    if (node.children.length || /^multipart\//.test(node.contentType || '')) {
        return node.children.flatMap(splitLeaves);
    }
    const octets = Buffer.concat(node.octets);
    return [{
        type: node.contentType || 'text/plain', ...digests(octets),
        names: node.node.filename ? [node.node.filename] : [],
        text: node.textContent || null, encoding: node.node.encoding || '',
    }];
}

function split(octets) {
    return new Promise((resolve, reject) => {
        const parser = new Watched({
            skipHtmlToText: true, skipTextToHtml: true, skipImageLinks: true, checksumAlgo: false,
        });
        parser.on('error', reject);
        parser.on('data', data => {
            if (data.type === 'attachment') {
                data.content.on('error', reject);
                data.content.on('end', () => data.release());
                data.content.resume();
            }
        });
        parser.on('end', () => resolve({
            subject: parser.subject || '',
            from: flat(parser.from && [].concat(parser.from).flatMap(a => a.value)),
            to: flat(parser.to && [].concat(parser.to).flatMap(a => a.value)),
            cc: flat(parser.cc && [].concat(parser.cc).flatMap(a => a.value)),
            leaves: parser.tree ? splitLeaves(parser.tree) : [],
        }));
        const source = new PassThrough();
        source.pipe(parser);
        source.end(octets);
    });
}

function within(promise, ms) {
    let timer;
    const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error('no end')), ms);
    });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

process.on('uncaughtException', () => {}); // of streams that fail after their reader has answered
for await (const path of createInterface({input: process.stdin})) {
    const octets = readFileSync(path), read = {};
    for (const [name, how] of [['postal-mime', postal], ['mailparser', split]]) {
        try {
            read[name] = await within(how(octets), 20000);
        } catch (problem) {
            read[name] = {error: String(problem && problem.message)};
        }
    }
    process.stdout.write(JSON.stringify({file: path, read}) + '\n');
}
process.stdout.write('', () => process.exit(0)); // not before all is written: a pipe takes it bit by bit
