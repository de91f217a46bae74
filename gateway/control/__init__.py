"""The control plane: the API that shows and flips flags, health and metrics."""

from gateway.control.application import make_control
from gateway.control.services import Services

__all__ = ["Services", "make_control"]
