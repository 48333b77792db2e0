package main

import (
	"crypto/sha256"
	"io"
	"os"

	"github.com/jwtguard/jwtguard/internal/config"
)

// configFile is the configuration file, with what it looked like when it was last
// read.
type configFile struct {
	path string
	read sight
}

// load reads the file. What it looks like is noted before, so that no change is
// missed.
func (f *configFile) load() (*config.Config, error) {
	f.read = look(f.path)
	return config.Load(f.path)
}

// sight is what a file looks like: its content, by its hash, since editors replace
// files and Kubernetes swaps a symlink above them, so that neither time nor inode
// tells.
type sight struct {
	readable bool
	sum      [sha256.Size]byte
}

// maxLook is more than any configuration has; a longer file is refused whatever it
// holds.
const maxLook = 2 << 20

// look reads the file without judging it. Nothing but a regular file is opened:
// a pipe would keep it waiting for ever.
func look(path string) sight {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return sight{}
	}
	file, err := os.Open(path)
	if err != nil {
		return sight{}
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxLook))
	if err != nil {
		return sight{}
	}
	return sight{readable: true, sum: sha256.Sum256(content)}
}
