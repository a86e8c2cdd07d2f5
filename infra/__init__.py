"""What Terraform owns: each region's cloud, as typed stacks that synthesise to Terraform JSON.

What belongs here: one module per stack (`stacks/`, one state and one blast radius each), the pieces two stacks share
(`constructs/`), the outputs that stacks hand to each other (`outputs.py`) and the app (`main.py`). What does not:
anything inside a Kubernetes cluster past Argo CD's first start (`clusters/`), running terraform (`tidegate.cloud`).
"""
