package admin

import (
	"encoding/json"
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// Life is one thing that happened to a key, by the words of the ledger's line about
// it: without the members that chain the lines, and without the whole record of the
// key. What has no value is absent. Time is the wall clock's, Life lifecycle time.
type Life struct {
	Time       time.Time `json:"time"`
	Life       time.Time `json:"life"`
	Event      string    `json:"event"`
	Issuer     string    `json:"issuer,omitempty"` // its name
	Iss        string    `json:"iss,omitempty"`
	Kid        string    `json:"kid,omitempty"`
	Thumbprint string    `json:"thumbprint,omitempty"`
	From       string    `json:"from,omitempty"`
	To         string    `json:"to,omitempty"`
	Action     string    `json:"action,omitempty"`
	Forced     bool      `json:"forced,omitempty"`
	Anomaly    string    `json:"anomaly,omitempty"`
	Detail     string    `json:"detail,omitempty"`
	Reason     string    `json:"reason,omitempty"`
	Actor      string    `json:"actor,omitempty"`
}

func newLife(c keyset.Change, e keyset.Event) Life {
	l := Life{
		Time: e.At.Wall.UTC(), Life: e.At.Life.UTC(), Event: string(e.Type), Issuer: c.Name, Iss: c.Issuer, Kid: e.Kid,
		From: e.From.String(), To: e.To.String(), Action: string(e.Action), Forced: e.Forced,
		Anomaly: string(e.Anomaly), Detail: e.Detail,
	}
	if e.Key != nil {
		l.Thumbprint, l.Reason, l.Actor = e.Key.Thumbprint, e.Key.Reason, e.Key.Actor
	}
	return l
}

// events are server-sent events in the making (the HTML standard, section 9.2).
type events struct{ text []byte }

// add appends an event. The id, which may be empty, is what a reader that comes
// back says it has seen.
func (b *events) add(name, id string, data any) {
	line, err := json.Marshal(data) // without a newline in it
	if err != nil {
		return // only of times beyond the year 9999, which no clock shows
	}
	b.text = append(append(append(b.text, "event: "...), name...), '\n')
	if id != "" {
		b.text = append(append(append(b.text, "id: "...), id...), '\n')
	}
	b.text = append(append(append(b.text, "data: "...), line...), "\n\n"...)
}
