package config

import (
	"encoding/base64"
	"fmt"
	"time"
)

// keys reads how the issuer's keys live and die; k holds the defaults.
func (r *reader) keys(v value, k *Keys) {
	if v.node == nil {
		return
	}
	retired := value{}
	if !r.mapping(v,
		field{"grace", r.duration(&k.Grace, 0)},
		field{"removal_confirm", r.duration(&k.RemovalConfirm, moreThanZero)},
		field{"activation_delay", r.duration(&k.ActivationDelay, 0)},
		field{"kid_reuse", r.choice(&k.KidReuse, KidReuseRefuse, KidReuseReplace)},
		field{"overlap", r.duration(&k.Overlap, 0)},
		field{"retired", func(v value) { retired = v }},
		field{"revoked", r.tombstones(&k.Revoked, "revoked", maxTombstones, 0)},
		field{"reinstated", r.tombstones(&k.Reinstated, "reinstated", maxReinstated, 0)},
	) {
		return
	}
	if retired.node != nil { // after grace, which is the default of its lines
		r.tombstones(&k.Retired, "retired", maxTombstones, k.Grace)(retired)
	}
	for i, t := range k.Reinstated {
		r.reinstatement(fmt.Sprintf("%s.reinstated[%d]", v.path, i), t, k)
	}
}

// tombstones reads the lines of one list.
func (r *reader) tombstones(dst *[]Tombstone, list string, most limit, grace time.Duration) func(value) {
	return func(v value) {
		lines := []Tombstone{}
		r.list(v, most, func(item value) {
			lines = append(lines, r.tombstone(item, list, grace))
		})
		*dst = lines
	}
}

func (r *reader) tombstone(v value, list string, grace time.Duration) Tombstone {
	t := Tombstone{Line: v.node.Line}
	read := func(value) {}
	if list == "retired" {
		read = r.duration(&t.Grace, 0)
	}
	if !r.mapping(v,
		field{"kid", r.text(&t.Kid)},
		field{"thumbprint", r.text(&t.Thumbprint, thumbprint)},
		field{"at", r.instant(&t.At)},
		field{"grace", read},
		field{"reason", r.text(&t.Reason)},
	) {
		return t
	}
	written := func(key string) bool { return r.written(v.path + "." + key) }
	if t.Kid == "" && t.Thumbprint == "" && !r.complained(v.path) {
		r.bad(v.path, "names no key: write its kid, its thumbprint or, best, both")
	}
	switch {
	case list == "revoked" && written("grace"):
		r.bad(v.path+".grace", "a revoked key has no grace: remove it, or write the line under retired")
	case list == "reinstated" && written("grace"):
		r.bad(v.path+".grace", "a reinstated key has no grace: remove it")
	case list == "reinstated" && !written("at"):
		r.bad(v.path, "at is missing: only retirements before it are undone, so that a later one holds")
	case list == "reinstated" && t.Reason == "" && !r.complained(v.path):
		r.bad(v.path, "reason is missing: say why a retired key is trusted again")
	case t.Grace > 0 && !written("at"):
		r.bad(v.path+".grace", "counts from at, which is missing: add at, such as 2026-11-01T00:00:00Z")
	case list == "retired" && written("at") && !written("grace"):
		t.Grace = grace
	}
	return t
}

// reinstatement refuses a line that could not do what it says.
func (r *reader) reinstatement(path string, t Tombstone, k *Keys) {
	for _, revoked := range k.Revoked {
		if t.sameKey(revoked) {
			r.bad(path, "the key is revoked in line %d, and a revoked key is never trusted again: remove this line", revoked.Line)
			return
		}
	}
	for _, retired := range k.Retired {
		if t.sameKey(retired) && retired.At.IsZero() {
			r.bad(path, "the key is retired in line %d without at, so neither line is the later one: add at there, or remove that line", retired.Line)
			return
		}
	}
}

// sameKey tells whether two lines may name one key.
func (t Tombstone) sameKey(o Tombstone) bool {
	if t.Thumbprint != "" && o.Thumbprint != "" {
		return t.Thumbprint == o.Thumbprint
	}
	return t.Kid != "" && t.Kid == o.Kid
}

// thumbprint checks for the base64url form of a SHA-256 hash (RFC 7638, section 3).
func thumbprint(s string) string {
	hash, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(hash) != 32 {
		return fmt.Sprintf("%s is no thumbprint: write the 43 base64url characters of the key's SHA-256 (RFC 7638)", quote(s))
	}
	return ""
}
