package main

import (
	"context"
	"math"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"golang.org/x/time/rate"
	"google.golang.org/protobuf/proto"
)

// attack is a flood: what its connections share.
type attack struct {
	at          string
	connections int
	streams     int
	envoy       bool
	tokens      []string
	messages    [][]byte // with the prefix of gRPC; one for each token
	pace        *rate.Limiter
	turn        atomic.Int64

	opened, units, answers, ended atomic.Int64
}

// Count is what a flood did. A unit is what its kind does over and over; answers
// are streams that the other side ended.
type Count struct{ Connections, Units, Answers, Ended int64 }

func (a *attack) count() Count {
	return Count{a.opened.Load(), a.units.Load(), a.answers.Load(), a.ended.Load()}
}

// load reads the tokens. Without a file there is one, of which nothing is right.
func (a *attack) load(file string) error {
	a.tokens = []string{"e30.e30.AAAA"}
	if file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		a.tokens = strings.Fields(string(text))
	}
	for _, token := range a.tokens {
		m, err := checkOf(token, 0)
		if err != nil {
			return err
		}
		a.messages = append(a.messages, m)
	}
	return nil
}

// checkOf is a check as it goes over the wire, with so many bytes of body.
func checkOf(token string, body int) ([]byte, error) {
	m, err := proto.Marshal(&authv3.CheckRequest{Attributes: &authv3.AttributeContext{
		Request: &authv3.AttributeContext_Request{Http: &authv3.AttributeContext_HttpRequest{
			Method: "GET", Path: "/", Host: "example.com", Body: strings.Repeat("a", body),
			HeaderMap: &corev3.HeaderMap{Headers: []*corev3.HeaderValue{{Key: "authorization", RawValue: []byte("Bearer " + token)}}},
		}},
	}})
	return prefixed(m), err
}

// setPace sets how many units a second there are at most; 0: no limit.
func (a *attack) setPace(perSecond float64) {
	if perSecond == 0 {
		perSecond = math.Inf(1)
	}
	a.pace = rate.NewLimiter(rate.Limit(perSecond), max(1, int(min(perSecond/100, 1e6))))
}

// run floods until ctx ends. A connection that ends is replaced by the next one.
func (a *attack) run(ctx context.Context, do kind) {
	var all sync.WaitGroup
	for range a.connections {
		all.Go(func() {
			for ctx.Err() == nil {
				p, err := a.dial(ctx, do.settings...)
				if err != nil {
					a.ended.Add(1)
					continue
				}
				stop := context.AfterFunc(ctx, func() { p.Close() })
				_ = do.run(ctx, a, p) // the other side ends it, as it may
				stop()
				p.Close()
				a.ended.Add(1)
			}
		})
	}
	all.Wait()
}

// unit waits for its turn and counts. It fails when the flood is over.
func (a *attack) unit(ctx context.Context) error {
	a.units.Add(1)
	return a.pace.Wait(ctx)
}

// next is one of the tokens, in turn.
func (a *attack) next() int { return int(a.turn.Add(1) % int64(len(a.tokens))) }
