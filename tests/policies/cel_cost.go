// Tells what evaluating a policy costs, in the API server's own units: its budget for one binding is 10,000,000. And what it comes to:
// whether its conditions let it judge at all, and which of its validations refuse.
// Reads a JSON list of {policy, request} and prints a list of {cost, judges, refuses}. Built with the modules of
// clusters/embedded/builds/kubernetes.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	celtypes "github.com/google/cel-go/common/types"
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
	Group, Version, Kind, Resource, Subresource, Operation, User string
	Groups                                                       []string
	DryRun                                                       bool
	Object, OldObject, Params                                    map[string]any
	Namespace                                                    *corev1.Namespace
}

type verdict struct {
	Cost    int64 `json:"cost"`
	Judges  bool  `json:"judges"`
	Refuses []int `json:"refuses"`
	// Of expressions that could not be evaluated, which counts as refusing.
	Errors []string `json:"errors"`
}

type question struct {
	Policy  admissionregistration.ValidatingAdmissionPolicy
	Request request
}

func main() {
	var questions []question
	must(json.NewDecoder(os.Stdin).Decode(&questions))
	verdicts := []verdict{}
	for _, each := range questions {
		verdicts = append(verdicts, judge(each.Policy.Spec, each.Request))
	}
	must(json.NewEncoder(os.Stdout).Encode(verdicts))
}

// As compilePolicy of k8s.io/apiserver/pkg/admission/plugin/policy/validating puts a policy together, which is private.
func judge(spec admissionregistration.ValidatingAdmissionPolicySpec, asked request) verdict {
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
	found := verdict{Errors: []string{}}
	found.Judges = len(falseOnes(compiler, conditions, declared, asked, &found)) == 0
	found.Refuses = falseOnes(compiler, validations, declared, asked, &found)
	return found
}

// Which expressions are false, or cannot be evaluated; what all of them cost is added to the verdict.
func falseOnes(
	compiler *cel.CompositedCompiler, expressions []cel.ExpressionAccessor, declared cel.OptionalVariableDeclarations, asked request,
	told *verdict,
) []int {
	kind := schema.GroupVersionKind{Group: asked.Group, Version: asked.Version, Kind: asked.Kind}
	resource := schema.GroupVersionResource{Group: asked.Group, Version: asked.Version, Resource: asked.Resource}
	var object, before runtime.Object
	name, namespace := "", ""
	for _, each := range []struct {
		from map[string]any
		to   *runtime.Object
	}{{asked.OldObject, &before}, {asked.Object, &object}} {
		if each.from != nil {
			found := &unstructured.Unstructured{Object: each.from}
			*each.to, name, namespace = found, found.GetName(), found.GetNamespace()
		}
	}
	attributes := admission.NewAttributesRecord(object, before, kind, namespace, name, resource, asked.Subresource,
		admission.Operation(asked.Operation), nil, asked.DryRun, &user.DefaultInfo{Name: asked.User, Groups: asked.Groups})
	versioned := &admission.VersionedAttributes{Attributes: attributes, VersionedKind: kind, VersionedObject: object, VersionedOldObject: before}
	var params runtime.Object
	if declared.HasParams && asked.Params != nil {
		params = &unstructured.Unstructured{Object: asked.Params}
	}
	var allowed authorizer.Authorizer = authorizerfactory.NewAlwaysAllowAuthorizer()
	results, remaining, err := compiler.CompileCondition(expressions, declared, environment.StoredExpressions).ForInput(
		context.Background(), versioned, cel.CreateAdmissionRequest(attributes, metav1.GroupVersionResource(resource), metav1.GroupVersionKind(kind)),
		cel.OptionalVariableBindings{VersionedParams: params, Authorizer: allowed}, asked.Namespace, apicel.RuntimeCELCostBudget)
	must(err)
	told.Cost += apicel.RuntimeCELCostBudget - remaining
	found := []int{}
	for index, result := range results {
		if result.Error != nil {
			told.Errors = append(told.Errors, result.Error.Error())
		}
		if result.Error != nil || result.EvalResult != celtypes.True {
			found = append(found, index)
		}
	}
	return found
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
