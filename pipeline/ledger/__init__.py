"""How a run is remembered: events and claims in the bucket, and the state that they come to."""
