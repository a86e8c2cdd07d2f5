// Package k8s stands in for the way to find servers through Kubernetes, which Vault names by itself.
package k8s

// Provider finds nobody.
type Provider struct{}
