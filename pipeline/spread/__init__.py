"""Steps 1 to 3 for a frame that lies on a cluster: in two passes, by workers; the driver sees no row.

records.py    what workers tell the driver, and what the driver tells them
partition.py  pass 1 and pass 2 on a worker
sorting.py    both passes as the driver sees them
rejects.py    the rejects as objects in the bucket
"""
