"""Signs models, and checks what was signed: on a pull request here, in a starting pod with the same `checks`."""
