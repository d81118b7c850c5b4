// Only comfort: everything works without it. Shows how far an upload has come, goes on after a login elsewhere, asks for
// passkeys, beside which there is always a phrase, makes the frame of a message as high as the message, and says when an event is by the reader's own clock.
"use strict";
document.querySelectorAll("form[data-upload]").forEach(function (form) {
  form.addEventListener("submit", function (event) {
    var files = form.querySelector("input[type=file]");
    var bar = form.querySelector("progress");
    if (!files || !files.files.length || !bar || !window.XMLHttpRequest) {
      return;
    }
    event.preventDefault();
    var data = new FormData(form);
    if (event.submitter && event.submitter.name) {
      data.append(event.submitter.name, event.submitter.value);
    }
    var request = new XMLHttpRequest();
    bar.hidden = false;
    request.upload.addEventListener("progress", function (e) {
      if (e.lengthComputable) {
        bar.value = Math.floor(100 * e.loaded / e.total);
      }
    });
    request.addEventListener("load", function () {
      if (request.status === 200 && request.responseURL && request.responseURL !== form.action) {
        location.assign(request.responseURL);
        return;
      }
      document.open();
      document.write(request.responseText);
      document.close();
    });
    request.addEventListener("error", function () {
      bar.hidden = true;
      form.submit();
    });
    request.open("POST", form.action);
    request.send(data);
  });
});

function octets(text) {
  return Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), function (c) { return c.charCodeAt(0); });
}

function letters(buffer) {
  return btoa(String.fromCharCode.apply(null, new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

function ids(form) {
  return form.dataset.ids.trim().split(" ").filter(Boolean).map(function (id) { return { type: "public-key", id: octets(id) }; });
}

function create(form) {
  return navigator.credentials.create({ publicKey: {
    challenge: octets(form.dataset.challenge), rp: { id: form.dataset.party, name: document.title },
    user: { id: octets(form.dataset.user), name: form.dataset.name, displayName: form.dataset.name },
    pubKeyCredParams: [{ type: "public-key", alg: -7 }, { type: "public-key", alg: -8 }, { type: "public-key", alg: -257 }],
    excludeCredentials: ids(form), authenticatorSelection: { userVerification: "required" }, attestation: "none"
  } }).then(function (made) {
    form.elements.client.value = letters(made.response.clientDataJSON);
    form.elements.data.value = letters(made.response.getAuthenticatorData());
  });
}

function get(form) {
  return navigator.credentials.get({ publicKey: {
    challenge: octets(form.dataset.challenge), rpId: form.dataset.party, allowCredentials: ids(form), userVerification: "required"
  } }).then(function (shown) {
    form.elements.id.value = letters(shown.rawId);
    form.elements.client.value = letters(shown.response.clientDataJSON);
    form.elements.data.value = letters(shown.response.authenticatorData);
    form.elements.signature.value = letters(shown.response.signature);
  });
}

document.querySelectorAll("form[data-passkey]").forEach(function (form) {
  if (!window.PublicKeyCredential || !window.AuthenticatorAttestationResponse || !AuthenticatorAttestationResponse.prototype.getAuthenticatorData) {
    return;
  }
  form.hidden = false;
  form.addEventListener("submit", function (event) {
    event.preventDefault();
    form.querySelector(".alert").hidden = true;
    (form.dataset.passkey === "create" ? create : get)(form).then(function () {
      form.submit();
    }, function () {
      form.querySelector(".alert").hidden = false;
    });
  });
});

document.querySelectorAll("form[data-go]").forEach(function (form) {
  form.submit();
});

// What is wider than the screen is made smaller, as mail programs of phones do. From a second name (files-url) the frame
// cannot be looked into: it stays as high as the style sheet says.
document.querySelectorAll("iframe.body").forEach(function (frame) {
  var width = 0;
  function fit() {
    var page = frame.contentDocument && frame.contentDocument.documentElement;
    var body = page && page.lastElementChild;
    if (!body || !page.clientWidth) {
      return;
    }
    width = frame.clientWidth;
    body.style.zoom = "";
    var zoom = 1;
    while (zoom > 0.35 && page.scrollWidth > page.clientWidth) { // a second time for what was rounded
      zoom = Math.max(zoom * page.clientWidth / page.scrollWidth - 0.005, 0.35);
      body.style.zoom = zoom;
    }
    var bar = page.scrollWidth > page.clientWidth ? 20 : 0;
    frame.style.height = Math.ceil(page.getBoundingClientRect().height + bar + 2) + "px";
  }
  frame.addEventListener("load", fit);
  window.addEventListener("resize", function () {
    if (frame.clientWidth !== width) {
      fit();
    }
  });
  fit();
});

// A clock's time in a zone that browsers know, as an instant: the offset is looked up twice, for the hour in which it changes.
function instant(local, zone) {
  var wanted = Date.parse(local + "Z"), guess = wanted;
  for (var i = 0; i < 2; i++) {
    guess += wanted - Date.parse(clock(new Date(guess), zone) + "Z");
  }
  return new Date(guess);
}

function clock(date, zone) {
  var parts = {};
  new Intl.DateTimeFormat("en", { timeZone: zone, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit",
    minute: "2-digit" }).formatToParts(date).forEach(function (part) { parts[part.type] = part.value; });
  return parts.year + "-" + parts.month + "-" + parts.day + "T" + parts.hour + ":" + parts.minute;
}

document.querySelectorAll(".own-time").forEach(function (line) {
  function moment(name) {
    if (line.dataset[name + "Utc"]) {
      return new Date(line.dataset[name + "Utc"]);
    }
    return line.dataset[name] && line.dataset.zone ? instant(line.dataset[name], line.dataset.zone) : null;
  }
  try {
    var own = Intl.DateTimeFormat().resolvedOptions().timeZone, begin = moment("begin"), end = moment("end");
    if (!begin || isNaN(begin) || clock(begin, own) === line.dataset.begin) {
      return; // whole days, no zone, or the same clock
    }
    var lang = document.documentElement.lang;
    lang = navigator.language.indexOf(lang) === 0 ? navigator.language : lang; // 7 PM or 19:00
    var how = new Intl.DateTimeFormat(lang, { dateStyle: "medium", timeStyle: "short" });
    line.append((end && end > begin ? how.formatRange(begin, end) : how.format(begin)) + " (" + own + ")");
    line.hidden = false;
  } catch (problem) {
    // a zone that this browser does not know
  }
});
