"""The embedded platform: two regions of real Kubernetes on one Linux machine, in namespaces without a way out."""
