// The table of keys.
const rows = new Map(); // by issuer and thumbprint or, without one, kid
const rateOver = 5000; // ms over which uses are counted, so that the figure can be read

const idOf = (k) => JSON.stringify([k.issuer, k.thumbprint || "", k.thumbprint ? "" : k.kid || ""]);
const rank = { active: 0, pending: 1, grace: 2, revoked: 3, retired: 4 };
const missing = {
  fresh: "keys not fetched lately", successor: "no successor in use", expired: "tokens alive", quiet: "not unused for long enough",
};

function newRow() {
  const tr = document.createElement("tr");
  note(tr, "role", "row");
  const cell = (label, name) => {
    const td = make(tr, "td", name);
    note(td, "role", "cell");
    if (label) td.dataset.label = label;
    return td;
  };
  const row = { tr, samples: [] };
  const key = cell();
  row.kid = make(key, "div", "kid");
  row.about = make(key, "div", "about");
  row.acts = make(key, "div", "acts");
  for (const action of ["retire", "revoke"]) {
    const b = make(row.acts, "button", "", action === "retire" ? "Retire …" : "Revoke …");
    b.type = "button";
    b.addEventListener("click", () => openOrder(action, row.key, b));
    row[action] = b;
  }
  row.state = make(cell(), "span", "state");
  const life = cell();
  row.bar = make(life, "div", "bar");
  note(row.bar, "role", "img");
  const caption = make(life, "div", "caption");
  note(caption, "aria-hidden", "true");
  row.caption = [make(caption, "span"), make(caption, "span"), make(caption, "span")];
  row.rate = make(cell("Uses/s", "number"), "span");
  row.used = make(cell("Last used"), "span");
  row.expiry = make(cell("Latest expiry"), "span");
  const safe = cell("Safe to retire?");
  row.safe = make(safe, "details");
  row.verdict = make(row.safe, "summary");
  row.reasons = make(row.safe, "ul");
  row.unjudged = make(safe, "span", "faint", "–");
  return row;
}

function takeKey(k) {
  const id = idOf(k);
  let row = rows.get(id);
  if (!row) rows.set(id, row = newRow());
  row.key = k;
  row.sort = JSON.stringify([k.issuer, rank[k.state] ?? 9, -(when(k.since) ?? 0)]);
  say(row.kid, k.kid || "(no kid)");
  say(row.about, [k.issuer, k.alg, k.thumbprint ? k.thumbprint.slice(0, 10) + "…" : ""].filter(Boolean).join(" · "));
  row.about.title = k.thumbprint || "";
  say(row.state, k.state);
  mark(row.state, "state " + k.state);
  row.state.title = [k.reason, k.actor].filter(Boolean).join(", by ");
  note(row.retire, "aria-label", "Retire key " + (k.kid || k.thumbprint) + " of " + k.issuer);
  note(row.revoke, "aria-label", "Revoke key " + (k.kid || k.thumbprint) + " of " + k.issuer);
  takeSafety(row, k.safe_to_retire);
}

function takeSafety(row, s) {
  row.safe.hidden = !s;
  row.unjudged.hidden = !!s;
  if (!s) return;
  const reasons = s.reasons.map((c) => (c.ok ? "✓ " : "✗ ") + c.detail);
  while (row.reasons.childElementCount > reasons.length) row.reasons.lastElementChild.remove();
  reasons.forEach((text, i) => {
    const li = row.reasons.children[i] ?? make(row.reasons, "li");
    say(li, text);
    mark(li, s.reasons[i].ok ? "" : "bad");
  });
}

function sayVerdict(row) {
  const s = row.key.safe_to_retire;
  if (!s) return;
  if (s.ok) { say(row.verdict, "Yes"); mark(row.verdict, "good"); return; }
  const why = s.reasons.filter((c) => !c.ok).map((c) => missing[c.condition] ?? c.condition);
  const from = when(s.from);
  say(row.verdict, "No: " + why.join(", ") + (from !== undefined && from > now() ? "; not before " + clock(from) : ""));
  mark(row.verdict, "");
}

// rate is how many tokens a second were accepted lately.
function rate(row) {
  const t = now(), all = row.samples;
  all.push({ t, n: row.key.allowed });
  while (all.length > 2 && all[1].t < t - rateOver) all.shift();
  const first = all[0], d = (t - first.t) / 1000;
  const n = row.key.allowed - first.n;
  if (n < 0) { row.samples = []; return "0"; } // another run of the guard
  if (d <= 0 || n === 0) return "0";
  const r = n / d;
  return r < 10 ? r.toFixed(1) : String(Math.round(r));
}

// place puts the rows in their order, and shows those that the filter finds.
function place() {
  const words = byId("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  const all = [...rows.values()].sort((a, b) => a.sort < b.sort ? -1 : a.sort > b.sort ? 1 : 0);
  let at = byId("rows").firstElementChild, shown = 0;
  const counts = {};
  for (const row of all) {
    if (row.tr !== at) byId("rows").insertBefore(row.tr, at); else at = at.nextElementSibling;
    const k = row.key, text = [k.kid, k.issuer, k.state, k.alg, k.thumbprint].join(" ").toLowerCase();
    row.tr.hidden = !words.every((w) => text.includes(w));
    if (!row.tr.hidden) shown++;
    counts[k.state] = (counts[k.state] ?? 0) + 1;
  }
  const parts = Object.keys(rank).filter((s) => counts[s]).map((s) => counts[s] + (s === "grace" ? " in " : " ") + s);
  say(byId("summary"), parts.join(" · "));
  byId("empty").hidden = shown > 0;
  byId("table").hidden = shown === 0;
  say(byId("empty"), rows.size ? "No key fits the filter." : "No keys yet: no issuer's keys were fetched, or none lists any.");
}

// tick brings everything up to date that moves with the time.
function tick() {
  const span = Number(byId("window").value) || fitting([...rows.values()].map((r) => r.key));
  const axis = axisOf(span);
  label(byId("axis").children, axis);
  for (const row of rows.values()) {
    const k = row.key;
    draw(row.bar, k, axis);
    label(row.caption, axis);
    say(row.rate, rate(row));
    sayTime(row.used, when(k.last_used));
    sayTime(row.expiry, when(k.latest_token_expiry));
    sayVerdict(row);
    row.acts.hidden = !unlocked() || !k.thumbprint || k.state === "revoked";
    row.retire.hidden = k.state === "retired" && k.final;
  }
}
