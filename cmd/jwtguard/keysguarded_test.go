package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// keys runs "jwtguard keys" on the guard that runs with the world's configuration.
func (w *world) keys(args ...string) said {
	w.t.Helper()
	var out, errs bytes.Buffer
	status := run(append(append([]string{"keys"}, args...), "-c", w.file), strings.NewReader(""), &out, &errs)
	return said{status, out.String(), errs.String()}
}

// The commands and a real guard understand each other.
func TestKeysOfARunningGuard(t *testing.T) {
	w := newWorld(t)
	strange := devissuer.NewKey("../a b/%2F", "ES256")
	w.issuer.Publish(strange)
	g := w.startReady(w.config("state_dir: \"" + w.path("state") + "\"\n"))
	e := g.envoy()

	w.keys("list").says(t, 0, "corp    2026-11 ", `"../a b/%2F"`, "active")
	w.keys("show", "corp", "../a b/%2F").says(t, 0, "thumbprint           "+strange.Thumbprint())
	w.keys("list", "--json").says(t, 0, `"kid": "2026-11"`)

	e.gets(w.tokenOf(strange, nil), "ok")
	w.keys("retire", "corp", "../a b/%2F", "--grace", "0s", "--reason", "rotated").says(t, 1,
		"refused: in use ", "  tokens in use until ", "or --force to cut them off")
	e.gets(w.tokenOf(strange, nil), "ok")
	w.keys("retire", "corp", "-", "--thumbprint", strange.Thumbprint(), "--grace", "0s", "--reason", "rotated", "--force").says(t, 0,
		"retired: in force and durable\n")
	e.gets(w.tokenOf(strange, nil), "key_retired")
	w.keys("show", "corp", "../a b/%2F").says(t, 0, fmt.Sprintf("by                   \"uid:%d\"\n", os.Getuid()), "final                yes")
	w.keys("reinstate", "corp", "../a b/%2F", "--reason", "mistake").says(t, 0, "reinstated: in force and durable\n")
	e.gets(w.tokenOf(strange, nil), "ok")

	w.keys("revoke", "corp", "next", "--reason", "leaked").says(t, 1, "refused: ", "add --unseen")
	w.keys("revoke", "corp", "next", "--reason", "leaked", "--unseen").says(t, 0, "revoked: in force and durable\n")
	w.keys("reinstate", "corp", "next", "--reason", "mistake").says(t, 1, "refused: the key is revoked")
	w.keys("list", "corp", "--retired", "-o", "config").says(t, 0, "# issuer corp\n      revoked:\n        - {kid: \"next\", at: ")
	w.keys("list", "nobody").says(t, 1, "no issuer has the name \"nobody\"; the guard has 1 issuer: corp")
	w.keys("refresh", "nobody").says(t, 1, "jwtguard keys refresh: no issuer has the name \"nobody\"; there are: corp")

	w.must(g.stop())
	w.keys("list").says(t, 1, "no guard answers at unix://"+w.path("admin.sock")+": connection refused")
}
