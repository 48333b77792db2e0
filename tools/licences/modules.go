package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// std is how the Go standard library is called here and in a CycloneDX document.
const std = "std"

// architectures are those that a release has binaries for.
var architectures = []string{"amd64", "arm64"}

// legal matches the names of the files that must go with a binary. NOTICE files
// must because the Apache License, section 4(d), says so.
var legal = regexp.MustCompile(`(?i)^(licen[cs]es?|copying|unlicense|notices?|patents|copyright)([.-].*)?$`)

// licence matches those of them that hold a licence.
var licence = regexp.MustCompile(`(?i)^(licen[cs]e|copying|unlicense)`)

// A module is what the binary has of one module.
type module struct {
	path     string            // as in go.mod; std for the standard library
	own      bool              // it is jwtguard itself
	files    map[string][]byte // legal files beside or above the linked packages, by name inside the module
	licences []string          // SPDX identifiers of all its licence files, sorted
}

// expression is the SPDX expression of the module's licences.
func (m module) expression() string { return strings.Join(m.licences, " AND ") }

// listed is what `go list` says of a package.
type listed struct {
	Dir      string
	Standard bool
	Module   *struct {
		Path, Dir string
		Main      bool
	}
}

// linked gives the modules that the binary of the checkout in root is made of, on
// any of the architectures, sorted by path.
func linked(root string) ([]module, error) {
	byPath := map[string]*module{std: {path: std, files: map[string][]byte{}}}
	for _, arch := range architectures {
		packages, err := dependencies(root, arch)
		if err != nil {
			return nil, err
		}
		for _, p := range packages {
			path := std
			if !p.Standard {
				path = p.Module.Path
			}
			m := byPath[path]
			if m == nil {
				m = &module{path: path, files: map[string][]byte{}}
				byPath[path] = m
			}
			if p.Standard {
				continue // its licence stands in its root alone
			}
			m.own = p.Module.Main
			if err := m.collect(p.Dir, p.Module.Dir); err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
		}
	}
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, fmt.Errorf("go env GOROOT: %w", err)
	}
	top := strings.TrimSpace(string(goroot))
	if err := byPath[std].collect(top, top); err != nil {
		return nil, fmt.Errorf("%s: %w", std, err)
	}
	var all []module
	for _, path := range slices.Sorted(maps.Keys(byPath)) {
		all = append(all, *byPath[path])
	}
	return all, nil
}

// dependencies lists the packages that are linked on one architecture of Linux.
func dependencies(root, arch string) ([]listed, error) {
	list := exec.Command("go", "list", "-deps", "-json=Dir,Standard,Module", "./cmd/jwtguard")
	list.Dir = root
	list.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	var all []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		if !p.Standard && p.Module == nil {
			return nil, fmt.Errorf("go list: the package in %s has no module", p.Dir)
		}
		all = append(all, p)
	}
}

// collect takes in the legal files of dir and of the directories above it, up to top:
// code that was copied into a module keeps its licence beside it.
func (m *module) collect(dir, top string) error {
	for {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if !e.Type().IsRegular() || !legal.MatchString(e.Name()) || strings.HasSuffix(e.Name(), ".go") {
				continue
			}
			name, err := filepath.Rel(top, filepath.Join(dir, e.Name()))
			if err != nil {
				return err
			}
			if m.files[name] != nil {
				continue
			}
			if m.files[name], err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
		if dir == top {
			return nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return fmt.Errorf("%s is not inside %s", dir, top)
		}
		dir = up
	}
}
