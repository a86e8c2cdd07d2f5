"""Long seeded trials, run by `make soak` and never in CI; a few of them run in `make test`."""
