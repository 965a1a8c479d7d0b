// Files of a form, piece by piece: what came before a line broke or a page was reloaded is kept by the node, and goes on
// from there when the same file is chosen again. Without this the form itself carries files, up to its limit.
"use strict";
(() => {
  const box = document.getElementById("upload");
  const input = document.getElementById("new-file");
  const send = document.getElementById("send-file");
  if (!box || !input || !send || !window.fetch) return;
  const form = input.form, text = box.dataset, english = document.documentElement.lang.startsWith("en");
  const bar = box.querySelector("progress"), told = box.querySelector("[role=status]");
  const fault = document.getElementById("upload-fault"), left = document.getElementById("upload-left");
  const stop = document.getElementById("upload-stop"), again = document.getElementById("upload-again");
  const PIECE = 4 << 20, MARK = 64 << 10, PREFIX = "ggzy-upload ", KEPT_MS = 86400000, TRIES = 8;
  let running = null;

  const mib = (bytes) => `${(bytes / 1048576).toFixed(1)} MiB`;
  const say = (words) => { told.textContent = words; };

  function wrong(words) {
    fault.textContent = words;
    fault.hidden = !words;
    if (words) input.setAttribute("aria-invalid", "true"); else input.removeAttribute("aria-invalid");
  }

  function shown(at, size) {
    bar.max = size;
    bar.value = at;
    say(text.going.replace("{at}", mib(at)).replace("{size}", mib(size)).replace("{part}", Math.floor((at / size) * 100)));
  }

  // --- what is remembered over a reload ---------------------------------------------------------------------------

  function remembered() {
    const found = [];
    try {
      for (const key of Object.keys(localStorage)) {
        if (!key.startsWith(PREFIX)) continue;
        const each = JSON.parse(localStorage.getItem(key));
        if (Date.now() - each.when > KEPT_MS) localStorage.removeItem(key); else found.push([key, each]);
      }
    } catch { /* a browser that keeps nothing: then a reload begins again */ }
    return found;
  }

  function remember(key, value) {
    try {
      if (value) localStorage.setItem(key, JSON.stringify(value)); else localStorage.removeItem(key);
    } catch { /* as above */ }
  }

  // The same name, size and day may be another file: its beginning, middle and end are hashed too, where the browser can.
  async function keyOf(file) {
    let mark = "";
    if (window.crypto?.subtle) {
      const middle = Math.floor(file.size / 2);
      const parts = [file.slice(0, MARK), file.slice(middle, middle + MARK), file.slice(Math.max(0, file.size - MARK))];
      const hash = await crypto.subtle.digest("SHA-256", await new Blob(parts).arrayBuffer());
      mark = Array.from(new Uint8Array(hash).slice(0, 16), (byte) => byte.toString(16).padStart(2, "0")).join("");
    }
    return `${PREFIX}${file.name}|${file.size}|${file.lastModified}|${mark}`;
  }

  // --- talking to the node ----------------------------------------------------------------------------------------

  class Refused extends Error {}

  async function call(method, address, headers, body, signal) {
    const all = { "Ggzy-Csrf": form.elements.csrf.value, Accept: "application/json", ...headers };
    const answer = await fetch(address, { method, headers: all, body, signal, redirect: "manual", cache: "no-store" });
    if (answer.type === "opaqueredirect" || answer.status === 401) throw new Refused(text.session);
    if (answer.ok || answer.status === 409 || (answer.status === 404 && method !== "POST")) return answer;
    if (answer.status >= 500 && answer.status !== 507 && !(method === "POST" && answer.status === 503)) throw new TypeError(String(answer.status));
    let words = text.failed;
    try {
      const said = await answer.json();
      words = english ? `${said.detail || said.title}. ${said.advice_en}` : `${said.title_zh}。${said.advice_zh}`;
    } catch { /* not one of ours: the plain words stand */ }
    throw new Refused(words);
  }

  const offset = (answer) => Number(answer.headers.get("Upload-Offset") || 0);

  // A pause that ends at once when the line is back.
  const pause = (ms, signal) => new Promise((go) => {
    const done = () => { clearTimeout(timer); window.removeEventListener("online", done); signal.removeEventListener("abort", done); go(); };
    const timer = setTimeout(done, ms);
    window.addEventListener("online", done);
    signal.addEventListener("abort", done);
  });

  async function bring(file, signal) {
    const key = await keyOf(file);
    const known = remembered().find(([each]) => each === key);
    let place = known ? known[1].at : "", at = 0, fresh = true, tries = 0;
    for (;;) {
      try {
        if (!place) {
          const named = `/files/uploads?name=${encodeURIComponent(file.name)}`;
          const type = file.type ? { "Content-Type": file.type } : {};
          const begun = await call("POST", named, { "Upload-Length": String(file.size), ...type }, undefined, signal);
          place = begun.headers.get("Location");
          remember(key, { at: place, name: file.name, size: file.size, when: Date.now() });
          [at, fresh] = [0, false];
        } else if (fresh) {
          const state = await call("HEAD", place, {}, undefined, signal);
          if (state.status === 404) { place = ""; remember(key, null); continue; }
          [at, fresh] = [offset(state), false];
        }
        shown(at, file.size);
        const piece = file.slice(at, at + PIECE);
        if (at + piece.size >= file.size) say(text.checking);
        const answer = await call("PATCH", place, { "Upload-Offset": String(at) }, piece, signal);
        if (answer.status === 404) { place = ""; remember(key, null); continue; }
        if (answer.status === 200) { remember(key, null); return await answer.json(); }
        at = offset(answer);
        tries = 0;
      } catch (error) {
        if (signal.aborted) throw error;
        if (error instanceof Refused) {
          if (error.message !== text.session) remember(key, null);
          throw error;
        }
        tries += 1;
        if (tries > TRIES) throw new Refused(text.broken);
        fresh = true;
        say(text.waiting);
        await pause(Math.min(30000, 1000 * 2 ** (tries - 1)), signal);
      }
    }
  }

  // --- the page ---------------------------------------------------------------------------------------------------

  function hidden(name, value) {
    const field = form.elements[name] || document.createElement("input");
    [field.type, field.name, field.value] = ["hidden", name, value];
    form.append(field);
  }

  async function start() {
    const file = input.files[0];
    if (!file || running) return;
    wrong("");
    running = new AbortController();
    [box.hidden, again.hidden, stop.hidden, send.disabled] = [false, true, false, true];
    say(text.begins);
    try {
      const done = await bring(file, running.signal);
      input.value = "";
      hidden("uploaded", done.sha256);
      hidden("uploaded_name", done.name);
      send.disabled = false;
      form.requestSubmit(send);
    } catch (error) {
      [stop.hidden, send.disabled, again.hidden] = [true, false, false];
      if (!running.signal.aborted) { wrong(error instanceof Refused ? error.message : text.failed); say(""); }
    } finally {
      running = null;
    }
  }

  send.addEventListener("click", (event) => {
    if (!input.files.length || form.elements.uploaded?.value) return;
    event.preventDefault();
    start();
  });
  again.addEventListener("click", start);
  stop.addEventListener("click", async () => {
    const file = input.files[0];
    running?.abort();
    [box.hidden, input.value] = [true, ""];
    const key = file ? await keyOf(file) : "";
    await give(remembered().find(([each]) => each === key));
  });

  async function give(found) {
    if (!found) return;
    remember(found[0], null);
    try { await call("DELETE", found[1].at, {}); } catch { /* the node forgets it by itself */ }
    await unfinished();
  }

  async function unfinished() {
    left.replaceChildren();
    for (const found of remembered()) {
      const [key, each] = found;
      let at = 0;
      try {
        const state = await call("HEAD", each.at, {});
        if (state.status === 404) { remember(key, null); continue; }
        at = offset(state);
      } catch { continue; }
      const line = document.createElement("li"), drop = document.createElement("button");
      line.append(text.left.replace("{name}", each.name).replace("{at}", mib(at)).replace("{size}", mib(each.size)));
      [drop.type, drop.className, drop.textContent] = ["button", "plain", `${text.drop}`];
      drop.setAttribute("aria-label", `${text.drop}${english ? ": " : "："}${each.name}`);
      drop.addEventListener("click", () => give(found));
      line.append(" ", drop);
      left.append(line);
    }
    left.hidden = !left.children.length;
  }
  unfinished();
})();
