package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// A sign is something by which an operator sees how the guard is.
type sign struct {
	name string // as the table has it; empty: left out
	seen func(*patient) bool
}

// mark is how things stood when a fault began or ended.
type mark struct {
	guard   *harness.Guard
	line    int // of its log
	series  map[string]float64
	fetched int
}

// note sets the mark.
func (p *patient) note() {
	p.mark = mark{p.guard, p.guard.Stderr.Len(), p.series(), p.issuer.Count(devissuer.JWKSPath)}
}

// see waits for signs.
func (p *patient) see(what string, all []sign) {
	p.t.Helper()
	for _, s := range all {
		p.until(what+": "+s.name, func() bool { return s.seen(p) })
	}
}

func signNames(all []sign) string {
	var names []string
	for _, s := range all {
		if s.name != "" {
			names = append(names, s.name)
		}
	}
	return strings.Join(names, "; ")
}

// logs is an event in the log since the mark, whose line has these words.
func logs(event string, words ...string) sign {
	words = append(words, fmt.Sprintf(`"msg":%q`, event))
	return sign{"`" + event + "`", func(p *patient) bool {
		from := 0
		if p.guard == p.mark.guard {
			from = p.mark.line
		}
		now, cancel := context.WithCancel(context.Background())
		cancel() // it does not wait
		_, _, err := p.guard.Stderr.Next(now, from, func(line string) bool {
			return !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(line, word) })
		})
		return err == nil
	}}
}

// rises is a counter that has grown since the mark.
func rises(series string) sign {
	name, _, _ := strings.Cut(series, "{")
	if _, result, ok := strings.Cut(series, `result=`); ok {
		name += "{result=" + strings.TrimSuffix(result, "}") + "}"
	}
	return sign{"`" + name + "` grows", func(p *patient) bool {
		before := p.mark.series[series]
		if p.guard != p.mark.guard {
			before = 0
		}
		return p.series()[series] > before
	}}
}

// metered is a condition on a metric as it is now.
func metered(name, series string, holds func(float64) bool) sign {
	return sign{name, func(p *patient) bool {
		v, ok := p.series()[series]
		return ok && holds(v)
	}}
}

var (
	absent  = sign{"`/metrics` does not answer (`up == 0`)", func(p *patient) bool { return p.series() == nil }}
	present = sign{"`/metrics` answers", func(p *patient) bool { return p.series() != nil }}
	// fetches is a fetch of the keys since the mark.
	fetches = sign{"", func(p *patient) bool { return p.issuer.Count(devissuer.JWKSPath) > p.mark.fetched }}
)

// failing is what shows of fetches that end with a result.
func failing(result string, words ...string) []sign {
	return []sign{
		logs("jwks_fetch_failed", append(words, fmt.Sprintf(`"result":%q`, result))...),
		rises(fmt.Sprintf(`jwtguard_jwks_refreshes_total{issuer="corp",result=%q}`, result)),
	}
}

// scrapePatience is how long a scrape may take: as a probe of Kubernetes, by its
// default.
const scrapePatience = time.Second

// series are the rows of the guard's metrics; nil: there was no answer.
func (p *patient) series() map[string]float64 {
	text, err := p.local("/metrics")
	if err != nil {
		return nil
	}
	all := map[string]float64{}
	for line := range strings.Lines(text) {
		if i := strings.LastIndexByte(line, ' '); i > 0 && line[0] != '#' {
			if v, err := strconv.ParseFloat(strings.TrimSpace(line[i:]), 64); err == nil {
				all[line[:i]] = v
			}
		}
	}
	return all
}

// readiness is what /readyz says.
func (p *patient) readiness() string {
	_, err := p.local("/readyz")
	if status := statusError(0); errors.As(err, &status) {
		return fmt.Sprint(int(status))
	}
	if err != nil {
		return "no answer"
	}
	return "200"
}

type statusError int

func (s statusError) Error() string { return http.StatusText(int(s)) }

// local asks the guard's metrics listener, on a connection of its own.
func (p *patient) local(path string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapePatience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.metrics+path, nil)
	if err != nil {
		return "", err
	}
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = statusError(resp.StatusCode)
	}
	return string(text), err
}
