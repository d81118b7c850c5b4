/* SPDX-License-Identifier: Apache-2.0
 * introductions.h: the words by which mail programs introduce what they quote or forward, in
 * some thirty languages: Outlook, Apple Mail, Gmail, Thunderbird, Yahoo, GMX, HubSpot ("wrote"
 * has wire/attribution.c). Read by quote.c alone. Upper and lower case of ASCII are the same; of
 * other letters that is written which the programs write.
 *
 * What can go wrong: words of one's own in all the places where a program has them: what stands
 * below counts as quoted.
 */
#pragma once

/* between strokes: the message that is answered */
static const char *const originals[] = {
    "original message",
    "ursprüngliche nachricht",
    "original-nachricht",
    "message d'origine",
    "message d’origine",
    "message original",
    "mensaje original",
    "messaggio originale",
    "oorspronkelijk bericht",
    "mensagem original",
    "oprindelig meddelelse",
    "ursprungligt meddelande",
    "opprinnelig melding",
    "wiadomość oryginalna",
    "původní zpráva",
    "pôvodná správa",
    "eredeti üzenet",
    "alkuperäinen viesti",
    "исходное сообщение",
    "Исходное сообщение",
    "orijinal mesaj",
    "元のメッセージ",
    "原始邮件",
    "邮件原件",
    "원본 메시지",
};
/* between strokes: a message that is forwarded */
static const char *const forwards[] = {
    "forwarded message",
    "weitergeleitete nachricht",
    "message transféré",
    "message transmis",
    "mensaje reenviado",
    "messaggio inoltrato",
    "doorgestuurd bericht",
    "mensagem encaminhada",
    "mensagem reencaminhada",
    "videresendt meddelelse",
    "videresendt melding",
    "vidarebefordrat meddelande",
    "przekazana wiadomość",
    "wiadomość przesłana dalej",
    "přeposlaná zpráva",
    "preposlaná správa",
    "továbbított üzenet",
    "edelleenlähetetty viesti",
    "välitetty viesti",
    "mesaj redirecționat",
    "proslijeđena poruka",
    "Пересылаемое сообщение",
    "Перенаправленное сообщение",
    "Переслане повідомлення",
    "Перенаправлене повідомлення",
    "İletilmiş Mesaj",
    "İletilen İleti",
    "メッセージを転送",
};
/* between strokes: it ends here (mutt, nmh, Gnus) */
static const char *const forward_ends[] = {
    "end of forwarded",          "end forwarded",       "end of original", "end original",
    "ende der weitergeleiteten", "fin du message",      "fin del mensaje", "fine del messaggio",
    "Завершение пересылаемого",  "Конец пересылаемого",
};

/* Names of header fields, without the colon */
static const char *const froms[] = {
    "From",        "Von",     "De",        "Da",       "Mittente", "Van",   "Fra",    "Från",
    "Od",          "Nadawca", "Lähettäjä", "Feladó",   "De la",    "Šalje", "От",     "От кого",
    "Отправитель", "Від",     "Від кого",  "Kimden",   "Gönderen", "Από",   "Saatja", "No",
    "Nuo",         "מאת",     "من",        "ส่งโดย",    "Từ",       "Dari",  "差出人", "送信元",
    "发件人",      "寄件者",  "보낸 사람", "보낸사람",
};
static const char *const dates[] = {
    "Date",    "Datum", "Fecha", "Data",       "Dato", "Dátum", "Päivämäärä",
    "Päiväys", "Дата",  "Tarih", "Ημερομηνία", "日付", "日期",  "날짜",
};
/* the words of mail programs for it, which people write in few lists of their own */
static const char *const sents[] = {
    "Sent",      "Gesendet",   "Envoyé",        "Enviado",    "Enviado el", "Enviado em",
    "Enviada",   "Enviada em", "Inviato",       "Verzonden",  "Sendt",      "Skickat",
    "Wysłano",   "Wysłane",    "Odesláno",      "Odoslané",   "Elküldve",   "Lähetetty",
    "Trimis",    "Отправлено", "Надіслано",     "Gönderilme", "Gönderildi", "Στάλθηκε",
    "Изпратено", "Saadetud",   "Nosūtīts",      "Išsiųsta",   "Poslano",    "Poslato",
    "Enviat",    "נשלח",       "تاريخ الإرسال", "ส่ง",         "Đã gửi",     "Dikirim",
    "送信日時",  "发送时间",   "寄件日期",      "보낸 날짜",
};
static const char *const subjects[] = {
    "Subject",   "Betreff", "Objet",    "Sujet",   "Asunto",  "Oggetto", "Onderwerp", "Assunto",
    "Emne",      "Ämne",    "Temat",    "Předmět", "Predmet", "Tárgy",   "Aihe",      "Subiect",
    "Subiectul", "Naslov",  "Тема",     "Konu",    "Θέμα",    "Относно", "Teema",     "Tēma",
    "Tema",      "Zadeva",  "Assumpte", "נושא",    "الموضوع", "เรื่อง",    "Chủ đề",    "Subjek",
    "件名",      "主题",    "主旨",     "제목",
};
