// Comfort only: every form works without this. Sums are read back while they are typed, and a form keeps itself as a
// draft a while after the last key.
"use strict";
(() => {
  const units = { "元": 2n, "万元": 6n, "亿元": 10n };
  const group = (text) => text.replace(/\B(?=(\d{3})+(?!\d))/g, ",");
  const yuan = (fen) => `${group((fen / 100n).toString())}.${(fen % 100n).toString().padStart(2, "0")}`;

  function fenOf(text, unit) {
    const narrow = text.normalize("NFKC").replace(/[\s,]/g, "");
    const found = /^(\d{1,15})(?:\.(\d{1,8}))?(元|万元?|亿元?)?$/.exec(narrow);
    if (!found) return null;
    const named = found[3] ? (found[3].endsWith("元") ? found[3] : `${found[3]}元`) : unit;
    const shift = units[named];
    const rest = (found[2] || "").padEnd(Number(shift), "0");
    if (/[1-9]/.test(rest.slice(Number(shift)))) return null;
    return BigInt(found[1] + rest.slice(0, Number(shift)));
  }

  function readBack(input) {
    const unit = input.form.elements[`${input.name}.unit`];
    const shown = document.getElementById(`${input.id}-sum`);
    if (!unit || !shown) return;
    const fen = fenOf(input.value, unit.value);
    let text = fen === null ? "" : `= ${yuan(fen)} 元`;
    if (fen !== null && fen >= 1000000n) text += `（${yuan(fen / 10000n)} 万元）`;
    shown.textContent = text;
  }

  for (const input of document.querySelectorAll("input[data-money]")) {
    const again = () => readBack(input);
    input.addEventListener("input", again);
    input.form.elements[`${input.name}.unit`]?.addEventListener("change", again);
  }

  const form = document.getElementById("act-form");
  const told = document.getElementById("saved");
  if (!form || !told) return;
  let timer = 0, sending = false, dirty = false, leaving = false;

  async function save() {
    if (sending || leaving) return;
    sending = true;
    dirty = false;
    const body = new URLSearchParams(new FormData(form));
    body.set("page", location.pathname);
    try {
      const answer = await fetch("/console/autosave", { method: "POST", body, headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(String(answer.status));
      const { draft, version } = await answer.json();
      form.elements.draft.value = draft;
      form.elements.version.value = version;
      const now = new Date().toLocaleTimeString("zh-CN", { hour12: false, timeZone: "Asia/Shanghai" });
      told.textContent = `${told.dataset.saved} ${now}`;
    } catch {
      told.textContent = told.dataset.failed;
    } finally {
      sending = false;
      if (dirty) plan();
    }
  }

  function plan() {
    dirty = true;
    clearTimeout(timer);
    timer = setTimeout(save, 4000);
  }

  form.addEventListener("input", plan);
  form.addEventListener("change", plan);
  // A form that is on its way must not be overtaken by its own draft.
  form.addEventListener("submit", () => { leaving = true; clearTimeout(timer); });
  document.getElementById("problems")?.focus();
})();
