package harness

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/net/dns/dnsmessage"
)

// Mood is how a name server takes questions.
type Mood int32

// The moods of a name server.
const (
	Answering Mood = iota
	Silent         // as where packets are lost
	Denying        // no name exists
)

// A NameServer answers over UDP that each name is the address 127.0.0.1.
type NameServer struct {
	IP    string // its own; the port is 53
	conn  net.PacketConn
	mood  atomic.Int32
	asked atomic.Int64
	wg    sync.WaitGroup
}

// StartNameServer serves at a loopback address of its own. Port 53, which is all that
// resolv.conf knows, takes privilege; without it there is an error. The caller stops
// it.
func StartNameServer() (*NameServer, error) {
	var err error
	for range 10 { // others may have the address
		s := &NameServer{IP: fmt.Sprintf("127.%d.%d.%d", 64+rand.IntN(128), rand.IntN(256), 1+rand.IntN(254))}
		if s.conn, err = net.ListenPacket("udp", net.JoinHostPort(s.IP, "53")); err == nil {
			s.wg.Go(s.serve)
			return s, nil
		}
	}
	return nil, err
}

// Set changes the mood.
func (s *NameServer) Set(m Mood) { s.mood.Store(int32(m)) }

// Asked is how many questions came.
func (s *NameServer) Asked() int { return int(s.asked.Load()) }

// Stop ends it.
func (s *NameServer) Stop() error {
	err := s.conn.Close()
	s.wg.Wait()
	return err
}

func (s *NameServer) serve() {
	buf := make([]byte, 1500)
	for {
		n, from, err := s.conn.ReadFrom(buf)
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			continue
		}
		s.asked.Add(1)
		if reply := answerName(buf[:n], Mood(s.mood.Load())); reply != nil {
			_, _ = s.conn.WriteTo(reply, from)
		}
	}
}

// answerName is the reply to a question; nil: none.
func answerName(question []byte, mood Mood) []byte {
	var m dnsmessage.Message
	if err := m.Unpack(question); err != nil || len(m.Questions) == 0 || mood == Silent {
		return nil
	}
	q := m.Questions[0]
	// Additional records of the question, such as EDNS's, are not repeated.
	m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
	switch {
	case mood == Denying || !strings.HasSuffix(q.Name.String(), ".test."):
		m.RCode = dnsmessage.RCodeNameError
	case q.Type == dnsmessage.TypeA:
		m.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 1},
			Body:   &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}},
		}}
	}
	reply, err := m.Pack()
	if err != nil {
		return nil
	}
	return reply
}
