package admin

import (
	"context"
	"strconv"
	"strings"
)

// backlog is how much may wait for a reader, in chunks of at least a second's
// events but for those of a life record. Who is that far behind is dropped, and
// comes back to the state of that time.
const backlog = 16

// stream is one reader.
type stream struct {
	ctx    context.Context // ends when the reader leaves
	after  string          // id of the last life record that the reader has; may be empty
	chunks chan chunk      // the Feed closes it when no more come
}

// chunk is what a reader is told at once: a whole state, if there is one, and then
// more events.
type chunk struct {
	state *reading // put into words by its reader: the text of many keys is long
	text  []byte
}

// join makes a stream for a reader. It begins with the state of all keys.
func (f *Feed) join(ctx context.Context, after string) *stream {
	s := &stream{ctx: ctx, after: after, chunks: make(chan chunk, backlog)}
	f.mu.Lock()
	if f.ended {
		close(s.chunks)
	} else {
		f.joining = append(f.joining, s)
	}
	f.mu.Unlock()
	f.poke()
	return s
}

// welcome lets readers in: with the whole state, and with the life records that
// they have not seen.
func (f *Feed) welcome() {
	f.mu.Lock()
	joining := f.joining
	f.joining = nil
	f.mu.Unlock()
	if len(joining) == 0 {
		return
	}
	now := f.read()
	if len(f.streams) == 0 {
		f.last = now // nobody needs what has changed until here
	}
	for _, s := range joining {
		seen := uint64(0)
		if n, ours := strings.CutPrefix(s.after, f.run+"-"); ours {
			seen, _ = strconv.ParseUint(n, 10, 64) // what is no number has seen none
		}
		f.mu.Lock()
		past := f.lifeAfter(seen)
		f.mu.Unlock()
		s.chunks <- chunk{&now, past} // the first one: there is room
		f.streams = append(f.streams, s)
	}
}

// tell hands events to all readers. Who has left, or cannot keep up, is dropped.
func (f *Feed) tell(text []byte) {
	if len(text) == 0 {
		return
	}
	staying := f.streams[:0]
	for _, s := range f.streams {
		if s.ctx.Err() == nil {
			select {
			case s.chunks <- chunk{text: text}:
				staying = append(staying, s)
				continue
			default:
			}
		}
		close(s.chunks)
	}
	clear(f.streams[len(staying):])
	f.streams = staying
}
