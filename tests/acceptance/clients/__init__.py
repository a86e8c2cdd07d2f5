"""The programs of callers, each as its library's users write it. None of them knows the platform."""
