# What the pods of one tenant may ask for: their own way to the model store, and their own secrets.
path "aws/sts/${tenant}" {
  capabilities = ["read"]
}

path "secret/data/${tenant}/*" {
  capabilities = ["read"]
}

# A pod gives its token back as soon as it has what it came for.
path "auth/token/revoke-self" {
  capabilities = ["update"]
}
