package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/jwtguard/jwtguard/e2e/harness"
)

// printer writes the narration; in colour where a person is likely to look.
type printer struct {
	w      io.Writer
	colour bool
}

func newPrinter(f *os.File) *printer {
	info, err := f.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0
	return &printer{w: f, colour: terminal && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
}

const (
	bold  = "1"
	dim   = "2"
	green = "32"
	red   = "31"
)

func (p *printer) in(style, s string) string {
	if !p.colour {
		return s
	}
	return "\x1b[" + style + "m" + s + "\x1b[0m"
}

func (p *printer) title(s string) { fmt.Fprintf(p.w, "\n%s\n\n", p.in(bold, s)) }

func (p *printer) text(format string, args ...any) { fmt.Fprintf(p.w, format+"\n", args...) }

// cast introduces who plays.
func (p *printer) cast(s *stage) {
	p.text("\n  client --> Envoy %s --> service %s", s.envoy.Address, s.upstream.Address)
	p.text("               |  ext_authz, unix socket")
	p.text("               v")
	p.text("           jwtguard --> issuer %s (keys, every second)", s.issuer.URL)
	p.text("\nEach line below is one HTTP request: the status is what the client got, the rest")
	p.text("is from Envoy's access log. Grace is %s here and clock_skew %s; usually an hour and a minute.", grace, clockSkew)
}

func (p *printer) act(n int, title string) {
	fmt.Fprintf(p.w, "\n%s\n", p.in(bold, fmt.Sprintf("%d. %s", n, title)))
	if n == 1 {
		fmt.Fprintf(p.w, "   %s\n", p.in(dim, fmt.Sprintf("%-46s %-6s  %-24s %-12s %s", "request", "status", "reason", "kid", "key state")))
	}
}

func (p *printer) event(s string) { fmt.Fprintf(p.w, "   > %s\n", s) }

func (p *printer) note(format string, args ...any) {
	fmt.Fprintf(p.w, "   %s\n", p.in(dim, fmt.Sprintf(format, args...)))
}

func (p *printer) row(what string, status int, a harness.Access) {
	style := green
	if status != 200 {
		style = red
	}
	line := fmt.Sprintf("   %-46s %s  %-24s %-12s %s", what, p.in(style, fmt.Sprintf("%-6d", status)), text(a.Reason), text(a.KID), text(a.KeyState))
	fmt.Fprintln(p.w, strings.TrimRight(line, " "))
}

// text is a field of the access log.
func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
