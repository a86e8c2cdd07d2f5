# What `tidegate up` may do: write what the repository says, sign models, take back what was lent. It reads no tenant's secrets
# and no credentials, and cannot make a token but its own.
path "sys/mounts" {
  capabilities = ["read"]
}

path "sys/auth" {
  capabilities = ["read"]
}

path "sys/policies/acl/tenant-*" {
  capabilities = ["create", "read", "update", "delete"]
}

path "sys/policies/acl" {
  capabilities = ["list"]
}

path "auth/kubernetes/role" {
  capabilities = ["list"]
}

path "auth/kubernetes/role/*" {
  capabilities = ["create", "read", "update", "delete"]
}

# Its own role and policy are written when Vault is initialised, and by nobody else.
path "auth/kubernetes/role/platform" {
  capabilities = ["read"]
}

path "sys/policies/acl/platform" {
  capabilities = ["read"]
}

# It gives its token back when it is done.
path "auth/token/revoke-self" {
  capabilities = ["update"]
}

path "aws/config/root" {
  capabilities = ["create", "read", "update"]
}

path "aws/roles" {
  capabilities = ["list"]
}

path "aws/roles/*" {
  capabilities = ["create", "read", "update", "delete"]
}

path "transit/wrapping_key" {
  capabilities = ["read"]
}

path "transit/keys/*" {
  capabilities = ["create", "read", "update"]
}

path "transit/sign/*" {
  capabilities = ["update"]
}

path "sys/leases/revoke-prefix/auth/kubernetes/login" {
  capabilities = ["update", "sudo"]
}

path "sys/seal" {
  capabilities = ["update", "sudo"]
}
