"""The bucket: a client that is set up right, one upload in parts, how the object is written, refusals."""
