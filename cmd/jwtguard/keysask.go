package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"github.com/jwtguard/jwtguard/internal/admin"
)

const (
	// keysTimeout bounds the question to the guard: an order waits 5 s for a disk.
	keysTimeout = 10 * time.Second
	// refreshTimeout bounds a refresh, which waits 16 s for the budget of fetches and
	// for the issuer.
	refreshTimeout = 20 * time.Second
	// maxKeysAnswer is what a list of 100,000 keys takes, with long kids and reasons.
	maxKeysAnswer = 64 << 20
)

// problem is an RFC 9457 problem document of the admin API.
type problem struct {
	Status       int        `json:"status"`
	Detail       string     `json:"detail"`
	ForceWouldDo bool       `json:"force_would_do"`
	GraceWouldDo string     `json:"grace_would_do"`
	LastUsed     *time.Time `json:"last_used"`
	UsedUntil    *time.Time `json:"used_until"`
	Thumbprints  []string   `json:"thumbprints"`
	Issuers      []string   `json:"issuers"`
}

// send asks the guard. A body is sent as JSON.
func (k *keysRun) send(path string, body any) (adminAnswer, error) {
	q := question{method: http.MethodGet, path: path, token: k.token, most: maxKeysAnswer}
	if k.command.post {
		q.method = http.MethodPost
	}
	if body != nil {
		q.body, _ = json.Marshal(body) // of texts and truth values: it cannot fail
	}
	ctx, cancel := context.WithTimeout(context.Background(), k.command.patience())
	defer cancel()
	return k.guard.ask(ctx, q)
}

// ask asks the guard. Without an answer of which the status is good, it has told
// why, and ok is false: the answer is no.
func (k *keysRun) ask(path string, body any) (a adminAnswer, ok bool) {
	a, err := k.send(path, body)
	if err != nil {
		k.complainUnanswered(err)
		return a, false
	}
	if a.status == http.StatusOK || k.command.post && a.status == http.StatusAccepted {
		return a, true
	}
	p := new(problem)
	if !a.problem || json.Unmarshal(a.body, p) != nil || p.Detail == "" {
		k.complain("something answers %d at %s, but not as a guard does: is its admin listener there?", a.status, k.guard.address)
		return a, false
	}
	p.Status = a.status
	k.refuse(a, p)
	return a, false
}

// complainUnanswered says why the guard did not answer, and what that means.
func (k *keysRun) complainUnanswered(err error) {
	at := k.guard.address
	var why string
	switch {
	case errors.As(err, new(unreached)) && errors.Is(err, fs.ErrPermission):
		k.complain("you may not open %s: ask as a user who may (listen.socket_mode)", at)
		return
	case errors.As(err, new(unreached)):
		k.complain(`no guard answers at %s: %v; is it running? A guard tells the log where it listens (msg "listening", what "http")`, at, innermost(err))
		return
	case errors.Is(err, context.DeadlineExceeded):
		why = fmt.Sprintf("%s does not answer within %s", at, k.command.patience())
	case errors.Is(err, errAnswerTooLong):
		why = fmt.Sprintf("the answer of %s is longer than %d MiB: is a guard there? If it has that many keys, keys show asks for one alone", at, maxKeysAnswer>>20)
	default:
		why = fmt.Sprintf("%s gives no answer: %v", at, err)
	}
	k.complain("%s%s", why, k.uncertain())
}

// uncertain says, of a change without a proper answer, what that leaves open.
func (k *keysRun) uncertain() string {
	if !k.command.order {
		return ""
	}
	key := admin.Key{Issuer: k.issuer, Kid: k.kid, Thumbprint: k.thumbprint}
	if k.kid == noKid {
		key.Kid = ""
	}
	return "; it is not known whether the order is in force: look with " + k.next("show", key)
}

// complainStrange is about an answer with a good status that is not a guard's.
func (k *keysRun) complainStrange() int {
	k.complain("something answers at %s, but not as a guard does%s", k.guard.address, k.uncertain())
	return exitNo
}

// refuse tells what the guard refused and what can be done about it.
func (k *keysRun) refuse(a adminAnswer, p *problem) {
	if k.asJSON {
		k.printJSON(a.body)
	}
	verdict := "refused: "
	if p.Status >= http.StatusInternalServerError || !k.command.order {
		verdict = ""
	}
	k.complain("%s%s", verdict, p.Detail)
	now := time.Now()
	if p.LastUsed != nil {
		k.note("  last used           %s", exactly(*p.LastUsed, now))
	}
	if p.UsedUntil != nil {
		k.note("  tokens in use until %s", exactly(*p.UsedUntil, now))
	}
	if remedy := k.remedy(p); remedy != "" {
		k.note("  to do: %s", remedy)
	}
}

// remedy is what helps on this command line.
func (k *keysRun) remedy(p *problem) string {
	switch {
	case p.GraceWouldDo != "":
		return "add --grace " + p.GraceWouldDo + ", so that they pass, or --force to cut them off"
	case p.ForceWouldDo:
		return "add --force to do it all the same"
	case p.Status == http.StatusNotFound && p.Issuers == nil && k.command.order && !k.unseen && k.command.name != "reinstate":
		return "compare the spelling, or add --unseen to put a key out of service that this guard has never seen"
	case len(p.Thumbprints) > 0:
		return "name the key by --thumbprint, with - for KID"
	case p.Status == http.StatusUnauthorized && k.token != "":
		return fmt.Sprintf("compare %s with the guard's admin.token_file, or ask over its unix socket", k.tokenPath)
	case p.Status == http.StatusForbidden && k.admin != "":
		return "give --admin the guard's IP address"
	}
	return ""
}

// printJSON passes JSON on. Outside of strings it is only laid out by what a
// terminal could obey.
func (k *keysRun) printJSON(body []byte) int {
	if !json.Valid(body) {
		return k.complainStrange()
	}
	text := strings.NewReplacer("\t", " ", "\r", " ").Replace(string(body))
	return k.print(escape(strings.TrimRight(text, " \n")) + "\n")
}

// innermost is the error without where it happened.
func innermost(err error) error {
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		err = inner
	}
	return err
}

// isKey tells whether a guard could have said that of a key.
func isKey(key admin.Key) bool {
	return key.Issuer != "" && isState(key.State) && (key.Kid != "" || key.Thumbprint != "")
}
