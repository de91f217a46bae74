"""CPU a request of the gateway and of its peers, side by side: ``python -m bench``."""
