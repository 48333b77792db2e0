package admin

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html"
	"net/http"
	"strings"
)

// pageFiles are what the page is made of. It is one document, so that it is there
// or not, and takes nothing from anywhere else.
//
//go:embed page
var pageFiles embed.FS

// scripts are the parts of the page's script, in their order: one scope.
var scripts = [...]string{"times.js", "bar.js", "keys.js", "lists.js", "order.js", "live.js"}

// page is the document, and the header that tells browsers what it may do.
type page struct {
	text   []byte
	policy string
}

// newPage makes the page of the guard of this name.
func newPage(guard string) (*page, error) {
	document, err := pageFiles.ReadFile("page/page.html")
	if err != nil {
		return nil, err
	}
	style, err := pageFiles.ReadFile("page/page.css")
	if err != nil {
		return nil, err
	}
	var script []byte
	for _, name := range scripts {
		part, err := pageFiles.ReadFile("page/" + name)
		if err != nil {
			return nil, err
		}
		script = append(script, part...)
	}
	p := &page{policy: strings.Join([]string{
		"default-src 'none'",
		"script-src " + hashed(script), "style-src " + hashed(style),
		"connect-src 'self'", "img-src data:", // an icon that is none
		"base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
		// What others chose (kids, reasons, names) is only ever text: the browser
		// refuses to have it read as HTML or as a script.
		"require-trusted-types-for 'script'", "trusted-types 'none'",
	}, "; ")}
	p.text = document
	for mark, text := range map[string][]byte{"STYLE": style, "SCRIPT": script, "GUARD": []byte(html.EscapeString(guard))} {
		p.text = bytes.ReplaceAll(p.text, []byte("{{"+mark+"}}"), text)
	}
	return p, nil
}

// hashed allows exactly this text, in a Content-Security-Policy (CSP level 3,
// section 2.3.1).
func hashed(text []byte) string {
	sum := sha256.Sum256(text)
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// showPage shows the page. There is nothing in it that a foreign page could learn, and
// a link to it must work; but under a foreign name nothing that it asks would be
// answered.
func (a *API) showPage(w http.ResponseWriter, r *http.Request) {
	if _, socket := socketUser(r); !socket && !a.ownHost(r.Host) {
		foreignHost().write(w)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", a.page.policy)
	h.Set("X-Frame-Options", "DENY") // for what does not know frame-ancestors
	h.Set("Referrer-Policy", "no-referrer")
	_, _ = w.Write(a.page.text)
}
