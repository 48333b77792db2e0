package devissuer

// A script says how the next requests for one path are answered.
type script struct {
	next   []Fault // one request each
	always *Fault  // then all of them
}

// Fail answers all further requests for a path with the fault, until Heal.
func (i *Issuer) Fail(path string, f Fault) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.scriptOf(path).always = &f
}

// FailNext answers the next requests for a path with one fault each, in this
// order, before those of Fail.
func (i *Issuer) FailNext(path string, faults ...Fault) {
	i.mu.Lock()
	defer i.mu.Unlock()
	s := i.scriptOf(path)
	s.next = append(s.next, faults...)
}

// Heal ends all faults.
func (i *Issuer) Heal() {
	i.mu.Lock()
	defer i.mu.Unlock()
	clear(i.faults)
}

func (i *Issuer) scriptOf(path string) *script {
	s := i.faults[path]
	if s == nil {
		s = &script{}
		i.faults[path] = s
	}
	return s
}
