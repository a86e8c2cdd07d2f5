package main

import (
	kubernetes "github.com/hashicorp/vault-plugin-auth-kubernetes"
	kv "github.com/hashicorp/vault-plugin-secrets-kv"
	"github.com/hashicorp/vault/builtin/logical/aws"
	"github.com/hashicorp/vault/builtin/logical/transit"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
)

// The engines by kind and name. Vault asks for a factory of a factory, because its external plugins are started that way.
var compiledIn = map[consts.PluginType]map[string]logical.Factory{
	consts.PluginTypeCredential: {"kubernetes": kubernetes.Factory},
	consts.PluginTypeSecrets:    {"aws": aws.Factory, "kv": kv.Factory, "transit": transit.Factory},
}

type engines struct{}

func (engines) Contains(name string, kind consts.PluginType) bool {
	_, found := compiledIn[kind][name]
	return found
}

func (engines) Get(name string, kind consts.PluginType) (func() (interface{}, error), bool) {
	factory, found := compiledIn[kind][name]
	return func() (interface{}, error) { return factory, nil }, found
}

func (engines) Keys(kind consts.PluginType) []string {
	names := make([]string, 0, len(compiledIn[kind]))
	for name := range compiledIn[kind] {
		names = append(names, name)
	}
	return names
}

func (engines) DeprecationStatus(name string, kind consts.PluginType) (consts.DeprecationStatus, bool) {
	_, found := compiledIn[kind][name]
	return consts.Supported, found
}

func (engines) IsBuiltinEntPlugin(string, consts.PluginType) bool { return false }
