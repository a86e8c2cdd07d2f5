"""What the API server refuses: the policies of `policies/`, who is exempt from which, and where they apply."""
