"""What brings the rendered objects to the embedded regions: the Git server, what is rendered for them, and what is applied before Argo CD runs."""
