package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jwtguard/jwtguard/internal/config"
	"github.com/jwtguard/jwtguard/internal/jose"
)

const (
	// mostInterval keeps two lost fetches within the default max_stale, which check
	// would call an error otherwise.
	mostInterval = time.Hour
	// mostTimeout is more than any fetch of a key set takes.
	mostTimeout = time.Minute
)

// remoteOptions is what becomes of each option of RemoteJwks.
var remoteOptions = options[*adoptProvider]{
	"http_uri": func(a *adoption, v *adoptProvider, p place) { a.httpURI(v, p) },
	"cache_duration": func(a *adoption, v *adoptProvider, p place) {
		d := a.duration(p)
		v.keys.interval = min(max(d, time.Second), mostInterval)
		if d != v.keys.interval {
			a.note(noteDiffers, p, fmt.Sprintf("keys are fetched every %s: a withdrawn key is noticed by then", config.Span(v.keys.interval)), "")
		}
	},
	"async_fetch": func(a *adoption, _ *adoptProvider, p place) {
		readOptions(a, p, &struct{}{}, options[*struct{}]{
			"fast_listener":           func(a *adoption, _ *struct{}, p place) { a.boolean(p) },
			"failed_refetch_duration": func(a *adoption, _ *struct{}, p place) { a.duration(p) },
		})
		a.note(noteDiffers, p, "keys are always fetched ahead of requests; after a failure the guard waits longer each time, up to the interval, and it is ready once each issuer was usable", "set optional: true for an issuer that readiness should not wait for")
	},
	"retry_policy": func(a *adoption, _ *adoptProvider, p place) {
		a.note(noteDiffers, p, "failed fetches are repeated with a back-off and jitter, up to the interval; Retry-After is honoured", "")
	},
}

// httpURI is where keys are fetched from.
func (a *adoption) httpURI(v *adoptProvider, p place) {
	readOptions(a, p, v, options[*adoptProvider]{
		"uri": func(a *adoption, v *adoptProvider, p place) { a.keyURI(v, p, a.text(p)) },
		"cluster": func(a *adoption, _ *adoptProvider, p place) {
			a.note(noteDiffers, p, fmt.Sprintf("keys are fetched from the host of the URI itself, not through the cluster %s, and its certificate is always checked", cited(a.text(p))), "if the cluster leads elsewhere, write that into jwks.uri; for an authority of your own set jwks.ca_file; proxies come from HTTPS_PROXY")
		},
		"timeout": func(a *adoption, v *adoptProvider, p place) { a.fetchTimeout(v, p) },
	})
}

// keyURI takes the URI if the guard would fetch it.
func (a *adoption) keyURI(v *adoptProvider, p place, uri string) {
	u, err := url.Parse(uri)
	plain := err == nil && u.Scheme == "http"
	complaint := refusedIssuer(func(i *madeIssuer) { i.keys = adoptKeys{uri: uri} })
	if complaint != "" && plain {
		complaint = refusedIssuer(func(i *madeIssuer) { i.keys = adoptKeys{uri: uri, insecure: true} })
		v.keys.insecure = complaint == ""
	}
	if complaint != "" {
		v.close("its jwks.uri cannot be written")
		a.note(noteLost, p, complaint, "no token of this provider passes until jwks.uri is right")
		return
	}
	v.keys.uri = uri
	if v.keys.insecure {
		a.note(noteWeaker, p, "PLAIN HTTP, as it is written: whoever answers in the issuer's place adds a key; WEAKER than before if the cluster speaks TLS", "write https, with jwks.ca_file for an authority of your own, and remove allow_insecure_http")
	}
}

func (a *adoption) fetchTimeout(v *adoptProvider, p place) {
	d := a.duration(p)
	if v.keys.timeout = min(d, mostTimeout); d > mostTimeout {
		a.note(noteDiffers, p, fmt.Sprintf("a fetch takes %s at most", config.Span(mostTimeout)), "")
	}
}

// localKeys is a DataSource.
func (a *adoption) localKeys(v *adoptProvider, p place) {
	readOptions(a, p, v, options[*adoptProvider]{
		"filename": func(a *adoption, v *adoptProvider, p place) {
			if v.keys.file = a.text(p); !filepath.IsAbs(v.keys.file) {
				a.note(noteDiffers, p, "the path counts from the folder of the guard's configuration, not from where a process was started", "write the whole path")
			}
		},
		"inline_string": func(a *adoption, v *adoptProvider, p place) { a.inlineKeys(v, p, a.text(p)) },
		"inline_bytes": func(a *adoption, v *adoptProvider, p place) {
			b, err := base64.StdEncoding.DecodeString(a.text(p))
			if err != nil {
				a.mistake(p, "must be base64")
			}
			a.inlineKeys(v, p, string(b))
		},
		"environment_variable": func(a *adoption, v *adoptProvider, p place) {
			a.note(noteLost, p, "keys are not read from environment variables", "write the JWKS to a file, which may then change without a restart, and name it in jwks.file; no token of this provider passes until then")
		},
		"watched_directory": func(*adoption, *adoptProvider, place) {}, // files are always watched
	})
	if complaint := refusedIssuer(func(i *madeIssuer) { i.keys = v.keys }); complaint != "" {
		a.note(noteLost, p, complaint, "no token of this provider passes until its jwks is right")
		v.keys = adoptKeys{}
	}
}

// publicMembers are those of a JWK that say what a key is (RFC 7517, section 4;
// RFC 7518, section 6; RFC 8037, section 2). Certificates are not looked at.
var publicMembers = []string{"kty", "kid", "use", "key_ops", "alg", "n", "e", "crv", "x", "y", "nbf", "exp"}

// inlineKeys takes those keys of a JWKS document that can be used.
func (a *adoption) inlineKeys(v *adoptProvider, p place, document string) {
	const closed = "no token of this provider passes until its jwks is right"
	docs, err := config.ReadForeign("jwks", []byte(document))
	if err != nil || len(docs) != 1 || docs[0].Get("keys") == nil || docs[0].Get("keys").Kind != config.List {
		a.note(noteLost, p, "not a JWKS document (RFC 7517): {\"keys\": [...]}", closed)
		return
	}
	var kept []string
	for i, k := range docs[0].Get("keys").Items {
		if i == jose.MaxKeys {
			a.note(noteLost, p, fmt.Sprintf("only the first %d keys", jose.MaxKeys), "")
			break
		}
		kid, public := text(k, "kid"), &config.Node{Kind: config.Mapping}
		for _, f := range k.Fields {
			if slices.Contains(publicMembers, f.Key) {
				public.Fields = append(public.Fields, f)
			}
		}
		// The whole key is judged: a private part among it is a reason, too.
		doc, err := jose.ReadKeys([]byte(`{"keys":[` + canonical(k) + `]}`))
		inline := `{"keys": [` + canonical(public) + `]}`
		switch {
		case err != nil:
			a.note(noteLost, p, fmt.Sprintf("the key %s: %v", cited(kid), err), "")
		case len(doc.Skipped) > 0:
			a.note(noteLost, p, fmt.Sprintf("the key %s cannot be used: %s", cited(kid), doc.Skipped[0].Reason), "have the issuer make a key that can; docs/lifecycle.md says what is refused")
		case refusedIssuer(func(i *madeIssuer) { i.keys = adoptKeys{inline: inline} }) != "":
			a.note(noteLost, p, fmt.Sprintf("the key %s cannot be written", cited(kid)), "")
		default:
			kept = append(kept, canonical(public))
		}
	}
	if len(kept) == 0 {
		a.note(noteLost, p, "holds no key that can be used", closed)
		return
	}
	v.keys.inline = `{"keys": [` + strings.Join(kept, ", ") + `]}`
	a.note(noteDiffers, p, "these keys are a copy: it follows no rotation. Istio writes what it fetched like this into what it tells Envoy", "if the issuer publishes its keys, name the URL in jwks.uri, or give --from-envoy the RequestAuthentication")
}

func writeJSONText(b *strings.Builder, s string) {
	var text strings.Builder
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // text always can be
	b.WriteString(strings.TrimSuffix(text.String(), "\n"))
}
