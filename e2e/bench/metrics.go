package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// scrape reads the metrics of a guard.
func scrape(ctx context.Context, metrics string) (string, error) {
	return get(ctx, "http://"+metrics+"/metrics")
}

// get is the body of what is found at a URL.
func get(ctx context.Context, url string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", url, answer.Status, text)
	}
	return string(text), err
}

// sumOf adds up the samples of a metric that have all the given labels, as they are
// written; found tells whether there are any.
func sumOf(text, metric string, labels ...string) (sum float64, found bool, err error) {
lines:
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		rest, ok := strings.CutPrefix(lines.Text(), metric)
		if !ok || rest == "" || rest[0] != '{' && rest[0] != ' ' {
			continue
		}
		for _, l := range labels {
			if !strings.Contains(rest, l) {
				continue lines
			}
		}
		value, err := strconv.ParseFloat(rest[strings.LastIndexByte(rest, ' ')+1:], 64)
		if err != nil {
			return 0, false, fmt.Errorf("scrape: %q: %w", lines.Text(), err)
		}
		sum, found = sum+value, true
	}
	return sum, found, nil
}

// cached is what a guard's token cache is to say of the checks that are measured.
type cached string

const (
	noCache cached = "" // it is off
	hit     cached = "hit"
	miss    cached = "miss"
)

// cacheCounts is what a guard's token cache has counted.
func cacheCounts(ctx context.Context, metrics string) (map[cached]float64, error) {
	text, err := scrape(ctx, metrics)
	n := map[cached]float64{}
	for _, c := range []cached{hit, miss} {
		if err == nil {
			n[c], _, err = sumOf(text, "jwtguard_token_cache_requests_total", `result="`+string(c)+`"`)
		}
	}
	return n, err
}

// watchCache holds the checks of a measurement against what the guard's token cache
// counted: each of them, and nothing else.
func watchCache(ctx context.Context, metrics string, want cached) func() (func(int) error, error) {
	return func() (func(int) error, error) {
		before, err := cacheCounts(ctx, metrics)
		return func(answered int) error {
			now, err := cacheCounts(ctx, metrics)
			if err != nil {
				return err
			}
			for _, c := range []cached{hit, miss} {
				expected := 0
				if c == want {
					expected = answered
				}
				if n := now[c] - before[c]; n != float64(expected) {
					return fmt.Errorf("of %d checks the token cache counted %.0f as a %s, and not %d", answered, n, c, expected)
				}
			}
			return nil
		}, err
	}
}

// watchAlmost is [watchCache] for hits, with a part of the checks to spare: below,
// for tokens that the cache gave up for one of many others, and above, for requests
// that Envoy asked about again (its retry_policy), as it may where it had to wait.
func watchAlmost(ctx context.Context, metrics string, below, above float64) func() (func(int) error, error) {
	return func() (func(int) error, error) {
		before, err := cacheCounts(ctx, metrics)
		return func(answered int) error {
			now, err := cacheCounts(ctx, metrics)
			if err != nil {
				return err
			}
			hits, misses, n := now[hit]-before[hit], now[miss]-before[miss], float64(answered)
			if hits < (1-below)*n || misses > below*n || hits+misses > (1+above)*n {
				err = fmt.Errorf("of %d checks the token cache counted %.0f hits and %.0f misses, and not hits alone", answered, hits, misses)
			}
			return err
		}, err
	}
}
