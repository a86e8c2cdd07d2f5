package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"strings"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-kms-wrapping/v2/aead"
	"github.com/hashicorp/vault/vault"
	"github.com/hashicorp/vault/vault/seal"
)

// Names the file that holds the sealing key: 32 bytes in base64.
const sealKeyFile = "VAULT_SEAL_KEY_FILE"

// A seal that opens itself, as one by KMS does: what is on disk is encrypted by a key that this key encrypts.
func newSeal(path string, logger hclog.Logger) (vault.Seal, error) {
	if path == "" {
		return nil, fmt.Errorf("%s is not set", sealKeyFile)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != 32 {
		return nil, fmt.Errorf("%s does not hold 32 bytes in base64", path)
	}
	wrapper := aead.NewWrapper()
	if err := wrapper.SetAesGcmKeyBytes(key); err != nil {
		return nil, err
	}
	access, err := seal.NewAccessFromWrapper(logger.Named("seal"), wrapper, "aead")
	if err != nil {
		return nil, err
	}
	return vault.NewAutoSeal(access), nil
}
