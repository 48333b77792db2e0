package main

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/jwtguard/jwtguard/internal/admin"
	"github.com/jwtguard/jwtguard/internal/config"
)

// badConfig is what is wrong with a configuration: a line for each mistake, which
// begins with its place.
type badConfig struct{ error }

// find finds out where the guard listens, and reads the token if one is to be
// sent there.
func (k *keysRun) find() error {
	address, host, err := k.address()
	if err != nil {
		return err
	}
	k.guard = newAdminClient(address, host)
	// At a unix socket the guard asks the system who is at the other end.
	if !k.command.post || address.Network == "unix" {
		return nil
	}
	switch {
	case k.tokenPath != "":
		if k.token, err = admin.ReadToken(k.tokenPath); err != nil {
			return fmt.Errorf("token file %s: %w", k.tokenPath, err)
		}
		return nil
	case k.file != "":
		return fmt.Errorf("changes over TCP take a token, and %s has no admin.token_file: set it and start the guard anew, or add --token-file FILE", k.file)
	}
	return errors.New("changes over TCP take a token: add --token-file FILE, which holds what the guard's admin.token_file does, or ask over its unix socket")
}

// address is where the guard listens, and the Host header to ask it with.
func (k *keysRun) address() (a config.Address, host string, err error) {
	k.tokenPath = k.tokenFile
	if k.admin != "" {
		return parseAdminURL(k.admin)
	}
	c, err := (&configFile{path: k.file}).load()
	switch {
	case err != nil:
		return a, "", badConfig{err}
	case c.Listen.Admin.IsZero():
		return a, "", fmt.Errorf(`%s: listen.admin is "": such a guard takes no questions; set an address and start it anew`, k.file)
	}
	if k.tokenPath == "" {
		k.tokenPath = c.Admin.TokenFile
	}
	return c.Listen.Admin, anyLocalHost, nil
}

// parseAdminURL reads where a guard listens: the admin listener speaks plain HTTP,
// on a port or on a unix socket.
func parseAdminURL(s string) (a config.Address, host string, err error) {
	bad := func(remedy string) (config.Address, string, error) {
		return a, "", fmt.Errorf("--admin %+q: %s", s, remedy)
	}
	u, err := url.Parse(s)
	switch {
	case err != nil || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "http" && u.Scheme != "unix":
		return bad("write http://HOST:PORT or unix:///PATH, and nothing else")
	case u.Scheme == "unix" && (u.Host != "" || !filepath.IsAbs(u.Path) || strings.HasSuffix(u.Path, "/")):
		return bad("write the socket's absolute path, as in unix:///run/jwtguard/admin.sock")
	case u.Scheme == "unix":
		return config.Address{Network: "unix", Addr: u.Path}, anyLocalHost, nil
	case u.Path != "" && u.Path != "/":
		return bad("leave the path out: write http://HOST:PORT")
	}
	if port, err := strconv.ParseUint(u.Port(), 10, 16); err != nil || port == 0 || u.Hostname() == "" {
		return bad("write host and port, as in http://127.0.0.1:9192")
	}
	return config.Address{Network: "tcp", Addr: u.Host}, u.Host, nil
}

// where are the flags that name the guard, for the next command.
func (k *keysRun) where() string {
	var words []string
	for _, f := range [...]struct{ name, value string }{{"-c", k.file}, {"--admin", k.admin}, {"--token-file", k.tokenFile}} {
		if f.value != "" {
			words = append(words, f.name, shellWord(f.value))
		}
	}
	return strings.Join(words, " ")
}
