"""How the tests on running regions are run: in which order, who waits for whom, and what is measured. Knows pytest, and no test."""
