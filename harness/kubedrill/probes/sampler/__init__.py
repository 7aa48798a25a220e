"""The open-loop sampler.

A process of its own, on the harness host and, shipped as a ConfigMap, in a pod.

It imports nothing but the standard library and dnspython, and nothing of the rest of the harness.
"""
