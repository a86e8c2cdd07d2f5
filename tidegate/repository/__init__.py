"""What the command line can do, as functions that return facts and raise `TidegateError`.

What belongs here: bringing the cloud up and down, guarding Terraform's state, fetching schemas, comparing revisions.
What does not: printing, prompting and exit codes (`tidegate.cli`), starting processes (`tidegate.tools`), rules about
facts (`tidegate.facts`).
"""
