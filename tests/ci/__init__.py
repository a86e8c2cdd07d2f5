"""What users copy for their CI: workflows and the Jenkinsfile."""
