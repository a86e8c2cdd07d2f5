"""The command line: the only place that prints, prompts and exits. Each command asks one of the packages beside it and shows the answer."""
