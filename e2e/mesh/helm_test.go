package mesh

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	loader3 "helm.sh/helm/v3/pkg/chart/loader"
	chartutil3 "helm.sh/helm/v3/pkg/chartutil"
	engine3 "helm.sh/helm/v3/pkg/engine"
	lint3 "helm.sh/helm/v3/pkg/lint"
	support3 "helm.sh/helm/v3/pkg/lint/support"
	"helm.sh/helm/v4/pkg/chart/common"
	commonutil "helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/lint"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/engine"
	"sigs.k8s.io/yaml"

	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
)

const chartDir = "deploy/helm/jwtguard"

// A helm is one major version of Helm, by its Go packages.
type helm struct {
	// template gives what `helm template` does, by the names of the templates.
	template func(dir, release, namespace string, values map[string]any) (map[string]string, error)
	// lint gives what `helm lint` has to say beyond information.
	lint func(dir string, values map[string]any) []string
}

var helms = map[string]helm{
	"3": {
		func(dir, release, namespace string, values map[string]any) (map[string]string, error) {
			c, err := loader3.Load(dir)
			if err != nil {
				return nil, err
			}
			if err := chartutil3.ProcessDependencies(c, values); err != nil {
				return nil, err
			}
			v, err := chartutil3.ToRenderValues(c, values, chartutil3.ReleaseOptions{Name: release, Namespace: namespace}, nil)
			if err != nil {
				return nil, err
			}
			return engine3.Render(c, v)
		},
		func(dir string, values map[string]any) (complaints []string) {
			for _, m := range lint3.All(dir, values, "jwtguard", true).Messages {
				if m.Severity > support3.InfoSev {
					complaints = append(complaints, m.Error())
				}
			}
			return complaints
		},
	},
	"4": {
		func(dir, release, namespace string, values map[string]any) (map[string]string, error) {
			c, err := loader.Load(dir)
			if err != nil {
				return nil, err
			}
			if err := chartutil.ProcessDependencies(c, values); err != nil {
				return nil, err
			}
			v, err := commonutil.ToRenderValues(c, values, common.ReleaseOptions{Name: release, Namespace: namespace}, nil)
			if err != nil {
				return nil, err
			}
			return engine.Render(c, v)
		},
		func(dir string, values map[string]any) (complaints []string) {
			for _, m := range lint.RunAll(dir, values, "jwtguard").Messages {
				if m.Severity > support.InfoSev {
					complaints = append(complaints, m.Error())
				}
			}
			return complaints
		},
	},
}

// manifests are what a chart renders to, as Helm would apply it.
func (h helm) manifests(dir, release string, values map[string]any) ([]byte, error) {
	rendered, err := h.template(dir, release, "jwtguard", values)
	if err != nil {
		return nil, err
	}
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(rendered)) {
		if strings.HasSuffix(name, ".yaml") && !empty([]byte(rendered[name])) {
			text.WriteString("---\n" + rendered[name] + "\n")
		}
	}
	if text.Len() == 0 {
		return nil, errors.New("the chart renders to nothing")
	}
	return []byte(text.String()), nil
}

// eachHelm runs a test with each version of Helm.
func eachHelm(t *testing.T, test func(*testing.T, helm)) {
	for version, h := range helms {
		t.Run("Helm "+version, func(t *testing.T) { test(t, h) })
	}
}

// values are those of the chart's ci folder, with YAML laid over them.
func values(t testing.TB, over string) map[string]any {
	t.Helper()
	base, top := map[string]any{}, map[string]any{}
	if err := yaml.Unmarshal([]byte(harnesstest.ReadFile(t, filepath.Join(chartDir, "ci", "service-values.yaml"))), &base); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal([]byte(over), &top); err != nil {
		t.Fatal(err)
	}
	return commonutil.MergeTables(top, base)
}

// shop is the user's chart with ours as its dependency, as `helm dependency build`
// lays them out.
func shop(t testing.TB) string {
	t.Helper()
	dir := openDir(t)
	for to, from := range map[string]string{"": "e2e/mesh/testdata/shop", "charts/jwtguard": chartDir} {
		if err := os.CopyFS(filepath.Join(dir, to), os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
