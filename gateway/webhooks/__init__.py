"""Who is told of what happens: an event once, in order, by one member for all."""
