"""`tidegate gate`: judging whether a change may merge. One file for each thing that is judged or shown."""
