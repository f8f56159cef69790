"""What the matrix asks of each framework's shop in docs/frameworks.md beyond what stands there.

Each module imports that page's `shop` and adds views to it; none of them knows pixelpair's doors.
"""
