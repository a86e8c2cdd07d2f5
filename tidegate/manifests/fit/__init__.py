"""Whether some node could host a pod, told from files alone, as the scheduler would decide it.

What belongs here: reading pods, NodePools and quantities out of rendered objects, and the comparison of one pod with one empty
node. What does not: money, quotas and priorities; and what only a running cluster knows, such as the other pods on a node.

A pod is compared with empty nodes: with nothing on them but the DaemonSets they carry. Not judged, and so never a reason for a
refusal: volumes, host ports, resource claims, and affinity to other pods than the pod's own kind.
"""
