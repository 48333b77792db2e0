// Command apiserver reads manifests from standard input and says, one a line, what the
// validation of Kubernetes' API server has against them: what `kubectl apply` would be
// refused for. Exit status: 0 nothing, 1 something, 2 they could not be read.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/apis/apps"
	_ "k8s.io/kubernetes/pkg/apis/apps/install"
	appsvalidation "k8s.io/kubernetes/pkg/apis/apps/validation"
	"k8s.io/kubernetes/pkg/apis/core"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	corevalidation "k8s.io/kubernetes/pkg/apis/core/validation"
	"k8s.io/kubernetes/pkg/apis/networking"
	_ "k8s.io/kubernetes/pkg/apis/networking/install"
	networkingvalidation "k8s.io/kubernetes/pkg/apis/networking/validation"
	"k8s.io/kubernetes/pkg/apis/policy"
	_ "k8s.io/kubernetes/pkg/apis/policy/install"
	policyvalidation "k8s.io/kubernetes/pkg/apis/policy/validation"
)

func main() {
	complaints := 0
	for documents := yaml.NewYAMLReader(bufio.NewReader(os.Stdin)); ; {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			var found int
			found, err = judge(document)
			complaints += found
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
	}
	if complaints > 0 {
		os.Exit(1)
	}
}

// judge prints what is wrong with one manifest, and counts it. The manifest goes the
// server's way: decoded, defaulted, converted to the internal version, validated.
func judge(document []byte) (int, error) {
	versioned, kind, err := legacyscheme.Codecs.UniversalDeserializer().Decode(document, nil, nil)
	if err != nil {
		return 0, err
	}
	legacyscheme.Scheme.Default(versioned)
	object, err := legacyscheme.Scheme.ConvertToVersion(versioned, runtime.InternalGroupVersioner)
	if err != nil {
		return 0, err
	}
	named, err := meta.Accessor(object)
	if err != nil {
		return 0, err
	}
	if _, ok := object.(*core.Namespace); !ok && named.GetNamespace() == "" {
		named.SetNamespace("default") // the request's
	}
	found, err := validate(object)
	for _, e := range found {
		fmt.Printf("%s %s: %v\n", kind.Kind, named.GetName(), e)
	}
	return len(found), err
}

// validate calls what the server does for a new object of the kind.
func validate(object runtime.Object) (field.ErrorList, error) {
	var pods corevalidation.PodValidationOptions
	switch o := object.(type) {
	case *apps.Deployment:
		return appsvalidation.ValidateDeployment(o, pods), nil
	case *apps.StatefulSet:
		return appsvalidation.ValidateStatefulSet(o, pods), nil
	case *core.Service:
		if o.Spec.ClusterIP != "" { // as the server fills it in before
			o.Spec.ClusterIPs = []string{o.Spec.ClusterIP}
		}
		return corevalidation.ValidateServiceCreate(o), nil
	case *core.ConfigMap:
		return corevalidation.ValidateConfigMap(o), nil
	case *core.Namespace:
		return corevalidation.ValidateNamespace(o), nil
	case *core.ServiceAccount:
		return corevalidation.ValidateServiceAccount(o), nil
	case *policy.PodDisruptionBudget:
		return policyvalidation.ValidatePodDisruptionBudget(o, policyvalidation.PodDisruptionBudgetValidationOptions{}), nil
	case *networking.NetworkPolicy:
		return networkingvalidation.ValidateNetworkPolicy(o, networkingvalidation.NetworkPolicyValidationOptions{}), nil
	}
	return nil, fmt.Errorf("%T: nothing is known of its validation", object)
}
