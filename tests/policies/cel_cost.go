// Tells what evaluating a policy costs, in the API server's own units: its budget for one binding is 10,000,000.
// Reads a JSON list of {policy, request} and prints a list of numbers. Built with the modules of clusters/embedded/builds/kubernetes.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	admissionregistration "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions"
	apicel "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	"k8s.io/apiserver/pkg/cel/environment"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

type request struct {
	Group, Version, Resource, User string
	Groups                         []string
	Object, Params                 map[string]any
	Namespace                      *corev1.Namespace
}

type question struct {
	Policy  admissionregistration.ValidatingAdmissionPolicy
	Request request
}

func main() {
	var questions []question
	must(json.NewDecoder(os.Stdin).Decode(&questions))
	costs := []int64{}
	for _, each := range questions {
		costs = append(costs, cost(each.Policy.Spec, each.Request))
	}
	must(json.NewEncoder(os.Stdout).Encode(costs))
}

// As compilePolicy of k8s.io/apiserver/pkg/admission/plugin/policy/validating puts a policy together, which is private.
func cost(spec admissionregistration.ValidatingAdmissionPolicySpec, asked request) int64 {
	declared := cel.OptionalVariableDeclarations{HasParams: spec.ParamKind != nil, HasAuthorizer: true}
	compiler, err := cel.NewCompositedCompiler(environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()))
	must(err)
	for _, variable := range spec.Variables {
		named := &validating.Variable{Name: variable.Name, Expression: variable.Expression}
		compiler.CompileAndStoreVariable(named, declared, environment.StoredExpressions)
	}
	conditions := []cel.ExpressionAccessor{}
	for index := range spec.MatchConditions {
		conditions = append(conditions, (*matchconditions.MatchCondition)(&spec.MatchConditions[index]))
	}
	validations := []cel.ExpressionAccessor{}
	for _, validation := range spec.Validations {
		validations = append(validations, &validating.ValidationCondition{Expression: validation.Expression})
	}
	return spent(compiler, conditions, declared, asked) + spent(compiler, validations, declared, asked)
}

func spent(compiler *cel.CompositedCompiler, expressions []cel.ExpressionAccessor, declared cel.OptionalVariableDeclarations, asked request) int64 {
	object := &unstructured.Unstructured{Object: asked.Object}
	kind := object.GroupVersionKind()
	resource := schema.GroupVersionResource{Group: asked.Group, Version: asked.Version, Resource: asked.Resource}
	attributes := admission.NewAttributesRecord(object, nil, kind, object.GetNamespace(), object.GetName(), resource, "",
		admission.Create, nil, false, &user.DefaultInfo{Name: asked.User, Groups: asked.Groups})
	versioned := &admission.VersionedAttributes{Attributes: attributes, VersionedKind: kind, VersionedObject: object}
	var params runtime.Object
	if declared.HasParams {
		params = &unstructured.Unstructured{Object: asked.Params}
	}
	var allowed authorizer.Authorizer = authorizerfactory.NewAlwaysAllowAuthorizer()
	results, remaining, err := compiler.CompileCondition(expressions, declared, environment.StoredExpressions).ForInput(
		context.Background(), versioned, cel.CreateAdmissionRequest(attributes, metav1.GroupVersionResource(resource), metav1.GroupVersionKind(kind)),
		cel.OptionalVariableBindings{VersionedParams: params, Authorizer: allowed}, asked.Namespace, apicel.RuntimeCELCostBudget)
	must(err)
	for _, result := range results {
		must(result.Error)
	}
	return apicel.RuntimeCELCostBudget - remaining
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
