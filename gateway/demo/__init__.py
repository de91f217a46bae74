"""Bookshop: a small site to try the gateway with. It knows nothing of the gateway."""
