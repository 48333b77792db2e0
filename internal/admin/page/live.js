// The stream of events. It begins with everything there is, each time.
const silence = 5000; // ms without an event, of which there is one a second
const retry = 3000; // ms
let source, lastEvent = 0, brokenSince;
let unseen; // while a list of all keys comes in: rows that were not in it so far

function live(on) {
  const element = byId("live");
  document.body.classList.toggle("stale", !on);
  if (on) {
    brokenSince = undefined;
    if (performance.getEntriesByName("live").length === 0) performance.mark("live");
    mark(element, "on");
    say(element, "Live");
    return;
  }
  brokenSince ??= now();
  mark(element, "off");
  say(element, "Not live: this is as of " + clock(brokenSince) + ". Trying again.");
}

function connect() {
  source?.close();
  lastEvent = performance.now();
  const s = source = new EventSource("/api/v1/events");
  const on = (name, f) => s.addEventListener(name, (e) => {
    lastEvent = performance.now();
    f(JSON.parse(e.data), e.data);
    live(true);
  });
  on("usage", (u) => {
    setNow(u.at);
    if (u.all) unseen = new Set(rows.keys());
    for (const k of u.keys) { takeKey(k); unseen?.delete(idOf(k)); }
    for (const k of u.gone ?? []) forget(idOf(k));
    if (u.all || u.keys.length || u.gone) place();
    tick();
    sayIssuers();
    sayRefusals();
  });
  on("issuers", (i) => { freshness = i.issuers; sayIssuers(); });
  on("refusals", (sums) => {
    takeRefusals(sums);
    if (!unseen) return;
    unseen.forEach(forget); // the list of all keys is complete
    unseen = undefined;
    place();
  });
  on("life", takeLife);
  s.addEventListener("error", () => {
    live(false);
    if (s.readyState === EventSource.CLOSED && s === source) setTimeout(connect, retry); // refused: the browser does not try again
  });
}

function forget(id) {
  rows.get(id)?.tr.remove();
  rows.delete(id);
}

setInterval(() => {
  const quiet = performance.now() - lastEvent;
  if (quiet > silence) live(false);
  if (quiet > 4 * silence) connect();
}, 1000);

byId("filter").addEventListener("input", place);
byId("window").addEventListener("change", tick);
place();
tick();
connect();
