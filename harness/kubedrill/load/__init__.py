"""A load test of the order service.

Steps of load, what each gave, and what an autoscaler did meanwhile.
"""
