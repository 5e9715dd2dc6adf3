"""Tables as text: where records begin and end, their cells, and what becomes of a frame's values."""
