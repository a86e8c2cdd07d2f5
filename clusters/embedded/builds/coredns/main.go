// CoreDNS with the plugins that the embedded region's Corefile names, and no others: a cluster's DNS in half the build time.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"

	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/hosts"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/loop"
	_ "github.com/coredns/coredns/plugin/metrics"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/reload"
)

// The order in which plugins handle a query, whatever the Corefile's order.
func init() {
	dnsserver.Directives = []string{"reload", "health", "ready", "prometheus", "errors", "cache", "hosts", "loop", "kubernetes"}
}

func main() { coremain.Run() }
