// The life of a key as a bar. All bars have the same axis, with now at this share
// of it: what lies ahead is a deadline or two.
const nowAt = 0.7;
const spans = [120, 900, 3600, 21600, 86400, 604800, 2592000, 31536000]; // seconds

// fitting is the shortest span that shows the last turn in the life of any key, not
// at its very beginning, and the next end of a grace.
function fitting(keys) {
  let last = 0, next = now();
  for (const k of keys) {
    for (const t of [k.first_seen, k.active_from, k.grace_from, k.retired_at]) {
      const at = when(t);
      if (at !== undefined && at <= now() && at > last) last = at;
    }
    const end = when(k.retires_at);
    if (end > now() && (next <= now() || end < next)) next = end;
  }
  const age = (now() - last) / 1000, ahead = (next - now()) / 1000;
  return spans.find((s) => age < s * nowAt / 2 && ahead < s * (1 - nowAt)) ?? spans[spans.length - 1];
}

// axis maps times to shares of the bar.
function axisOf(seconds) {
  const t = now(), width = seconds * 1000, from = t - width * nowAt;
  return { from, to: from + width, now: t, share: (at) => Math.min(1, Math.max(0, (at - from) / width)) };
}

// segments are the states of a key in turn: where each one begins.
function segments(k) {
  const begun = when(k.first_seen) ?? when(k.retired_at);
  if (begun === undefined) return [];
  const turns = [];
  const turn = (state, at) => { if (at !== undefined) turns.push({ state, at }); };
  const active = when(k.active_from);
  const ended = when(k.retired_at) ?? when(k.retires_at);
  turn(active === undefined && k.state !== "pending" ? "active" : "pending", begun);
  turn("active", active);
  turn("grace", when(k.grace_from));
  turn(k.state === "revoked" ? "revoked" : "retired", ended);
  // What was over before it began, such as the service of a key that was retired
  // before it was listed, is left out.
  return turns.filter((t, i) => turns.slice(i + 1).every((later) => later.at > t.at));
}

// draw draws a key's life into a bar that it may have drawn before.
function draw(bar, k, axis) {
  const pieces = [];
  const turns = segments(k);
  turns.forEach((turn, i) => {
    const end = turns[i + 1]?.at ?? axis.to;
    for (const [from, to, ahead] of [[turn.at, Math.min(end, axis.now), false], [Math.max(turn.at, axis.now), end, true]]) {
      const left = axis.share(from), right = axis.share(to);
      if (to > from && right > left) pieces.push({ name: "seg " + turn.state + (ahead ? " ahead" : ""), left, width: right - left });
    }
  });
  pieces.push({ name: "mark", left: axis.share(axis.now) });
  const expiry = when(k.latest_token_expiry);
  if (expiry !== undefined && expiry > axis.from && expiry < axis.to) pieces.push({ name: "expiry", left: axis.share(expiry) });
  while (bar.childElementCount > pieces.length) bar.lastElementChild.remove();
  pieces.forEach((p, i) => {
    const e = bar.children[i] ?? make(bar, "i");
    mark(e, p.name);
    e.style.left = (p.left * 100).toFixed(3) + "%";
    e.style.width = p.width === undefined ? "" : (p.width * 100).toFixed(3) + "%";
  });
  const words = segments(k).map((t) => t.state + (t.at > axis.now ? " from " : " since ") + clock(t.at));
  note(bar, "aria-label", words.join(", ") || "never listed to this guard");
  if (bar.title !== words.join("\n")) bar.title = words.join("\n");
}

// label writes the ends of the axis under a bar or above all of them.
function label(spots, axis) {
  say(spots[0], coarse(axis.now - axis.from) + " ago");
  say(spots[1], "now");
  spots[1].style.left = nowAt * 100 + "%";
  say(spots[2], "in " + coarse(axis.to - axis.now));
}
