package jose

import "testing"

// RFC 7517, sections 4 and 5: what is not understood is ignored, in a key and beside
// the keys; and so is all of X.509, by which nothing is decided here.
func TestUnknownMembersOfKeysAreIgnored(t *testing.T) {
	plain := keyOf(t, rfc8037Key)
	for name, text := range map[string]string{
		"in a key":        `{"keys":[` + rfc8037Key[:len(rfc8037Key)-1] + `,"x-unknown":{"a":[1]},"n":"AQAB"}]}`,
		"beside the keys": `{"x-unknown":42,"keys":[` + rfc8037Key + `],"issued":null}`,
		"certificates":    `{"keys":[` + rfc8037Key[:len(rfc8037Key)-1] + `,"x5c":["AA=="],"x5t":"AA","x5t#S256":"AA","x5u":"https://example.com/a.pem"}]}`,
		"white space":     "\r\n{ \"keys\" :\t[ " + rfc8037Key + " ] }\n",
	} {
		d, err := ReadKeys([]byte(text))
		if err != nil || len(d.Keys) != 1 || len(d.Skipped) != 0 {
			t.Errorf("%s: %+v, %v", name, d, err)
			continue
		}
		if k := d.Keys[0]; k.Thumbprint != plain.Thumbprint || string(k.JWK) != string(plain.JWK) {
			t.Errorf("%s: %s", name, k.JWK)
		}
	}
}
