package admin

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// outcome is what became of an order that is in force.
type outcome struct {
	Changed bool   `json:"changed"`  // false: it, or a stricter one, was in force before
	InForce bool   `json:"in_force"` // true; what is not in force is a problem
	Durable bool   `json:"durable"`  // it outlasts a restart
	Keys    []Key  `json:"keys"`     // those that it named, as they are now; and with them revoked ones
	Detail  string `json:"detail"`
	// OtherIssuers listed a key that was revoked with it, since distrust crosses
	// issuers; absent: none did.
	OtherIssuers []string `json:"other_issuers,omitempty"`

	kept      error // why orders do not outlast a restart
	unwritten error // why this one is not written down yet
}

// answer tells what became of an order: 200 if it is kept as well as can be, 202
// if that is still to come.
func (a *API) answer(w http.ResponseWriter, c *change, o outcome) {
	o.InForce, o.Durable, o.Keys = true, o.kept == nil && o.unwritten == nil, []Key{}
	keys := []*keyset.Key{}
	sets, now := a.cfg.Guard.KeySets()
	for _, i := range sets {
		if i.Issuer != c.issuer {
			continue
		}
		keys = c.concerned(i)
		for _, k := range keys {
			o.Keys = append(o.Keys, i.row(c.shownKid(k), k, k, now))
		}
	}
	last, others := c.elsewhere(keys, now)
	o.OtherIssuers = slices.Concat(last, others)
	o.Detail = c.detail(o, keys, now)
	status := http.StatusOK
	if o.unwritten != nil {
		status = http.StatusAccepted
	}
	writeJSON(w, status, o)
}

// concerned are the records that the order named, and those of the same material
// that it revoked with them.
func (c *change) concerned(i IssuerKeys) []*keyset.Key {
	keys := i.named(c.Order)
	if c.Action != keyset.Revoke || len(keys) == 0 || keys[0].Modulus == "" {
		return keys
	}
	for _, k := range i.Set.Keys() {
		if k.Modulus == keys[0].Modulus && !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	return keys
}

func (c *change) shownKid(k *keyset.Key) string {
	if called(k, c.Kid) {
		return c.Kid
	}
	return k.Kid()
}

// detail says in sentences what holds now.
func (c *change) detail(o outcome, keys []*keyset.Key, now keyset.Instant) string {
	var say []string
	if !o.Changed {
		say = append(say, "Nothing changed: it was so before.")
	}
	if len(keys) == 0 {
		say = append(say, "There is no record of the key any more: it is trusted when the issuer lists it.")
	} else {
		say = append(say, c.standing(keys[0], now), c.otherNames(keys[0]))
	}
	if len(keys) > 1 {
		say = append(say, fmt.Sprintf("It took %d more with it, which have the same RSA modulus.", len(keys)-1))
	}
	if len(o.OtherIssuers) > 0 {
		say = append(say, fmt.Sprintf("It was a key of %s, too, and is revoked there with it.", several(o.OtherIssuers)))
	}
	switch {
	case o.unwritten != nil:
		say = append(say, fmt.Sprintf("It is not written down yet (%v); that is tried again until it works, and a restart before would forget it.", o.unwritten))
	case o.kept != nil && len(keys) > 0 && c.Action != keyset.Reinstate:
		say = append(say, fmt.Sprintf("It lasts until this guard restarts: %v. To keep it, add to the keys of %s in the configuration: %s", o.kept, c.issuer, c.line(keys[0])))
	case o.kept != nil:
		say = append(say, fmt.Sprintf("It lasts until this guard restarts: %v.", o.kept))
	}
	return strings.Join(slices.DeleteFunc(say, func(s string) bool { return s == "" }), " ")
}

// standing says where a key stands after the order.
func (c *change) standing(k *keyset.Key, now keyset.Instant) string {
	switch state := k.State(now); {
	case state == keyset.Revoked:
		return fmt.Sprintf("The key is revoked, since %s.", clock(k.RevokedAt, now.Wall))
	case state == keyset.Retired && c.Action != keyset.Reinstate:
		return fmt.Sprintf("The key is out of service, since %s.", clock(k.Retires(), now.Wall))
	case state == keyset.Grace && c.Action != keyset.Reinstate:
		return fmt.Sprintf("Tokens issued before the key was put out of service are accepted until %s.", clock(k.GraceUntil, now.Wall))
	case c.Action != keyset.Reinstate:
		return fmt.Sprintf("The key is %s, and out of service from %s on.", state, clock(k.Retires(), now.Wall))
	case state.Usable():
		return fmt.Sprintf("The key is in service again: %s.", state)
	}
	return "The key is no longer refused for ever, and is in service when the issuer lists it again."
}

// otherNames says what else went with the one name that the order may have given.
func (c *change) otherNames(k *keyset.Key) string {
	var others []string
	for _, a := range k.Aliases {
		if a.Kid != c.shownKid(k) {
			others = append(others, quote(a.Kid))
		}
	}
	if len(others) == 0 {
		return ""
	}
	return fmt.Sprintf("It has other names, for which the same holds: %s.", several(others))
}

// line is the configuration's line that says the same as the order.
func (c *change) line(k *keyset.Key) string {
	list, parts := "revoked", []string{}
	add := func(name, value string) {
		if value != "" {
			quoted, _ := jsontext.AppendQuote(nil, value) // valid UTF-8; YAML reads JSON's strings
			parts = append(parts, name+": "+string(quoted))
		}
	}
	add("kid", c.shownKid(k))
	add("thumbprint", k.Thumbprint)
	if k.RevokedAt.IsZero() {
		list = "retired"
		if k.Seen() && k.OrderedUntil.After(k.RetiredAt) {
			parts = append(parts, "at: "+k.OrderedWall.UTC().Format(time.RFC3339), "grace: "+k.OrderedUntil.Sub(k.RetiredAt).Round(time.Second).String())
		}
	}
	add("reason", k.Reason)
	return list + ": [{" + strings.Join(parts, ", ") + "}]"
}
