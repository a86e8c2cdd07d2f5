"""Our own programs that run in pods. Each may import the one package of `tidegate` that it runs."""
