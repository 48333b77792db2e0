package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// scrapesEach is how often each guard is scraped.
const scrapesEach = 15

// scrapes measures scrapes of guards with more and more keys, each of which was
// used.
func scrapes(ctx context.Context, page *page, p plan, binary string) (err error) {
	say("making %d keys", p.issuers*p.keys)
	s, err := newStage(binary, p.issuers, func(int) (keys []*devissuer.Key) {
		for j := range p.keys {
			keys = append(keys, devissuer.NewKey(fmt.Sprintf("key-%d", j), "ES256"))
		}
		return keys
	})
	defer func() { err = errors.Join(err, s.strike()) }()
	if err != nil {
		return err
	}
	var rows [][]string
	for _, issuers := range []int{1, max(1, p.issuers/10), p.issuers} {
		say("scraping a guard with %d keys", issuers*p.keys)
		row, err := s.scraped(ctx, issuers)
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	page.table([]string{"scrape of a guard with", "time", "CPU of the guard", "size, not compressed", "lines"}, rows)
	return nil
}

// scraped starts a guard of so many issuers, has each key used, and scrapes.
func (s *stage) scraped(ctx context.Context, issuers int) (row []string, err error) {
	at, err := s.newPost(fmt.Sprintf("scraped-%d-%d", issuers, time.Now().UnixNano()))
	if err != nil {
		return nil, err
	}
	guard, err := s.startGuard(ctx, at, trust{issuers: s.issuers[:issuers]})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, guard.stop()) }()
	signers := s.signers(0, issuers)
	requests, err := requestsOf(mint(len(signers), signers...), "")
	if err != nil {
		return nil, err
	}
	t := directTo(at.authz, requests, guard, false)
	t.warmUp = len(signers)
	if err := t.prepare(ctx); err != nil {
		return nil, errors.Join(err, t.close())
	}
	defer t.close()
	var took, cpu []float64
	text := ""
	for range scrapesEach {
		before, err := cpuOf(guard.process.PID())
		if err != nil {
			return nil, err
		}
		start := time.Now()
		if text, err = scrape(ctx, at.metrics); err != nil {
			return nil, err
		}
		took = append(took, float64(time.Since(start)))
		after, err := cpuOf(guard.process.PID())
		if err != nil {
			return nil, err
		}
		cpu = append(cpu, float64(after-before))
	}
	if used := strings.Count(text, "\njwtguard_key_last_used_timestamp_seconds{"); used != len(signers) {
		return nil, fmt.Errorf("a scrape tells of %d keys that were used, and not of %d", used, len(signers))
	}
	return []string{
		fmt.Sprintf("%d keys of %s", len(signers), countIssuers(issuers)), millis(spreadOf(took)), millis(spreadOf(cpu)),
		fmt.Sprintf("%.0f KiB", float64(len(text))/1024), fmt.Sprint(strings.Count(text, "\n")),
	}, nil
}
