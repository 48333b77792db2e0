package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/jwtguard/jwtguard/internal/admin"
)

// listing is the answer of the admin API, and what of it was asked for.
type listing struct {
	raw     []json.RawMessage
	keys    []admin.Key // of the same indices
	issuers []string    // that the guard has; nil: it did not tell
}

// list prints the keys, as a table or as lines of a configuration.
func (k *keysRun) list() int {
	a, ok := k.ask("/api/v1/keys", nil)
	switch {
	case !ok:
		return exitNo
	case k.asJSON && k.issuer == "" && !k.retired:
		return k.printJSON(a.body)
	}
	l, ok := k.read(a.body)
	if !ok {
		return k.complainStrange()
	}
	if k.issuer == "" && !k.retired || k.issuer != "" && len(l.keys) == 0 {
		l.issuers = k.issuers()
	}
	switch {
	case k.issuer != "" && l.issuers != nil && !slices.Contains(l.issuers, k.issuer):
		k.complain("no issuer has the name %+q; the guard has %s", k.issuer, names(l.issuers))
		return exitNo
	case k.asJSON:
		body, _ := json.Marshal(map[string]any{"keys": l.raw}) // what was read can be written
		return k.printJSON(body)
	case k.output != "":
		return k.printConfig(l.keys)
	}
	return k.print(k.table(l, time.Now()))
}

// read reads the keys that were asked for.
func (k *keysRun) read(body []byte) (l listing, ok bool) {
	var all struct{ Keys []json.RawMessage }
	if json.Unmarshal(body, &all) != nil || all.Keys == nil {
		return l, false
	}
	l.raw = []json.RawMessage{}
	for _, raw := range all.Keys {
		var key admin.Key
		if json.Unmarshal(raw, &key) != nil || !isKey(key) {
			return l, false
		}
		if k.issuer != "" && key.Issuer != k.issuer || k.retired && !outOfService(key) {
			continue
		}
		l.raw, l.keys = append(l.raw, raw), append(l.keys, key)
	}
	return l, true
}

// outOfService tells whether a key is refused, or will be by an order.
func outOfService(key admin.Key) bool {
	return key.Final || key.State == "retired" || key.State == "revoked"
}

// issuers are the names of the guard's issuers, also of those without keys: what
// it says to a question about an issuer of a name that none can have.
func (k *keysRun) issuers() []string {
	a, err := k.send(keyPath(noKid, noKid), nil)
	var p problem
	if err != nil || !a.problem || json.Unmarshal(a.body, &p) != nil {
		return nil // the list does without
	}
	return p.Issuers
}

// table is the list for people.
func (k *keysRun) table(l listing, now time.Time) string {
	text := ""
	switch {
	case len(l.keys) > 0:
		sortKeys(l.keys)
		if text = rows(l.keys, now, longThumbprint); tooWide(text) {
			text = rows(l.keys, now, shortThumbprint)
		}
	case k.retired:
		return "no keys are out of service\n"
	case l.issuers == nil:
		return "no keys\n"
	}
	if empty := k.withoutKeys(l); len(empty) > 0 {
		text += fmt.Sprintf("no keys of %s; no fetch has brought any yet, or the issuer lists none: /readyz at %s says which\n",
			names(empty), oneLine(k.guard.address))
	}
	return text
}

// withoutKeys are the issuers of which there is nothing to list.
func (k *keysRun) withoutKeys(l listing) []string {
	has := map[string]bool{}
	for _, key := range l.keys {
		has[key.Issuer] = true
	}
	return slices.DeleteFunc(slices.Clone(l.issuers), func(issuer string) bool {
		return has[issuer] || k.issuer != "" && k.issuer != issuer
	})
}

// names counts and names issuers.
func names(issuers []string) string {
	all := make([]string, 0, len(issuers))
	for _, i := range issuers {
		all = append(all, name(i))
	}
	return checkCount(len(all), "issuer", "issuers") + named(all)
}
