package main

import (
	"encoding/json"
	"net/http"
	"strings"
)

// orderBody is what a change says beside its path; what is empty is left out.
type orderBody struct {
	Reason     string `json:"reason"`
	Grace      string `json:"grace,omitempty"`
	Thumbprint string `json:"thumbprint,omitempty"`
	Force      bool   `json:"force,omitempty"`
	Unseen     bool   `json:"unseen,omitempty"`
}

// outcome is what became of an order.
type outcome struct {
	Changed bool   `json:"changed"`
	InForce bool   `json:"in_force"`
	Durable bool   `json:"durable"`
	Detail  string `json:"detail"`
}

// past is what a key is after a command.
var past = map[string]string{"retire": "retired", "revoke": "revoked", "reinstate": "reinstated"}

// change gives an order and says what is now the case.
func (k *keysRun) change() int {
	if !k.whole() {
		return exitNo
	}
	a, ok := k.ask(keyPath(k.issuer, k.kid, k.command.name), orderBody{k.reason, k.grace, k.thumbprint, k.force, k.unseen})
	if !ok {
		return exitNo
	}
	var o outcome
	if json.Unmarshal(a.body, &o) != nil || !o.InForce || o.Durable && a.status == http.StatusAccepted {
		return k.complainStrange()
	}
	verdict, warning := "in force and durable", ""
	switch {
	case a.status == http.StatusAccepted:
		verdict = "in force, not yet on disk: the guard keeps trying"
		warning = "a restart before it is on disk would forget it; the guard's log says what is wrong with the disk"
	case !o.Durable:
		verdict = "in force until this guard restarts"
		warning = "this guard keeps nothing beyond a restart: what is to last must stand in its configuration"
	}
	status := exitDone
	if k.asJSON {
		status = k.printJSON(a.body)
	} else {
		what := past[k.command.name]
		if !o.Changed {
			what = "nothing to change" // it may be more than was asked for: the detail says
		}
		// The detail may hold a line to be copied: it is not broken.
		status = k.print(what + ": " + verdict + "\n" + oneLine(o.Detail) + "\n")
	}
	if warning != "" {
		k.complain("warning: %s", warning)
	}
	return status
}

// refreshed is what became of a refresh.
type refreshed struct {
	Result string `json:"result"` // of jwtguard_jwks_refreshes_total
	Detail string `json:"detail"`
}

// refresh has the keys of an issuer fetched. Done is what was fetched: one that is
// still to come is not.
func (k *keysRun) refresh() int {
	a, ok := k.ask("/api/v1/issuers/"+pathSegment(k.issuer)+"/refresh", nil)
	if !ok {
		return exitNo
	}
	var r refreshed
	if json.Unmarshal(a.body, &r) != nil || r.Result == "" && a.status == http.StatusOK {
		return k.complainStrange()
	}
	fetched := r.Result == "ok" || r.Result == "not_modified"
	status := exitDone
	switch {
	case k.asJSON:
		status = k.printJSON(a.body)
	case fetched:
		status = k.print(strings.TrimSuffix("fetched: "+oneLine(r.Result)+", "+oneLine(r.Detail), ", ") + "\n")
	}
	switch {
	case fetched:
		return status
	case a.status == http.StatusAccepted:
		k.complain("not fetched yet: %s", r.Detail)
	default:
		k.complain("the keys could not be fetched: %s: %s", r.Result, r.Detail)
	}
	return max(status, exitNo)
}
