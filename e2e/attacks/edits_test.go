package attacks

// sourceEdit is a change in a source file of the guard: a text that stands there once,
// and what takes its place in the build with mutants. Each switches a check off, or has
// package mutant do what a careless verifier would; the checks are named by
// [mutant.Off], or in a comment where that is asked in package mutant.
type sourceEdit struct{ file, text, with string }

var sourceEdits = []sourceEdit{
	// Reading the token.
	{"internal/jose/token.go", `if len(token) > MaxTokenSize {`, `if len(token) > MaxTokenSize && !mutant.Off("token-size") {`},
	{"internal/jose/token.go", `if dot > MaxHeaderSize {`, `if dot > MaxHeaderSize && !mutant.Off("header-size") {`},
	{"internal/jose/token.go", `func Read(token string) (*Token, error) {`, `func Read(token string) (*Token, error) {
		token = mutant.Compact(token) // compact-form, two-dots`},
	{"internal/jose/token.go", `for _, c := range []byte{'\n', '\r'} {`, `s = mutant.Base64(s) // base64-alphabet, base64-line-ends
		for _, c := range []byte{'\n', '\r'} {`},
	{"internal/jose/token.go", `dst, err := strict.AppendDecode(dst, []byte(s))`, `decoder := strict
		if mutant.Off("base64-bits") {
			decoder = base64.RawURLEncoding
		}
		dst, err := decoder.AppendDecode(dst, []byte(s))`},
	{"internal/jose/token.go", `return dst, checkObject(dst[from:])`, `dst = append(dst[:from], mutant.Object(dst[from:])...) // json-alone, json-grammar, not-nested
		return dst, checkObject(dst[from:])`},
	{"internal/jose/token.go", `if forbidden(m.name) {`, `if forbidden(m.name) && !mutant.Off("header-forbidden") {`},
	{"internal/jose/token.go", `if nested(t.Header) {`, `if nested(t.Header) && !mutant.Off("not-nested") {`},
	{"internal/jose/object.go", `if tooDeep(text) {`, `if tooDeep(text) && !mutant.Off("json-depth") {`},
	{"internal/jose/object.go", `jsontext.Value(text).IsValid()`, `jsontext.Value(text).IsValid(mutant.JSON()...) /* json-names, json-unicode */`},

	// The issuer, the algorithm, the type.
	{"pkg/verify/token.go", `func (j *judge) chooseIssuer() Reason {`, `func (j *judge) chooseIssuer() Reason {
		if mutant.Off("issuer") {
			v, _ := j.token.Header.Get("kid")
			kid, _ := v.String()
			for _, t := range j.issuers { // whoever has such a key
				if _, found := t.Keys.Set().Lookup(kid); found {
					j.issuer, j.d.Issuer = t, t.Issuer
					return OK
				}
			}
		}`},
	{"pkg/verify/token.go", `func (j *judge) checkHeader() Reason {`, `func (j *judge) checkHeader() Reason {
		r := j.checkAlgAndType()
		if r == AlgNotAllowed && mutant.Off("alg-allowed") {
			v, _ := j.token.Header.Get("alg")
			name, _ := v.String()
			j.alg = mutant.Alg(name, j.issuer.Algorithms)
			return OK
		}
		return r
	}

	func (j *judge) checkAlgAndType() Reason {`},
	{"pkg/verify/token.go", `s, ok = typ.String()`, `if mutant.Off("typ-string") {
			return OK
		}
		s, ok = typ.String()`},
	{"pkg/verify/token.go", `if slices.Contains(neverTypes, s) {`, `if slices.Contains(neverTypes, s) && !mutant.Off("typ-never") {`},
	{"pkg/verify/token.go", `if !slices.Contains(j.issuer.types, s) {`, `if !slices.Contains(j.issuer.types, s) && !mutant.Off("typ-allowed") {`},

	// The key, its state, the signature.
	{"pkg/verify/key.go", `func (j *judge) findKey() Reason {`, `func (j *judge) findKey() Reason {
		r := j.findKeyByName()
		if r != KidMissing && r != KidUnknown {
			return r
		}
		if mutant.Off("kid-known") { // any key that verifies the signature
			for _, k := range j.issuer.Keys.Set().Keys() {
				if jose.Verify(j.alg, k.Public, j.token.SigningInput, j.token.Signature) == nil {
					return j.lookUp(k.Aliases[0].Kid)
				}
			}
		}
		if mutant.Off("keys-per-issuer") {
			v, _ := j.token.Header.Get("kid")
			kid, _ := v.String()
			for _, t := range j.issuers {
				if _, found := t.Keys.Set().Lookup(kid); found {
					j.set = t.Keys.Set()
					return j.lookUp(kid)
				}
			}
		}
		return r
	}

	func (j *judge) findKeyByName() Reason {`},
	{"pkg/verify/key.go", `func (j *judge) checkState() Reason {`, `func (j *judge) checkState() Reason {
		if mutant.Off("key-state") {
			return OK
		}`},
	{"pkg/verify/key.go", `func (j *judge) algFits() bool {`, `func (j *judge) algFits() bool {
		if j.alg == "" { // alg-allowed
			j.alg = j.ref.Alg
		}
		if mutant.Off("alg-of-key") {
			return true
		}`},
	{"pkg/verify/key.go", `if err := jose.Verify(j.alg, j.ref.Public, j.token.SigningInput, j.token.Signature); err != nil {`,
		`if err := jose.Verify(j.alg, j.ref.Public, j.token.SigningInput, j.token.Signature); err != nil && !mutant.Off("signature") {`},
	{"internal/jose/signature.go", `a, ok := known(alg)
	if !ok {
		return fmt.Errorf(`, `if mutant.Forged(alg, key, signingInput, signature) { // no-none, no-hmac
		return nil
	}
	a, ok := known(alg)
	if !ok {
		return fmt.Errorf(`},
	{"internal/jose/signature.go", `err = jwsbb.VerifyRSA(`, `if mutant.RSA(k, []byte(signingInput), signature, a.hash, a.family == rsaPSS) { // rsa-length, rsa-hash, rsa-padding, pss-salt
			return nil
		}
		err = jwsbb.VerifyRSA(`},
	{"internal/jose/signature.go", `if len(signature) != a.size { //`, `signature = mutant.ECDSA(signature, a.size) // ecdsa-form
		if len(signature) != a.size { //`},

	// The claims.
	{"pkg/verify/claims.go", `if required {`, `if required && mutant.Off(name+"-required") { // exp-required, iat-required
			return mutant.Time(name, j.now.Wall.Unix()), true, OK
		}
		if required {`},
	{"pkg/verify/claims.go", `if n, ok = v.NumericDate(); !ok {`, `if n, ok = v.NumericDate(); !ok && mutant.Off("times-form") {
			return mutant.Time(name, j.now.Wall.Unix()), true, OK
		}
		if !ok {`},
	{"pkg/verify/claims.go", `case now >= t.exp+skew:`, `case now >= t.exp+skew && !mutant.Off("expired"):`},
	{"pkg/verify/claims.go", `case t.nbf > now+skew:`, `case t.nbf > now+skew && !mutant.Off("not-yet-valid"):`},
	{"pkg/verify/claims.go", `case t.iat > now+skew:`, `case t.iat > now+skew && !mutant.Off("issued-in-future"):`},
	{"pkg/verify/claims.go", `case j.issuer.MaxLifetime > 0 && `, `case !mutant.Off("lifetime") && j.issuer.MaxLifetime > 0 && `},
	{"pkg/verify/claims.go", `return nil, j.stop(ClaimMissing, "aud is missing")`, `if mutant.Off("aud-required") {
			return j.issuer.audiences, OK
		}
		return nil, j.stop(ClaimMissing, "aud is missing")`},
	{"pkg/verify/claims.go", `return nil, j.stop(ClaimInvalid, "aud is neither`, `if mutant.Off("aud-form") {
			return j.issuer.audiences, OK
		}
		return nil, j.stop(ClaimInvalid, "aud is neither`},
	{"pkg/verify/claims.go", `if j.issuer.audiences != nil && `, `if !mutant.Off("audience") && j.issuer.audiences != nil && `},
	{"pkg/verify/claims.go", `func (j *judge) checkGrace() Reason {`, `func (j *judge) checkGrace() Reason {
		if mutant.Off("issued-before-withdrawal") {
			return OK
		}`},
	{"pkg/verify/claims.go", `; bound {`, `; bound && !mutant.Off("pop") {`},
	{"pkg/verify/claims.go", `if !slices.Contains(have, s) {`, `if !slices.Contains(have, s) && !mutant.Off("scope") {`},
	{"pkg/verify/claims.go", `return j.stop(ClaimMismatch, `, `if mutant.Off("claim") {
			continue
		}
		return j.stop(ClaimMismatch, `},

	// What goes upstream.
	{"pkg/verify/header.go", `text != "" && len(text) <= maxClaimHeader && printable(text) && !padded(text)`,
		`text != "" && (len(text) <= maxClaimHeader || mutant.Off("claim-size")) && (printable(text) || mutant.Off("claim-printable")) && (!padded(text) || mutant.Off("claim-padded"))`},
	{"pkg/verify/header.go", `strings.Contains(s, ",") || padded(s)`, `strings.Contains(s, ",") && !mutant.Off("claim-commas") || padded(s)`},
	{"pkg/authz/identity.go", `isPrintable(value) {`, `(isPrintable(value) || mutant.Off("header-printable")) {
				if mutant.Off("identity-set") {
					continue
				}`},
	{"pkg/authz/identity.go", `m.remove = p.removeForeign`, `if !mutant.Off("identity-removed") {
			m.remove = p.removeForeign
		}`},
	{"pkg/authz/identity.go", `m.remove = p.removeAll`, `if !mutant.Off("identity-removed") {
			m.remove = p.removeAll
		}`},
	{"pkg/authz/identity.go", `m.more = append(m.more, name)`, `if !mutant.Off("identity-removed") {
					m.more = append(m.more, name)
				}`},
	{"pkg/authz/policy.go", `range spellings(name) {`, `range mutant.Spellings(spellings(name)) { // identity-spellings`},

	// Finding the credential.
	{"pkg/authz/credential.go", `if l.n > 1 {`, `if l.n > 1 && !mutant.Off("one-line") {`},
	{"pkg/authz/credential.go", `value := bytes.Trim(l.first, blanks)`, `value := bytes.Trim(mutant.Value(l.first), blanks) // one-value`},
	{"pkg/authz/credential.go", `bytes.TrimLeft(value[end:], " "), 1`, `bytes.TrimLeft(value[end:], mutant.Spaces()), 1 // one-space`},
	{"pkg/authz/credential.go", `token, n = value, n+k`, `token, n = value, mutant.One("one-pair", n+k)`},
	{"pkg/authz/pairs.go", `return value, n`, `return value, mutant.One("one-pair", n)`},
	{"pkg/authz/pairs.go", `n += 2`, `n += 2
					if mutant.Off("one-pair") {
						_, value, _ = strings.Cut(sub, "=")
					}`},
	{"pkg/authz/check.go", `switch c.found.n {`, `switch mutant.One("one-place", c.found.n) {`},

	// Reading the request.
	{"pkg/authz/check.go", `if !m.describesHTTP() {`, `if !m.describesHTTP() && !mutant.Off("describes-http") {`},
	{"pkg/authz/request.go", `if g.n++; g.n > maxHeaders {`, `if g.n++; g.n > maxHeaders && !mutant.Off("header-count") {`},
	{"pkg/authz/request.go", `if g.n > maxHeaders {`, `if g.n > maxHeaders && !mutant.Off("header-count") {`},
	{"pkg/authz/request.go", `if r.credential.n != 1 || !r.credential.equal(again.credential) {`, `if (r.credential.n == 0 || !mutant.Off("maps-agree")) && (r.credential.n != 1 || !r.credential.equal(again.credential)) {`},
	{"pkg/authz/request.go", `return slices.Concat(value, []byte(","), raw)`, `if mutant.Off("raw-agrees") {
			return raw
		}
		return slices.Concat(value, []byte(","), raw)`},
	{"pkg/authz/policy.go", `case c.odd:`, `case c.odd && !mutant.Off("extensions-known"):`},
	{"pkg/authz/policy.go", `return s.plans[name]`, `if p := s.plans[name]; p != nil || !mutant.Off("policy-known") {
		return p
	}
	return s.plans[verify.DefaultPolicy]`},
	{"pkg/authz/wire.go", `if len(f.rest) > 0 {`, `if len(f.rest) > 0 && !mutant.Off("wire-format") {`},
}
