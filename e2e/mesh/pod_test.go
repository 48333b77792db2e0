package mesh

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// A pod runs on this machine what the containers of a workload's pod run. Folders stand
// for its volumes, and the paths in arguments and configurations are those of the
// folders. Where this is run by root, each container has the user and groups of the
// manifest, and none of root's capabilities.
type pod struct {
	workload
	t       testing.TB
	all     objects
	issuer  *devissuer.Server
	key     *devissuer.Key // published
	volumes map[string]string
	asUsers bool
	changes int // of ConfigMaps
	metrics string
	grpc    string // where TCP, by listen.grpc of the manifest, is here
	guard   *harness.Guard

	// How clients know the guard: by this authority (PEM), under this name.
	authority, server string
}

const (
	// theirIssuer is the issuer in the manifests; the pod's takes its place.
	theirIssuer = "https://issuer.example.com"
	audience    = "payments-api"
	// serverName is what Envoys of a mesh call the shared service.
	serverName = "jwtguard.jwtguard.svc"
)

// newPod lays out the pod of the only workload of a rendering.
func newPod(t testing.TB, all objects) *pod {
	t.Helper()
	p := &pod{workload: workloads(all)[0], t: t, all: all, key: devissuer.SharedKey("2026-11", "ES256")}
	var err error
	if p.issuer, err = devissuer.Start(devissuer.NewCA()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.issuer.Close() })
	p.issuer.Publish(p.key)
	p.authority, p.server = string(p.issuer.CA.PEM()), serverName
	// Containers have the CAs of their image; here, these are the issuer's.
	cas := filepath.Join(openDir(t), "ca.pem")
	p.must(p.issuer.CA.WriteFile(cas))
	p.must(os.Chmod(cas, 0o644))
	t.Setenv("SSL_CERT_FILE", cas)

	_, err = exec.LookPath("setpriv")
	p.asUsers = os.Geteuid() == 0 && err == nil
	p.metrics, p.grpc = p.freePort(), p.freePort()
	p.fresh()
	return p
}

func (p *pod) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *pod) freePort() string {
	p.t.Helper()
	address, err := harness.FreePort()
	p.must(err)
	return address
}

// fresh gives the pod new volumes, as a pod gets that takes another one's place; a
// claim's volume stays.
func (p *pod) fresh() {
	p.t.Helper()
	claimed := maps.Clone(p.volumes)
	p.volumes = map[string]string{}
	for _, c := range p.claims {
		if p.volumes[c.Name] = claimed[c.Name]; p.volumes[c.Name] == "" {
			p.folder(c.Name, 0o775)
		}
	}
	for _, v := range p.template.Spec.Volumes {
		switch {
		case v.EmptyDir != nil:
			p.folder(v.Name, 0o777)
		case v.ConfigMap != nil:
			p.folder(v.Name, 0o755)
		case v.Secret != nil:
			p.folder(v.Name, 0o755)
			p.certificates(v.Name)
		default:
			p.t.Fatalf("volume %s: of a kind that this test does not know", v.Name)
		}
	}
	for _, v := range p.template.Spec.Volumes {
		if v.ConfigMap != nil {
			m := the[*corev1.ConfigMap](p.t, p.all, v.ConfigMap.Name)
			p.publish(v.Name, m.Data)
		}
	}
}

// folder makes a folder for a volume. As the kubelet does, it gives it to the pod's
// fsGroup, and has what is made in it belong to that group as well.
func (p *pod) folder(volume string, mode os.FileMode) {
	p.t.Helper()
	dir := openDir(p.t)
	if group := p.template.Spec.SecurityContext.FSGroup; group != nil && p.asUsers {
		p.must(os.Chown(dir, 0, int(*group)))
		mode |= os.ModeSetgid
	}
	p.must(os.Chmod(dir, mode))
	p.volumes[volume] = dir
}

// certificates fills the Secret of a shared guard.
func (p *pod) certificates(volume string) {
	p.t.Helper()
	cert, key := devissuer.KeyPairPEM(p.issuer.CA.Server(serverName))
	for name, content := range map[string][]byte{"tls.crt": cert, "tls.key": key, "ca.crt": p.issuer.CA.PEM()} {
		p.secret(volume, name, string(content))
	}
}

// secret puts a file of a Secret into its volume, with the mode of the manifests.
func (p *pod) secret(volume, name, content string) {
	p.t.Helper()
	file := filepath.Join(p.volumes[volume], name)
	p.must(os.RemoveAll(file))
	p.must(os.WriteFile(file, []byte(content), 0o440))
	if group := p.template.Spec.SecurityContext.FSGroup; group != nil && p.asUsers {
		p.must(os.Chown(file, 0, int(*group)))
	}
}

// publish puts the content of a ConfigMap into its volume, by the steps of the kubelet
// (pkg/volume/util/atomic_writer.go): a new folder with all files, a symlink to it that
// is renamed over ..data, and at the first time a symlink through ..data for each file.
func (p *pod) publish(volume string, content map[string]string) {
	p.t.Helper()
	dir := p.volumes[volume]
	p.changes++
	version := fmt.Sprintf("..2026_11_23_%d", p.changes)
	p.must(os.Mkdir(filepath.Join(dir, version), 0o755))
	for name, text := range content {
		p.must(os.WriteFile(filepath.Join(dir, version, name), []byte(p.mapped(text)), 0o644))
	}
	old, _ := os.Readlink(filepath.Join(dir, "..data"))
	p.must(os.Symlink(version, filepath.Join(dir, "..data_tmp")))
	p.must(os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
	if old != "" {
		p.must(os.RemoveAll(filepath.Join(dir, old)))
		return
	}
	for name := range content {
		p.must(os.Symlink(filepath.Join("..data", name), filepath.Join(dir, name)))
	}
}

// mapped replaces what is elsewhere on this machine: the guard's folders, its ports, its
// issuer. Nobody has to learn that it stops, so it does at once.
func (p *pod) mapped(text string) string {
	guard, _ := p.container(guardName)
	for _, m := range guard.VolumeMounts {
		text = strings.ReplaceAll(text, m.MountPath+"/", p.volumes[m.Name]+"/")
	}
	return strings.NewReplacer(
		`":9193"`, p.metrics, `":9191"`, p.grpc, "drain: 15s", "drain: 0s", theirIssuer, p.issuer.URL,
	).Replace(text)
}

// guardArgs are the arguments of the guard's container.
func (p *pod) guardArgs() []string {
	guard, _ := p.container(guardName)
	args := slices.Clone(guard.Args)
	for i := range args {
		args[i] = p.mapped(args[i])
	}
	return args
}

// command is a program as the user of a container, with its arguments.
func (p *pod) command(container, program string, args ...string) []string {
	all := append([]string{program}, args...)
	if !p.asUsers {
		return all
	}
	c, _ := p.container(container)
	s := *c.SecurityContext
	user, group := strconv.FormatInt(*s.RunAsUser, 10), strconv.FormatInt(*s.RunAsGroup, 10)
	groups := group
	if g := p.template.Spec.SecurityContext.FSGroup; g != nil {
		groups += "," + strconv.FormatInt(*g, 10)
	}
	return append([]string{"setpriv", "--reuid", user, "--regid", group, "--groups", groups,
		"--bounding-set", "-all", "--inh-caps", "-all", "--no-new-privs", "--pdeathsig", "KILL", "--"}, all...)
}

// start starts the guard and waits until it is ready.
func (p *pod) start() {
	p.t.Helper()
	command := p.command(guardName, harnesstest.GuardBinary(p.t), p.guardArgs()...)
	program, err := exec.LookPath(command[0])
	p.must(err)
	process, err := harness.StartProcess(guardName, program, command[1:]...)
	p.must(err)
	guard := &harness.Guard{Process: process, Metrics: p.metrics}
	p.guard = guard
	p.t.Cleanup(func() {
		guard.Stop()
		if p.t.Failed() {
			p.t.Logf("jwtguard said:\n%s", guard.Stderr)
		}
	})
	if err := guard.Ready(harnesstest.Step(p.t)); err != nil {
		p.t.Fatalf("%v: %s", err, guard.Stderr)
	}
}

// exec runs a command of the guard's, as `kubectl exec` does in its container, with the
// paths of the manifest.
func (p *pod) exec(args ...string) harness.Said {
	p.t.Helper()
	for i := range args {
		args[i] = p.mapped(args[i])
	}
	command := p.command(guardName, harnesstest.GuardBinary(p.t), args...)
	program, err := exec.LookPath(command[0])
	p.must(err)
	said, err := harness.Command(harnesstest.Step(p.t), program, command[1:]...)
	p.must(err)
	return said
}

// token is a good one, with more claims laid over it.
func (p *pod) token(more devissuer.Claims) string {
	return p.key.Token(devissuer.StandardClaims(p.issuer.URL, audience, 10*time.Minute).With(more))
}
