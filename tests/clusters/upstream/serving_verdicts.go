// Tells what KServe and Knative Serving refuse of rendered InferenceServices, by their own code and without a cluster.
// A dry run of an InferenceService never meets Knative's checks, because KServe makes the Knative Service later. Here KServe's own
// reconcilers make it, and Knative's own webhook code sets its defaults and judges it.
// Reads {kserve, features, runtimes, services} and prints a list of refusals for each service. Built with the modules of
// clusters/embedded/builds/kserve.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/kserve/kserve/pkg/apis/serving/v1alpha1"
	"github.com/kserve/kserve/pkg/apis/serving/v1beta1"
	"github.com/kserve/kserve/pkg/constants"
	"github.com/kserve/kserve/pkg/controller/v1beta1/inferenceservice/components"
	corev1 "k8s.io/api/core/v1"
	apierr "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"knative.dev/pkg/apis"
	knconfig "knative.dev/serving/pkg/apis/config"
	knservingv1 "knative.dev/serving/pkg/apis/serving/v1"
	autoscalerconfig "knative.dev/serving/pkg/autoscaler/config"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

type question struct {
	KServe     map[string]string                // ConfigMap inferenceservice-config
	Features   map[string]string                // Knative's config-features
	Autoscaler map[string]string                // Knative's config-autoscaler
	Runtimes   []v1alpha1.ClusterServingRuntime // every runtime of the cluster
	Services   []json.RawMessage                // InferenceServices
}

// What reconcilers see of a cluster: its runtimes. What they create is kept; there is nothing else to be found.
type cluster struct {
	client.Client
	runtimes map[string]v1alpha1.ClusterServingRuntime
	made     []*knservingv1.Service
}

func (c *cluster) Get(_ context.Context, key client.ObjectKey, object client.Object, _ ...client.GetOption) error {
	if wanted, ok := object.(*v1alpha1.ClusterServingRuntime); ok {
		if found, ok := c.runtimes[key.Name]; ok {
			found.DeepCopyInto(wanted)
			return nil
		}
	}
	return apierr.NewNotFound(schema.GroupResource{Resource: fmt.Sprintf("%T", object)}, key.Name)
}

func (c *cluster) List(context.Context, client.ObjectList, ...client.ListOption) error { return nil }

func (c *cluster) Create(_ context.Context, object client.Object, _ ...client.CreateOption) error {
	if service, ok := object.(*knservingv1.Service); ok {
		c.made = append(c.made, service)
	}
	return nil
}

// Of the API itself reconcilers ask for KServe's own configuration only.
type clientset struct {
	kubernetes.Interface
	config *corev1.ConfigMap
}

type core struct {
	corev1client.CoreV1Interface
	config *corev1.ConfigMap
}

type configMaps struct {
	corev1client.ConfigMapInterface
	config *corev1.ConfigMap
}

func (c clientset) CoreV1() corev1client.CoreV1Interface { return core{config: c.config} }

func (c core) ConfigMaps(string) corev1client.ConfigMapInterface { return configMaps{config: c.config} }

func (c configMaps) Get(_ context.Context, name string, _ metav1.GetOptions) (*corev1.ConfigMap, error) {
	if name != c.config.Name {
		return nil, apierr.NewNotFound(schema.GroupResource{Resource: "configmaps"}, name)
	}
	return c.config, nil
}

func main() {
	var asked question
	must(json.NewDecoder(os.Stdin).Decode(&asked))
	config := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: constants.InferenceServiceConfigMapName}, Data: asked.KServe}
	runtimes := map[string]v1alpha1.ClusterServingRuntime{}
	for _, each := range asked.Runtimes {
		runtimes[each.Name] = each
	}
	verdicts := [][]string{}
	for _, service := range asked.Services {
		verdicts = append(verdicts, judge(asked, config, runtimes, service))
	}
	must(json.NewEncoder(os.Stdout).Encode(verdicts))
}

func judge(asked question, config *corev1.ConfigMap, runtimes map[string]v1alpha1.ClusterServingRuntime, text json.RawMessage) []string {
	ctx := context.Background()
	service := &v1beta1.InferenceService{}
	if err := json.Unmarshal(text, service); err != nil {
		return []string{"kserve: " + err.Error()}
	}
	isvcConfig, err := v1beta1.NewInferenceServicesConfig(config)
	must(err)
	deployConfig, err := v1beta1.NewDeployConfig(config)
	must(err)
	service.DefaultInferenceService(isvcConfig, deployConfig, nil, nil, nil)
	if _, err := (&v1beta1.InferenceServiceValidator{}).ValidateCreate(ctx, service); err != nil {
		return []string{"kserve: " + err.Error()}
	}
	mode := constants.DeploymentModeType(service.Annotations[constants.DeploymentMode])
	if mode != constants.Knative {
		return []string{}
	}
	scheme := runtime.NewScheme()
	must(v1beta1.AddToScheme(scheme))
	must(knservingv1.AddToScheme(scheme))
	known, api := &cluster{runtimes: runtimes}, clientset{config: config}
	parts := []components.Component{components.NewPredictor(known, api, scheme, isvcConfig, mode)}
	if service.Spec.Transformer != nil {
		parts = append(parts, components.NewTransformer(known, api, scheme, isvcConfig, mode))
	}
	if service.Spec.Explainer != nil {
		parts = append(parts, components.NewExplainer(known, api, scheme, isvcConfig, mode))
	}
	refusals := []string{}
	for _, part := range parts {
		if _, err := part.Reconcile(ctx, service); err != nil {
			refusals = append(refusals, "kserve: "+err.Error())
		}
	}
	if len(known.made) != len(parts) && len(refusals) == 0 {
		refusals = append(refusals, fmt.Sprintf("kserve: made %d Knative Services for %d parts", len(known.made), len(parts)))
	}
	for _, made := range known.made {
		if err := knative(asked, made); err != nil {
			refusals = append(refusals, "knative: "+made.Name+": "+err.Error())
		}
	}
	return refusals
}

// As Knative's webhook does at a create: defaults first, then the verdict, under the region's own configuration.
func knative(asked question, service *knservingv1.Service) error {
	features, err := knconfig.NewFeaturesConfigFromMap(asked.Features)
	must(err)
	defaults, err := knconfig.NewDefaultsConfigFromMap(map[string]string{})
	must(err)
	scaling, err := autoscalerconfig.NewConfigFromMap(asked.Autoscaler)
	must(err)
	ctx := knconfig.ToContext(context.Background(), &knconfig.Config{Defaults: defaults, Features: features, Autoscaler: scaling})
	ctx = apis.WithinCreate(ctx)
	service.SetDefaults(ctx)
	if refused := service.Validate(ctx).Filter(apis.ErrorLevel); refused != nil {
		return refused
	}
	return nil
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
