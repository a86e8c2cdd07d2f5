"""Replays one series of requests to our analysis, to Flagger's and to Argo Rollouts', each as its documentation writes it."""
