// Retiring and revoking. The token is kept in this variable and nowhere else.
let token = "";
let order; // what the dialog is about

const unlocked = () => token !== "";

function lock(text) {
  token = text;
  byId("token").value = "";
  byId("token").parentElement.hidden = unlocked();
  say(byId("unlock-button"), unlocked() ? "Lock changes" : "Unlock");
  tick();
}

byId("unlock").addEventListener("submit", (e) => {
  e.preventDefault();
  lock(unlocked() ? "" : byId("token").value.trim());
});

const effects = {
  retire: "Puts the key out of service for ever. During the grace, tokens that were issued before this moment still pass; then the key is refused, whatever the issuer lists.",
  revoke: "Puts a compromised key out of service for ever, from the next request on, under every issuer of this guard. This cannot be undone.",
};

function openOrder(action, key, from) {
  order = { action, key, from, force: false, busy: false, done: false };
  const name = key.kid || key.thumbprint;
  say(byId("order-title"), (action === "retire" ? "Retire " : "Revoke ") + name);
  say(byId("order-effect"), effects[action]);
  const facts = [["Issuer", key.issuer], ["Thumbprint", key.thumbprint], ["State", key.state],
    ["Last used", key.last_used ? ago(when(key.last_used)) : "never"],
    ["Tokens until", key.latest_token_expiry ? clock(when(key.latest_token_expiry)) + " (" + ago(when(key.latest_token_expiry)) + ")" : "none"]];
  if (action === "retire" && key.safe_to_retire) {
    const s = key.safe_to_retire;
    facts.push(["Safe?", s.ok ? "yes" : "no: " + s.reasons.filter((c) => !c.ok).map((c) => c.detail).join("; ")]);
  }
  byId("order-facts").replaceChildren();
  for (const [label, value] of facts) { make(byId("order-facts"), "dt", "", label); make(byId("order-facts"), "dd", "", value); }
  byId("order-reason").value = byId("order-grace").value = "";
  byId("order-force").checked = false;
  byId("order-grace-label").hidden = action !== "retire";
  answerOrder("", "");
  byId("order").showModal();
  byId("order-reason").focus();
}

function answerOrder(name, text) {
  mark(byId("order-answer"), name);
  say(byId("order-answer"), text);
  showOrder();
}

// showOrder shows what can be done next.
function showOrder() {
  const verb = order.action === "retire" ? "Retire" : "Revoke";
  byId("order-force-label").hidden = !order.force;
  byId("order-do").hidden = order.done;
  byId("order-do").disabled = order.busy || order.force && !byId("order-force").checked;
  byId("order-reason").disabled = byId("order-grace").disabled = order.done;
  say(byId("order-do"), order.busy ? "Asking …" : verb + (order.force ? " by force" : ""));
  say(byId("order-cancel"), order.done ? "Close" : "Cancel");
}

byId("order-force").addEventListener("change", showOrder);
byId("order-cancel").addEventListener("click", () => byId("order").close());
byId("order").addEventListener("close", () => {
  if (byId("order").open) return; // about another key by now: this comes later than the end
  order?.from.focus();
  order = undefined;
});

byId("order-form").addEventListener("submit", async (e) => {
  e.preventDefault();
  const o = order;
  if (o.busy || o.done) return;
  const body = { reason: byId("order-reason").value.trim(), thumbprint: o.key.thumbprint };
  if (o.action === "retire" && byId("order-grace").value.trim()) body.grace = byId("order-grace").value.trim();
  if (o.force && byId("order-force").checked) body.force = true;
  o.busy = true;
  answerOrder("", "");
  const [name, text, refused] = await send(o, body);
  if (order !== o) return; // closed meanwhile; the order goes its way
  o.busy = false;
  o.done = name === "done";
  o.force = !!refused?.force_would_do;
  byId("order-force").checked = false;
  answerOrder(name, text);
  if (o.done) byId("order-cancel").focus(); else if (o.force) byId("order-force").focus();
});

// send gives the order: by the thumbprint, which names one key whatever its kid is.
async function send(o, body) {
  try {
    const answer = await fetch("/api/v1/keys/" + encodeURIComponent(o.key.issuer) + "/-/" + o.action, {
      method: "POST", cache: "no-store", redirect: "error", credentials: "omit",
      headers: { "Content-Type": "application/json", Authorization: "Bearer " + token },
      body: JSON.stringify(body),
    });
    const said = await answer.json();
    if (answer.ok) return ["done", said.detail];
    if (answer.status === 401) lock("");
    return ["refused", said.title + ": " + said.detail, said];
  } catch (err) {
    return ["refused", "No answer came, so the order may be in force or not: look at the key before you give it again. (" + err.message + ")"];
  }
}
