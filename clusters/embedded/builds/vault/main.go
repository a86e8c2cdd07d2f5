// Vault's server with the engines that the embedded region uses, and no others: upstream's own command compiles some fifty plugins.
//
// It is told what upstream's is told, `server -config=FILE`, and speaks the same API. Where production unseals by a key in KMS,
// this one unseals by a key in a file, through the same code.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/armon/go-metrics"
	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/audit"
	"github.com/hashicorp/vault/command/server"
	"github.com/hashicorp/vault/helper/metricsutil"
	vaulthttp "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/sdk/helper/logging"
	"github.com/hashicorp/vault/sdk/physical/file"
	"github.com/hashicorp/vault/vault"
)

// How long between two tries to unseal: a server that was never initialised has nothing to unseal with yet.
const unsealEvery = time.Second

func main() {
	if len(os.Args) < 2 || os.Args[1] != "server" {
		fmt.Fprintln(os.Stderr, "usage: vault server -config=FILE")
		os.Exit(2)
	}
	flags := flag.NewFlagSet("server", flag.ExitOnError)
	path := flags.String("config", "", "the configuration file")
	_ = flags.Parse(os.Args[2:])
	logger := logging.NewVaultLogger(hclog.Info)
	if err := serve(*path, logger); err != nil {
		logger.Error("cannot serve", "error", err)
		os.Exit(1)
	}
}

func serve(path string, logger hclog.Logger) error {
	config, err := server.LoadConfigFile(path)
	if err != nil {
		return err
	}
	if config.Storage == nil || config.Storage.Type != "file" {
		return fmt.Errorf("%s: the storage must be `file`, the only one compiled in", path)
	}
	storage, err := file.NewFileBackend(config.Storage.Config, logger.Named("storage.file"))
	if err != nil {
		return err
	}
	seal, err := newSeal(os.Getenv(sealKeyFile), logger)
	if err != nil {
		return err
	}
	core, err := vault.NewCore(&vault.CoreConfig{
		RawConfig:       config,
		Physical:        storage,
		StorageType:     config.Storage.Type,
		Seal:            seal,
		Logger:          logger,
		DisableMlock:    config.DisableMlock,
		DefaultLeaseTTL: config.DefaultLeaseTTL,
		MaxLeaseTTL:     config.MaxLeaseTTL,
		ClusterName:     config.ClusterName,
		RedirectAddr:    config.APIAddr,
		BuiltinRegistry: engines{},
		AuditBackends:   map[string]audit.Factory{"file": audit.NewFileBackend},
		MetricsHelper:   metricsutil.NewMetricsHelper(metrics.NewInmemSink(10*time.Second, time.Minute), false),
	})
	if err != nil && !vault.IsFatalError(err) {
		logger.Warn("the core complains", "error", err)
	} else if err != nil {
		return err
	}
	if len(config.Listeners) == 0 {
		return fmt.Errorf("%s names no listener", path)
	}
	failed := make(chan error, len(config.Listeners))
	for _, described := range config.Listeners {
		listener, _, _, err := server.NewListener(described, os.Stderr, nil)
		if err != nil {
			return err
		}
		handler := vaulthttp.Handler.Handler(&vault.HandlerProperties{Core: core, ListenerConfig: described})
		go func(listener net.Listener) {
			failed <- (&http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}).Serve(listener)
		}(listener)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	go unseal(ctx, core, logger)
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return core.Shutdown()
	}
}

// Unseals once, as soon as there is something to unseal. Somebody who seals it later means it: it stays sealed until it is
// started again.
func unseal(ctx context.Context, core *vault.Core, logger hclog.Logger) {
	said := ""
	for core.Sealed() {
		err := core.UnsealWithStoredKeys(ctx)
		if err != nil && err.Error() != said {
			said = err.Error()
			logger.Warn("not unsealed yet", "error", err)
		}
		if vault.IsFatalError(err) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(unsealEvery):
		}
	}
}
