// Times are the guard's: it tells with each event what time it has, and this
// machine's clock only counts on from there.
let told = 0, toldAt = 0;

function setNow(at) { told = Date.parse(at); toldAt = performance.now(); }
function now() { return told ? told + performance.now() - toldAt : Date.now(); }
function when(text) { return text ? Date.parse(text) : undefined; }

// coarse is a duration in one unit; ms is positive.
function coarse(ms) {
  const s = Math.round(ms / 1000);
  if (s < 120) return s + " s";
  if (s < 7200) return Math.floor(s / 60) + " min";
  if (s < 172800) return Math.floor(s / 3600) + " h";
  if (s < 63072000) return Math.floor(s / 86400) + " days";
  return Math.floor(s / 31536000) + " years";
}

function ago(at) {
  const d = now() - at;
  if (Math.abs(d) < 500) return "now";
  return d > 0 ? coarse(d) + " ago" : "in " + coarse(-d);
}

// clock is the hour of a time, with its day if that is not today.
function clock(at) {
  const text = new Date(at).toISOString();
  const hour = text.slice(11, 19) + "Z";
  return text.slice(0, 10) === new Date(now()).toISOString().slice(0, 10) ? hour : text.slice(0, 10) + " " + hour;
}

const byId = (id) => document.getElementById(id);

// Whatever comes from outside becomes text, and nothing else. What is the same
// stays as it is, so that nothing is announced or drawn again.
function say(element, text) { if (element.textContent !== text) element.textContent = text; }
function mark(element, name) { if (element.className !== name) element.className = name; }
function note(element, name, value) { if (element.getAttribute(name) !== value) element.setAttribute(name, value); }

function make(parent, tag, name, text) {
  const e = document.createElement(tag);
  if (name) e.className = name;
  if (text !== undefined) e.textContent = text;
  parent.append(e);
  return e;
}

// sayTime shows how far off a time is, and on hovering the time itself.
function sayTime(element, at) {
  say(element, at === undefined ? "–" : ago(at));
  const title = at === undefined ? "" : new Date(at).toISOString();
  if (element.title !== title) element.title = title;
}
