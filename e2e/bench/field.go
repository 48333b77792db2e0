package main

import (
	"context"
	"errors"
)

// field is all candidates of one part, with what they need.
type field struct {
	candidates []*candidate
	targets    []*target
	servers    []*server
}

// add enters a target.
func (f *field) add(name string, t *target) *candidate {
	f.targets = append(f.targets, t)
	return f.enter(name, t.measure)
}

func (f *field) enter(name string, measure func(context.Context, plan) (figures, error)) *candidate {
	c := &candidate{name: name, measure: measure}
	f.candidates = append(f.candidates, c)
	return c
}

// keep has a server stopped at the end.
func (f *field) keep(s *server, err error) (*server, error) {
	if s != nil {
		f.servers = append(f.servers, s)
	}
	return s, err
}

// clear ends it all.
func (f *field) clear() error {
	var errs []error
	for _, t := range f.targets {
		errs = append(errs, t.close())
	}
	for _, s := range f.servers {
		errs = append(errs, s.stop())
	}
	return errors.Join(errs...)
}
