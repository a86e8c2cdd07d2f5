"""What is done to a checkout: rendering and validating it, writing facts into it, comparing its revisions.

What belongs here: functions that return facts and raise `TidegateError`. What does not: printing, prompting and exit codes
(`tidegate.cli`), rules about facts (`tidegate.facts`) and about rendered files (`tidegate.manifests`).
"""
