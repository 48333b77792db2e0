package main

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/jwtguard/jwtguard/internal/admin"
)

// advise says what comes next in the life of a key, and the command for it.
func (k *keysRun) advise(key admin.Key, now time.Time) (text, command string) {
	ordered := key.Final && key.RetiresAt != nil
	switch {
	case key.State == "revoked":
		return "Nothing: it is never trusted again. If the issuer still lists it, have it taken out there.", ""
	case key.State == "retired" && key.Final:
		return "Nothing: it is refused for ever. If it was retired by mistake:", k.next("reinstate", key, "--reason TEXT")
	case key.State == "retired":
		return "It is refused, and comes back if the issuer lists it again, with a later exp if it has one. To refuse it for ever:", k.next("retire", key, "--reason TEXT")
	case key.State == "grace":
		until, end, flags := "In grace", "End it now with:", "--grace 0s --reason TEXT"
		if key.RetiresAt != nil {
			until += ": tokens until " + exactly(*key.RetiresAt, now)
		}
		if key.LatestTokenExpiry != nil && key.LatestTokenExpiry.After(now) { // it is refused without
			end, flags = "End it now, for tokens still in use as well, with:", flags+" --force"
		}
		return until + ". " + end, k.next("retire", key, flags)
	case ordered:
		return fmt.Sprintf("An order puts it out of service by %s. To take the order back:", exactly(*key.RetiresAt, now)), k.next("reinstate", key, "--reason TEXT")
	case key.State == "pending":
		return "Not in force yet: it waits for its time. Should that never come:", k.next("retire", key, "--reason TEXT")
	}
	return "Nothing. In a rotation, list the next key first; when the issuer signs with that one:", k.next("retire", key, "--reason TEXT")
}

// thumbprintForm is that of a SHA-256 hash in base64url.
var thumbprintForm = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

// thumbprintText shows a thumbprint, which may begin with a minus.
func thumbprintText(s string) string {
	if thumbprintForm.MatchString(s) {
		return s
	}
	return name(s)
}

// next is a command about a key, to be copied into a shell. Kids that would need
// care there are left to the thumbprint.
func (k *keysRun) next(command string, key admin.Key, flags ...string) string {
	words := append([]string{"jwtguard keys", command, k.where()}, flags...)
	switch {
	case thumbprintForm.MatchString(key.Thumbprint) && (k.thumbprint != "" || !plainName.MatchString(key.Kid)):
		words = append(words, "--thumbprint", key.Thumbprint, shellWord(key.Issuer), noKid)
	case strings.HasPrefix(key.Kid, "-"):
		words = append(words, "--", shellWord(key.Issuer), shellWord(key.Kid))
	default:
		words = append(words, shellWord(key.Issuer), shellWord(key.Kid))
	}
	return strings.Join(words, " ")
}
