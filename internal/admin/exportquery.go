package admin

import (
	"context"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/jwtguard/jwtguard/internal/ledger"
)

// exportQuery is which evidence is asked for, as the command's flags say it.
type exportQuery struct {
	from, to time.Time
	format   exportFormat
}

// exportFormat is a form that evidence can have.
type exportFormat struct {
	name, kind string // kind: its Content-Type
	write      func(x *ledger.Export, ctx context.Context, w io.Writer) error
}

var exportFormats = [...]exportFormat{
	{"json", "application/json", (*ledger.Export).WriteJSON},
	{"markdown", "text/markdown; charset=utf-8", func(x *ledger.Export, _ context.Context, w io.Writer) error { return x.WriteMarkdown(w) }},
}

// exportParameters are the names that a query may have.
var exportParameters = []string{"from", "to", "format"}

func readExportQuery(raw string) (q exportQuery, p *problem) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return q, badRequest("the query cannot be read: %v", err)
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		switch {
		case !slices.Contains(exportParameters, name):
			return q, badRequest("there is no parameter %s; there are: %s", quote(name), strings.Join(exportParameters, ", "))
		case len(values[name]) > 1:
			return q, badRequest("the parameter %s stands twice", name)
		}
	}
	if q.from, q.to, err = ledger.ReadPeriod(values.Get("from"), values.Get("to")); err != nil {
		return q, badRequest("%v", err)
	}
	format := values.Get("format")
	for _, q.format = range exportFormats {
		if q.format.name == format || format == "" {
			return q, nil
		}
	}
	return q, badRequest("format %s: write json or markdown", quote(format))
}
