"""Many small models in few pods: which of them a pod keeps in memory, and which pod a request goes to.

`residency` and `placement` decide and are pure: no clock, no network, no files. `catalogue` says which models there are. The
rest does what they say: `artefacts` brings bytes, `residents` loads and unloads in MLServer, `placer` answers Envoy. Nothing
here knows Tidegate. A pod can answer for every model of its catalogue, so a wrong placement is slow and never wrong.
"""
