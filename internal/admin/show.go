package admin

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// list shows all keys of all issuers. They are written as they are
// made: there may be ten thousand an issuer, and a reader that takes its time must
// not hold the text of all of them in memory.
func (a *API) list(w http.ResponseWriter, _ *http.Request) *problem {
	sets, now := a.cfg.Guard.KeySets()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	separator := ""
	_, _ = io.WriteString(w, "{\n  \"keys\": [")
	for _, i := range sets {
		for _, k := range i.Set.Keys() {
			row, err := json.MarshalIndent(i.row(k.Kid(), k, k, now), "    ", "  ")
			if err == nil {
				_, err = fmt.Fprintf(w, "%s\n    %s", separator, row)
			}
			if err != nil {
				return nil // whoever asked is gone
			}
			separator = ","
		}
	}
	_, _ = io.WriteString(w, "\n  ]\n}\n")
	return nil
}

// one shows one key, by the same names as a change takes.
func (a *API) one(w http.ResponseWriter, r *http.Request) *problem {
	i, now, p := a.issuer(r)
	if p != nil {
		return p
	}
	o := keyset.Order{Kid: r.PathValue("kid"), Thumbprint: r.URL.Query().Get("thumbprint")}
	if p := checkThumbprint(&o); p != nil {
		return p
	}
	named := i.named(o)
	p = i.unclear(o, named)
	ref, ok := i.Set.Lookup(o.Kid)
	switch {
	case p != nil:
		return p
	case o.Thumbprint == "" && ok: // also a name that the document gives to a key out of service
		writeJSON(w, http.StatusOK, i.row(ref.Name, ref.Key, ref, now))
	case len(named) == 1 && o.Kid == "":
		k := named[0]
		writeJSON(w, http.StatusOK, i.row(k.Kid(), k, k, now))
	case len(named) == 1 && called(named[0], o.Kid):
		writeJSON(w, http.StatusOK, i.row(o.Kid, named[0], named[0], now))
	default:
		return i.unknown(o)
	}
	return nil
}

// issuer is the one that the path names.
func (a *API) issuer(r *http.Request) (IssuerKeys, keyset.Instant, *problem) {
	sets, now := a.cfg.Guard.KeySets()
	p := &problem{Status: http.StatusNotFound, Title: "No such issuer", reason: UnknownIssuer, Issuers: []string{}}
	for _, i := range sets {
		if i.Issuer == r.PathValue("issuer") {
			return i, now, nil
		}
		p.Issuers = append(p.Issuers, i.Issuer)
	}
	p.Detail = fmt.Sprintf("no issuer has the name %s; there are: %s", quote(r.PathValue("issuer")), several(p.Issuers))
	return IssuerKeys{}, now, p
}

// named are the records that an order names, as [keyset.Set.Apply] finds them.
func (i IssuerKeys) named(o keyset.Order) []*keyset.Key {
	var found []*keyset.Key
	for _, k := range i.Set.Keys() {
		if o.Thumbprint != "" && k.Thumbprint == o.Thumbprint || o.Thumbprint == "" && called(k, o.Kid) {
			found = append(found, k)
		}
	}
	return found
}

// called tells whether a key has, or had, a kid.
func called(k *keyset.Key, kid string) bool {
	return slices.ContainsFunc(k.Aliases, func(a keyset.Alias) bool { return a.Kid == kid })
}

// unclear refuses names that may mean several keys.
func (i IssuerKeys) unclear(o keyset.Order, named []*keyset.Key) *problem {
	if len(named) > 1 {
		p := &problem{Status: http.StatusConflict, Title: "Several keys", reason: AmbiguousKey, Thumbprints: thumbprints(named)}
		p.Detail = fmt.Sprintf("the kid %s has named several keys of %s: say which one, by its thumbprint: %s", quote(o.Kid), i.Issuer, several(p.Thumbprints))
		return p
	}
	if o.Thumbprint == "" || o.Kid == "" || len(named) == 1 && called(named[0], o.Kid) {
		return nil
	}
	// A record without a thumbprint may turn out to be of this very key.
	others := slices.DeleteFunc(i.named(keyset.Order{Kid: o.Kid}), func(k *keyset.Key) bool { return k.Thumbprint == "" })
	if len(others) == 0 {
		return nil
	}
	p := &problem{Status: http.StatusConflict, Title: "Two keys", reason: MismatchedKey, Thumbprints: thumbprints(others)}
	p.Detail = fmt.Sprintf("the kid %s and the thumbprint %s name different keys of %s: that kid's is %s; leave one of them out (- stands for no kid)",
		quote(o.Kid), o.Thumbprint, i.Issuer, several(p.Thumbprints))
	return p
}

func thumbprints(keys []*keyset.Key) []string {
	all := []string{}
	for _, k := range keys {
		if k.Thumbprint != "" {
			all = append(all, k.Thumbprint)
		}
	}
	return all
}

// NoSuchKey is the title of the problem that says that a guard has no such key, which
// no other one of status 404 has.
const NoSuchKey = "No such key"

// unknown refuses a name that means no key.
func (i IssuerKeys) unknown(o keyset.Order) *problem {
	p := &problem{Status: http.StatusNotFound, Title: NoSuchKey, reason: UnknownKey}
	switch {
	case o.Thumbprint != "" && o.Kid != "":
		p.Detail = fmt.Sprintf("%s has no key of the thumbprint %s with the kid %s", i.Issuer, o.Thumbprint, quote(o.Kid))
		return p
	case o.Thumbprint != "":
		p.Detail = fmt.Sprintf("%s has no key of the thumbprint %s", i.Issuer, o.Thumbprint)
		return p
	}
	var kids []string
	for _, k := range i.Set.Keys() {
		if kid := k.Kid(); kid != "" {
			kids = append(kids, quote(kid))
		}
	}
	p.Detail = fmt.Sprintf("%s has no key of the kid %s; there are: %s", i.Issuer, quote(o.Kid), several(kids))
	return p
}
