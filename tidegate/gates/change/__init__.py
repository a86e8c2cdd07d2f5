"""What a pull request changes, and which gates that needs.

What belongs here: comparing facts that were read already, sorting changed files, and picking gates. What does not: reading a revision
(`tidegate.repository.merge`) and judging (`tidegate.gates.static` and the package of each gate).
"""
