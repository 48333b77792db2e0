package harness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// PrometheusBinary is the path of the Prometheus to run, by the rule of
// tools/prometheus.sh. It builds nothing: without one it is an error that says what
// to do.
func PrometheusBinary() (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	out, err := exec.Command(filepath.Join(root, "tools", "prometheus.sh"), "--installed", "prometheus").Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			return "", errors.New(strings.TrimSpace(string(exit.Stderr)))
		}
		return "", err
	}
	return strings.TrimSpace(string(out)), nil
}

// A Prometheus is a running Prometheus server.
type Prometheus struct {
	*Process
	Address string // host:port of its API
}

// StartPrometheus starts a server that scrapes as the configuration text says, with
// all its files in dir, and waits until it is ready. The caller stops it.
func StartPrometheus(ctx context.Context, binary, dir, config string) (*Prometheus, error) {
	file := filepath.Join(dir, "prometheus.yaml")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		return nil, err
	}
	address, err := FreePort()
	if err != nil {
		return nil, err
	}
	process, err := StartProcess("prometheus", binary, "--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+address, "--log.level=warn")
	if err != nil {
		return nil, err
	}
	p := &Prometheus{Process: process, Address: address}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if err := poll(ctx, process, func() error {
		_, err := get(ctx, "http://"+address+"/-/ready")
		return err
	}); err != nil {
		p.Kill()
		return nil, fmt.Errorf("start prometheus: %w: %s", err, p.Stderr)
	}
	return p, nil
}

// A Series is one row of an answer: its labels and its values, which are texts as
// Prometheus writes them.
type Series struct {
	Labels map[string]string
	Values []string
}

// Query evaluates an expression now.
func (p *Prometheus) Query(ctx context.Context, expr string) ([]Series, error) {
	return p.evaluate(ctx, "query", url.Values{"query": {expr}})
}

// QueryRange evaluates an expression at each second since then.
func (p *Prometheus) QueryRange(ctx context.Context, expr string, since time.Time) ([]Series, error) {
	return p.evaluate(ctx, "query_range", url.Values{"query": {expr}, "start": {seconds(since)}, "end": {seconds(time.Now())}, "step": {"1"}})
}

// LabelValues lists the values that a label has in the rows that match.
func (p *Prometheus) LabelValues(ctx context.Context, label, match string) (values []string, err error) {
	return values, p.ask(ctx, "label/"+label+"/values", url.Values{"match[]": {match}}, &values)
}

func (p *Prometheus) evaluate(ctx context.Context, what string, form url.Values) ([]Series, error) {
	var data struct {
		Result []struct {
			Metric map[string]string
			Value  [2]any // time, text
			Values [][2]any
		}
	}
	if err := p.ask(ctx, what, form, &data); err != nil {
		return nil, err
	}
	var all []Series
	for _, r := range data.Result {
		s := Series{Labels: r.Metric}
		if r.Values == nil {
			r.Values = [][2]any{r.Value}
		}
		for _, v := range r.Values {
			s.Values = append(s.Values, fmt.Sprint(v[1]))
		}
		all = append(all, s)
	}
	return all, nil
}

// ask reads the data of an answer of the API.
func (p *Prometheus) ask(ctx context.Context, what string, form url.Values, data any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.Address+"/api/v1/"+what+"?"+form.Encode(), nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	var answer struct {
		Status, Error string
		Data          json.RawMessage
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return fmt.Errorf("prometheus answers %s: %w", resp.Status, err)
	}
	if answer.Status != "success" {
		return fmt.Errorf("prometheus: %s", answer.Error)
	}
	return json.Unmarshal(answer.Data, data)
}

// seconds is a time as the API takes it.
func seconds(t time.Time) string { return fmt.Sprintf("%.3f", float64(t.UnixMilli())/1e3) }
