// Issuers, refusals and events.
let freshness = [];

function sayIssuers() {
  const list = byId("issuers");
  const lines = freshness.map((i) => {
    const observed = when(i.observed), stale = when(i.stale_at);
    let state = "good", text = "fetched " + (observed === undefined ? "never" : ago(observed));
    if (i.failing) { state = "warn"; text += ", and the last fetch failed"; }
    if (!i.usable) {
      state = "bad";
      text = { never_fetched: "keys never fetched", stale: "keys too old: " + text, no_active_key: "no active key; " + text, no_fitting_key: "no active key fits its algorithms; " + text }[i.state] ?? text;
    } else if (i.failing && stale !== undefined) text += "; in use until " + clock(stale);
    return { name: i.issuer, state, text: text + "; asked every " + i.interval.replace(/(\d[hm])0[ms].*$/, "$1") };
  });
  while (list.childElementCount > lines.length) list.lastElementChild.remove();
  lines.forEach((l, n) => {
    let li = list.children[n];
    if (!li) { li = make(list, "li"); make(li, "b"); li.append(" "); make(li, "span"); }
    say(li.children[0], l.name);
    say(li.children[1], l.text);
    mark(li.children[1], l.state);
  });
}

const lately = 300000; // ms
let history = []; // of the sums, each from its time on

function takeRefusals(sums) {
  const last = history[history.length - 1];
  if (last && Object.keys(last.sums).some((r) => (sums[r] ?? 0) < last.sums[r])) history = []; // another run of the guard
  history.push({ t: now(), sums });
  sayRefusals();
}

function sayRefusals() {
  if (history.length === 0) return;
  while (history.length > 1 && history[1].t < now() - lately) history.shift();
  const before = history[0].sums, sums = history[history.length - 1].sums;
  say(byId("refusals-window"), now() - history[0].t < lately ? "Since " + clock(history[0].t) : "Last 5 min");
  const lines = Object.keys(sums).map((r) => ({ r, recent: sums[r] - (before[r] ?? 0), all: sums[r] }));
  lines.sort((a, b) => b.recent - a.recent || b.all - a.all || (a.r < b.r ? -1 : 1));
  const body = byId("refusals");
  while (body.childElementCount > Math.max(1, lines.length)) body.lastElementChild.remove();
  if (lines.length === 0) lines.push({ r: "none", recent: "", all: "" });
  lines.forEach((l, n) => {
    let tr = body.children[n];
    if (!tr) { tr = make(body, "tr"); make(tr, "td"); make(tr, "td", "number"); make(tr, "td", "number"); }
    [l.r, l.recent, l.all].forEach((v, i) => say(tr.children[i], String(v)));
  });
}

const mostEvents = 300;
const heard = new Map(); // the list's items by what they tell

// takeLife shows what happened to a key. After a break it is told again: by the
// same guard under the same id, and by one that was started anew under another.
function takeLife(l, text) {
  if (heard.has(text)) return;
  const li = document.createElement("li");
  const t = make(li, "time", "", clock(when(l.time)));
  t.dateTime = l.time;
  const what = l.event === "key_state" ? (l.from ? l.from + " → " : "") + l.to
    : l.event === "key_ordered" ? "ordered: " + l.action + (l.forced ? " by force" : "")
    : l.event === "anomaly" ? l.anomaly : l.event.replace(/^key_/, "").replaceAll("_", " ");
  li.append(" ");
  make(li, "b", "", l.kid || (l.thumbprint ?? "").slice(0, 10));
  li.append(" ");
  make(li, "span", l.event === "anomaly" ? "bad" : "", what);
  const more = [l.issuer, l.event === "key_ordered" || l.event === "key_final" ? l.reason : "", l.event === "key_ordered" ? l.actor : "", l.detail];
  make(li, "span", "faint", " · " + more.filter(Boolean).join(" · "));
  const list = byId("events");
  list.prepend(li);
  heard.set(text, li);
  if (heard.size <= mostEvents) return;
  const [oldest, item] = heard.entries().next().value;
  item.remove();
  heard.delete(oldest);
}
