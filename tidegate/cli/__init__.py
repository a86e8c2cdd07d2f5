"""The command line: the only place that prints, prompts and exits. Each command asks `tidegate.repository` and shows the answer."""
