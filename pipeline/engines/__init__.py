"""Where slices are worked on. An engine maps a pure function over slices and hands back results in order."""
