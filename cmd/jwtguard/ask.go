package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/jwtguard/jwtguard/internal/admin"
	"github.com/jwtguard/jwtguard/internal/config"
	"github.com/jwtguard/jwtguard/pkg/keyset"
	"github.com/jwtguard/jwtguard/pkg/verify"
)

const (
	// askTimeout bounds the question to a running guard: it is on this machine, or
	// it is not there.
	askTimeout = 2 * time.Second
	// maxAnswer is more than the guard says of one key, and maxReadiness more than it
	// says of all issuers.
	maxAnswer, maxReadiness = 64 << 10, 16 << 20
)

// guardView is what a running guard knows about a key.
type guardView struct {
	admin.Key               // its State is empty if it is not known
	unknown   bool          // the guard answered that it has no such key
	several   bool          // the guard answered that the kid has named several keys
	renamed   bool          // the state is that of the key by another kid
	silent    bool          // it does not say, and may remember more than the issuer lists
	refuses   verify.Reason // of all tokens of the issuer whose key is in service: its keys cannot be used; empty if they can
	text      string        // for people; empty: it was not asked
}

// inGrace tells whether the guard has the key in grace, and says since when.
func (v guardView) inGrace() bool { return v.State == keyset.Grace.String() && v.GraceFrom != nil }

// askGuard asks the guard that runs with the same configuration, if one does,
// what it knows about the key that a kid names. The thumbprint is that of the key by
// this kid in the issuer's document; empty if there is none.
func askGuard(c *config.Config, issuer, kid, thumbprint string, now time.Time) guardView {
	if c.Listen.Admin.IsZero() || kid == "" {
		return guardView{}
	}
	path := keyPath(issuer, kid)
	if kid == noKid { // which stands for no kid in a path
		if thumbprint == "" {
			return guardView{silent: true, text: "is not asked: it tells of the kid - by thumbprint alone, and that is not known here"}
		}
		path += "?thumbprint=" + url.QueryEscape(thumbprint)
	}
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	guard := newAdminClient(c.Listen.Admin, anyLocalHost)
	answer, err := guard.ask(ctx, question{
		method: http.MethodGet, path: path, most: maxAnswer,
	})
	notAGuard := guardView{silent: true, text: fmt.Sprintf("something answers at %s, but not as a guard does", c.Listen.Admin)}
	switch {
	case errors.Is(err, errAnswerTooLong):
		return notAGuard
	case err != nil && !nobodyListens(err):
		return guardView{silent: true, text: fmt.Sprintf("gives no answer at %s (%v): what it withdrew or put out of service is not known here", c.Listen.Admin, innermost(err))}
	case err != nil:
		return guardView{silent: c.StateDir != "", text: fmt.Sprintf("none answers at %s: what it withdrew or put out of service earlier is not known here", c.Listen.Admin)}
	}
	var said struct {
		admin.Key
		Title string `json:"title"` // of a problem
	}
	var view guardView
	switch err := json.Unmarshal(answer.body, &said); {
	case answer.status == http.StatusNotFound && answer.problem && err == nil && said.Title == admin.NoSuchKey:
		view = guardView{unknown: true, text: "does not know this kid"}
	case answer.status == http.StatusConflict && answer.problem && err == nil:
		return guardView{several: true, text: "has known several keys by this kid; jwtguard keys list shows them"}
	case answer.status != http.StatusOK:
		return guardView{silent: true, text: fmt.Sprintf("something answers %d at %s: is it a guard?", answer.status, c.Listen.Admin)}
	case err != nil || !isState(said.State):
		return notAGuard
	default:
		view = guardView{Key: said.Key, renamed: kid == noKid && said.Kid != kid, text: "has the key as " + said.State + history(said.Key, now)}
	}
	view.askIssuer(ctx, guard, issuer, now)
	return view
}

// nobodyListens tells whether an error of [adminClient.ask] says that no guard runs.
// After any other one, one may: stopped, overloaded, or not for this user to ask.
func nobodyListens(err error) bool {
	return errors.As(err, new(unreached)) && (errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist))
}

// askIssuer asks the guard whether it can use the issuer's keys. One that does not say
// can, as far as is known.
func (v *guardView) askIssuer(ctx context.Context, guard adminClient, issuer string, now time.Time) {
	answer, err := guard.ask(ctx, question{method: http.MethodGet, path: "/readyz", most: maxReadiness})
	var known struct {
		Issuers []admin.Issuer `json:"issuers"`
	}
	if err != nil || json.Unmarshal(answer.body, &known) != nil {
		return
	}
	for _, i := range known.Issuers {
		switch {
		case i.Issuer != issuer:
		case i.State == admin.NeverFetched:
			v.refuses = verify.KeysUnavailable
			v.text += "; it has never fetched the issuer's keys"
		case i.State == admin.Stale && i.LastSuccess != nil:
			v.refuses = verify.KeysStale
			v.text += fmt.Sprintf("; it last fetched the issuer's keys at %s (%s), longer ago than max_stale", i.LastSuccess.Format(time.RFC3339), relative(*i.LastSuccess, now))
		}
	}
}

// isState tells whether a word is a key's state.
func isState(word string) bool {
	for s := keyset.Pending; s <= keyset.Revoked; s++ {
		if s.String() == word {
			return true
		}
	}
	return false
}

// history says what happened to the key, and when.
func history(k admin.Key, now time.Time) string {
	var parts []string
	graceFrom := k.GraceFrom
	if k.LeftAt != nil && graceFrom != nil && k.LeftAt.Sub(*graceFrom) < time.Second {
		graceFrom = nil // said already, but for the difference of two clocks
	}
	for _, part := range [...]struct {
		what string
		when *time.Time
	}{{"withdrawn at", k.LeftAt}, {"in grace since", graceFrom}, {"accepted until", k.RetiresAt}, {"out of service since", k.RetiredAt}, {"last used at", k.LastUsed}} {
		if part.when != nil {
			parts = append(parts, fmt.Sprintf("%s %s (%s)", part.what, part.when.Format(time.RFC3339), relative(*part.when, now)))
		}
	}
	if k.Reason != "" {
		parts = append(parts, "reason "+fmt.Sprintf("%q", k.Reason[:min(len(k.Reason), maxReason)]))
	}
	if len(parts) == 0 {
		return ""
	}
	return ", " + strings.Join(parts, ", ")
}

// maxReason is how much of an operator's reason is repeated.
const maxReason = 200
