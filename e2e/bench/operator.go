package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// operators is how many changes the admin API has under way at once; it sends
// whoever comes beyond that away.
const operators = 32

// operator gives orders over the admin API's unix socket.
type operator struct{ http.Client }

func newOperator(socket string) *operator {
	return &operator{http.Client{Transport: &http.Transport{
		MaxIdleConnsPerHost: operators,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}}
}

// newOrder makes an order about a key, known or not.
func newOrder(ctx context.Context, action keyset.Action, issuer, kid string) (*http.Request, error) {
	body, err := json.Marshal(map[string]any{"reason": "measured by bench", "unseen": true})
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost,
		fmt.Sprintf("http://localhost/api/v1/keys/%s/%s/%s", issuer, kid, action), bytes.NewReader(body))
	if err == nil {
		r.Header.Set("Content-Type", "application/json")
	}
	return r, err
}

// give sends an order. Without an error it is in force and durable.
func (o *operator) give(r *http.Request) error {
	answer, err := o.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	var outcome struct{ Changed, Durable bool }
	if answer.StatusCode != http.StatusOK || json.Unmarshal(text, &outcome) != nil || !outcome.Changed || !outcome.Durable {
		return fmt.Errorf("%s: %s: %s", r.URL.Path, answer.Status, text)
	}
	return nil
}
